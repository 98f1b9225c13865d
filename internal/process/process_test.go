package process_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/process"
)

// TestMain also serves as the hardened process of
// TestChildrenInheritWhatWasBefore and as the parent of orphans in
// TestOrphansAreReaped.
func TestMain(m *testing.M) {
	switch os.Getenv("VIGENTE_TEST_PROCESS") {
	case "hardened":
		hardened()
	case "orphans":
		adoptive()
	default:
		os.Exit(m.Run())
	}
}

// again runs this test binary in another role and returns what it prints.
func again(t *testing.T, as string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "VIGENTE_TEST_PROCESS="+as)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func run(t *testing.T, c process.Command) (process.Result, error) {
	t.Helper()
	return (*process.Runner)(nil).Run(t.Context(), c)
}

func script(text string) []string { return []string{"/bin/sh", "-c", text, "canary"} }

func wantKind(t *testing.T, err error, kind process.Kind) {
	t.Helper()
	e, ok := errors.AsType[*process.Error](err)
	if !ok || e.Kind != kind {
		t.Fatalf("got %v, want kind %d", err, kind)
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("%q contains a secret", err)
	}
}

// TestOutputIsBounded checks what is kept, what ends the run, and what is
// discarded.
func TestOutputIsBounded(t *testing.T) {
	both := "printf token; printf canary-of-stderr >&2"
	res, err := run(t, process.Command{Args: script(both), MaxStdout: 5, MaxStderr: 6})
	if err != nil || res.Stdout.Reveal() != "token" || res.Stderr.Reveal() != "canary" || res.Code != 0 {
		t.Errorf("got stdout %q, stderr %q, code %d, %v", res.Stdout.Reveal(), res.Stderr.Reveal(), res.Code, err)
	}
	res, err = run(t, process.Command{Args: script(both), MaxStdout: 4})
	wantKind(t, err, process.TooMuch)
	if res.Stdout.Reveal() != "toke" {
		t.Errorf("got stdout %q, want toke", res.Stdout.Reveal())
	}
	start := time.Now()
	_, err = run(t, process.Command{Args: script("yes canary"), MaxStdout: 64 << 10, Timeout: time.Minute})
	wantKind(t, err, process.TooMuch)
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("an endless printer ran for %v, want at most 10s", took)
	}
	if res, err = run(t, process.Command{Args: script(both)}); err != nil || !res.Stdout.IsZero() || !res.Stderr.IsZero() {
		t.Errorf("got stdout %q, stderr %q, %v; want none kept", res.Stdout.Reveal(), res.Stderr.Reveal(), err)
	}
}

func TestInputAndEnvironment(t *testing.T) {
	t.Setenv("HOME", "/home/x")
	t.Setenv("SECRET", "canary")
	res, err := run(t, process.Command{
		Args: script(`cat; echo "|$HOME|$LANG|$TOKEN|$SECRET|$(pwd)"`), MaxStdout: 1000,
		Stdin: credential.NewSecret("typed"),
		Env:   map[string]credential.Secret{"TOKEN": credential.NewSecret("t"), "LANG": credential.NewSecret("C")},
	})
	if want := "typed|/home/x|C|t||/\n"; err != nil || res.Stdout.Reveal() != want {
		t.Errorf("got %q, want %q, %v", res.Stdout.Reveal(), want, err)
	}
	if res, err = run(t, process.Command{Args: script("cat; echo end"), MaxStdout: 10}); err != nil || res.Stdout.Reveal() != "end\n" {
		t.Errorf("without input: got %q, %v", res.Stdout.Reveal(), err)
	}
	// A program that does not read its input exits normally.
	long := credential.NewSecret(strings.Repeat("x", 1<<20))
	if _, err = run(t, process.Command{Args: script(":"), Stdin: long}); err != nil {
		t.Error(err)
	}
}

func TestExitCodes(t *testing.T) {
	for text, code := range map[string]int{"exit 75": 75, "exit 77": 77, "kill -9 $$": -1} {
		res, err := run(t, process.Command{Args: script("echo out; " + text), MaxStdout: 10})
		wantKind(t, err, process.Failed)
		if res.Code != code || res.Stdout.Reveal() != "out\n" {
			t.Errorf("%s: got code %d, stdout %q; want code %d, stdout out", text, res.Code, res.Stdout.Reveal(), code)
		}
	}
}

func TestNotStarted(t *testing.T) {
	for name, kind := range map[string]process.Kind{
		"": process.NotInPath, "no-such-program": process.NotInPath, "/no/such/program": process.NotFound,
		"/etc/passwd": process.Denied, "/dev/null/x": process.NotRun,
	} {
		res, err := run(t, process.Command{Args: []string{name}})
		wantKind(t, err, kind)
		if res.Code != -1 {
			t.Errorf("%q: got code %d, want -1", name, res.Code)
		}
	}
	_, err := run(t, process.Command{})
	wantKind(t, err, process.NotInPath)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = (*process.Runner)(nil).Run(ctx, process.Command{Args: script(":")})
	wantKind(t, err, process.Stopped)
}

// alive reports whether a process is running; a zombie is not.
func alive(pid string) bool {
	stat, err := os.ReadFile("/proc/" + strings.TrimSpace(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// TestNothingIsLeft checks that processes the program leaves in its group are
// killed, and that they delay nothing although they keep the pipe open.
func TestNothingIsLeft(t *testing.T) {
	res, err := run(t, process.Command{Args: script("sleep 60 & echo $!"), MaxStdout: 100, Timeout: time.Minute})
	if err != nil || res.Stdout.IsZero() {
		t.Fatal(err)
	}
	for start := time.Now(); alive(res.Stdout.Reveal()); runtime.Gosched() {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("process %q is still running", res.Stdout.Reveal())
		}
	}
	// A process that left the group cannot be found, but Run does not wait for
	// it.
	start := time.Now()
	res, err = run(t, process.Command{Args: script("setsid sleep 60 & echo $!"), MaxStdout: 100})
	if took := time.Since(start); err != nil || took > 30*time.Second {
		t.Errorf("took %v, %v", took, err)
	}
	endPid(t, res)
	res, err = run(t, process.Command{Args: script("sleep 60 >/dev/null & echo $!"), MaxStdout: 100, LeaveBackground: true})
	if err != nil || !alive(res.Stdout.Reveal()) {
		t.Errorf("process %q is not running, %v", res.Stdout.Reveal(), err)
	}
	endPid(t, res)
}

func endPid(t *testing.T, res process.Result) {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(res.Stdout.Reveal()))
	if err != nil || pid < 2 {
		t.Fatalf("not a PID: %q", res.Stdout.Reveal())
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

func TestTimeEndsTheGroup(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	var err error
	var pid []byte
	// On a busy machine the script may not have come that far within half a second.
	for limit := 500 * time.Millisecond; len(pid) == 0 && limit < time.Minute; limit *= 2 {
		_, err = run(t, process.Command{
			Args: script("sh -c 'trap \"\" TERM; echo $$ >" + out + "; sleep 60; sleep 60' & wait"), Timeout: limit, MaxStdout: 10,
		})
		pid, _ = os.ReadFile(out)
	}
	wantKind(t, err, process.Overdue)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v does not wrap the cause", err)
	}
	if len(pid) == 0 || alive(string(pid)) {
		t.Errorf("process %q is still running, or was never started", pid)
	}
}

// hardened prints what a child sees after Harden.
func hardened() {
	before := unix.Rlimit{Cur: 4096, Max: 8192}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &before); err != nil {
		fmt.Println(err)
	}
	r, err := process.Harden()
	if err != nil {
		fmt.Println(err)
	}
	res, err := r.Run(context.Background(), process.Command{Args: script("grep core /proc/self/limits"), MaxStdout: 1000})
	fmt.Print(res.Stdout.Reveal())
	var own unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_CORE, &own)
	dumpable, _ := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	fmt.Println("own", own.Cur, own.Max, dumpable, err)
}

func TestChildrenInheritWhatWasBefore(t *testing.T) {
	fields := strings.Fields(again(t, "hardened"))
	got := strings.Join(fields[4:], " ")
	if want := "4096 8192 bytes own 0 8192 0 <nil>"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// adoptive becomes a subreaper, which inherits orphans like PID 1.
func adoptive() {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Println(err)
	}
	// sh leaves an orphan that exits at the end of its input.
	reader, writer, err := os.Pipe()
	if err != nil {
		fmt.Println(err)
	}
	cmd := exec.Command("/bin/sh", "-c", "cat <&3 & echo $!")
	cmd.ExtraFiles = []*os.File{reader}
	out, err := cmd.StdoutPipe()
	if err != nil {
		fmt.Println(err)
	}
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		fmt.Println(err)
	}
	_ = writer.Close()
	// cat exits when its end of the pipe is closed.
	_, _ = io.ReadAll(out)
	_ = cmd.Wait()
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		continue
	}
	var o process.Orphans
	fmt.Println(o.Reap(), o.Reap(), o.Reap())
}

func TestOrphansAreReaped(t *testing.T) {
	if got := again(t, "orphans"); got != "true false false\n" {
		t.Errorf("got %q, want true false false", got)
	}
}

func TestCheckScript(t *testing.T) {
	dir := t.TempDir()
	for text, says := range map[string]string{
		"#!/bin/sh\n:":                   "",
		"#! /bin/sh -e":                  "",
		"#!/usr/bin/env sh\n":            "",
		"#!/usr/bin/env -S sh -e\n":      "",
		"\x7fELF\x00":                    "",
		"":                               "",
		"#!/bin/sh\r\n:\r\n":             "Windows line endings",
		"\xef\xbb\xbf#!/bin/sh\n":        "byte order mark",
		"#!/no/such/sh\n":                "cannot be run by its interpreter /no/such/sh: not found",
		"#!/usr/bin/env no-such-shell\n": "cannot be run by its interpreter no-such-shell: not found in PATH",
		"#!sh\n":                         "expected an absolute path",
		"#!\n":                           "names no interpreter",
		"echo canary\n":                  "is a text file without an interpreter",
	} {
		path := filepath.Join(dir, "script")
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		got := process.CheckScript(path)
		if (got == nil) != (says == "") || got != nil && !strings.Contains(got.Error(), says) {
			t.Errorf("%q: got %v, want %q", text, got, says)
		}
		_, err := run(t, process.Command{Args: []string{path}})
		if says == "" || strings.Contains(text, "#!sh") || strings.Contains(text, "env ") {
			continue
		}
		wantKind(t, err, process.BadScript)
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%q: running it: got %v", text, err)
		}
		if strings.Contains(text, "/no/such") && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v does not wrap the cause", err)
		}
	}
}
