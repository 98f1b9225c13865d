package sinks_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/sinks"
)

// hook opens a sink whose on_change has the given TOML keys.
func hook(t *testing.T, keys string) *sinks.Hook {
	t.Helper()
	s, err := section.Parse("sinks.till", "[on_change]\n"+keys)
	if err != nil {
		t.Fatal(err)
	}
	b := sinks.Common(s, sinks.Env{})
	if faults := s.Finish(); len(faults) > 0 {
		t.Fatal(faults)
	}
	h, ok := b.Hook.(*sinks.Hook)
	if !ok {
		t.Fatal("the sink has no hook")
	}
	return h
}

// program returns why the command cannot be executed.
func program(h *sinks.Hook) error {
	_, err := h.Program()
	return err
}

// shell returns the keys that run a script.
func shell(script string) string {
	return fmt.Sprintf("command = [\"/bin/sh\", \"-c\", '''%s''', \"first word\", \"--flag=a b\"]\n", script)
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

func wantFault(t *testing.T, err error, reason credential.Reason, says ...string) {
	t.Helper()
	f, ok := errors.AsType[*credential.Fault](err)
	if !ok {
		t.Fatalf("got %v, want a fault", err)
	}
	if f.Reason != reason {
		t.Errorf("fault %q has reason %s, want %s", f, f.Reason, reason)
	}
	for _, s := range says {
		if !strings.Contains(f.Error(), s) {
			t.Errorf("fault %q does not contain %q", f, s)
		}
	}
}

func TestHookEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"PATH": "/usr/bin:/bin", "HOME": "/home/x", "LANG": "pt_BR.UTF-8", "TZ": "America/Sao_Paulo",
		"SECRET": "canary", "CREDENTIALS_DIRECTORY": "/canary", "NOTIFY_SOCKET": "/canary", "LD_PRELOAD": "",
	} {
		t.Setenv(name, value)
	}
	out := filepath.Join(t.TempDir(), "out")
	h := hook(t, shell("tr '\\0' '\\n' </proc/self/environ >"+out+"; pwd >>"+out+"; printf '<%s>' \"$0\" \"$@\" >>"+out))
	if err := h.Run(t.Context(), []string{"till"}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(read(t, out), "\n")
	// The shell adds PWD by itself.
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "PWD=") })
	slices.Sort(lines[:len(lines)-2])
	want := []string{"HOME=/home/x", "LANG=pt_BR.UTF-8", "PATH=/usr/bin:/bin", "TZ=America/Sao_Paulo", "VIGENTE_SINK=till", "VIGENTE_SINKS=till", "/", "<first word><--flag=a b>"}
	if !slices.Equal(lines, want) {
		t.Errorf("got environment %q, want %q", lines, want)
	}
}

func TestHookEnvironmentWithoutOurs(t *testing.T) {
	for _, name := range []string{"PATH", "HOME", "LANG", "TZ"} {
		t.Setenv(name, "")
	}
	out := filepath.Join(t.TempDir(), "out")
	if err := hook(t, shell("tr '\\0' '\\n' </proc/self/environ >"+out)).Run(t.Context(), []string{"till"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(read(t, out), "PATH=") {
		t.Error("the environment has no PATH")
	}
	for line := range strings.Lines(read(t, out)) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), "="); name {
		case "VIGENTE_SINK", "VIGENTE_SINKS", "PWD":
		case "PATH":
			if !strings.Contains(value, "/usr/bin") {
				t.Errorf("got PATH %q", value)
			}
		default:
			t.Errorf("got unexpected variable %q", line)
		}
	}
}

// TestHookStreams: input is empty, and output is discarded without blocking.
func TestHookStreams(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	h := hook(t, shell("cat; readlink /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 >"+out+"; yes canary | head -c 1000000"))
	if err := h.Run(t.Context(), []string{"till"}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(read(t, out))
	// The output of readlink goes to the file.
	if !slices.Equal(lines, []string{"/dev/null", out, "/dev/null"}) {
		t.Errorf("got streams %q", lines)
	}
}

func TestHookFailures(t *testing.T) {
	dir := t.TempDir()
	script := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("command = [%q, \"canary\"]", path)
	}
	t.Setenv("PATH", "relative:"+dir+":/usr/bin:/bin")
	script("denied", "#!/bin/sh\n", 0o600)
	for _, c := range []struct {
		name, keys string
		says       string
		resolves   bool
		cause      error
	}{
		{name: "exit status", keys: shell("exit 3"), says: "hook /bin/sh: exit status 3", resolves: true},
		{name: "signal", keys: shell("kill -9 $$"), says: "signal: killed", resolves: true},
		{name: "not there", keys: `command = ["/no/such/hook"]`, says: "hook /no/such/hook: not found", cause: fs.ErrNotExist},
		{name: "not in PATH", keys: `command = ["no-such-hook"]`, says: "hook no-such-hook: not found in PATH, which is relative:", cause: fs.ErrNotExist},
		{name: "not executable", keys: script("plain", "#!/bin/sh\n", 0o600), says: "plain: not executable by uid", cause: fs.ErrPermission},
		{name: "not executable in PATH", keys: `command = ["denied"]`, says: "denied: not executable by uid", cause: fs.ErrPermission},
		{name: "a folder", keys: fmt.Sprintf("command = [%q]", dir), says: "not executable", cause: fs.ErrPermission},
		{name: "no interpreter", keys: script("interpreter", "#!/no/such/sh\n", 0o700), says: "interpreter /no/such/sh: not found", cause: fs.ErrNotExist},
		{name: "no program", keys: script("program", "exit 0\n", 0o700), says: "#!/bin/sh"},
		{name: "a file on the way", keys: `command = ["/dev/null/hook"]`, says: "hook /dev/null/hook: not a directory", cause: syscall.ENOTDIR},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := hook(t, c.keys)
			err := h.Run(t.Context(), []string{"till"})
			wantFault(t, err, credential.ReasonInternal, c.says)
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("%q contains an argument", err)
			}
			if c.cause != nil && !errors.Is(err, c.cause) {
				t.Errorf("%q does not wrap %v", err, c.cause)
			}
			resolved := program(h)
			if (resolved == nil) != c.resolves {
				t.Errorf("Program = %v", resolved)
			}
			if resolved != nil && resolved.Error() != err.Error() {
				t.Errorf("Program = %q, but Run = %q", resolved, err)
			}
		})
	}
}

// TestHookIgnoresRelativePath: the program to run must not depend on the
// working directory of the daemon.
func TestHookIgnoresRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("bin", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("bin/planted", []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", "bin:.:/usr/bin")
	h := hook(t, `command = ["planted"]`)
	wantFault(t, program(h), credential.ReasonInternal, "not found in PATH")
	wantFault(t, h.Run(t.Context(), []string{"till"}), credential.ReasonInternal, "not found in PATH")
}

// alive reports whether a process is running; a zombie is not.
func alive(t *testing.T, pid string) bool {
	t.Helper()
	stat, err := os.ReadFile("/proc/" + strings.TrimSpace(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// begun reports whether a script has written its process number.
func begun(out string) bool {
	text, _ := os.ReadFile(out)
	return strings.HasSuffix(string(text), "\n")
}

// TestHookTimeout: the whole group is stopped, including processes that ignore
// SIGTERM.
func TestHookTimeout(t *testing.T) {
	for name, script := range map[string]string{
		"obedient":            "sleep 60 & echo $! >OUT; wait",
		"deaf child":          "sh -c 'trap \"\" TERM; echo $$ >OUT; sleep 60; sleep 60' & wait",
		"deaf":                "trap '' TERM; echo $$ >OUT; sleep 60; sleep 60; sleep 60",
		"stopped":             "echo $$ >OUT; kill -STOP $$",
		"ends well when told": "trap 'echo told >OUT.told; exit 0' TERM; sleep 60 & echo $! >OUT; wait",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, limit := filepath.Join(t.TempDir(), "out"), 500*time.Millisecond
			timesOut := func() error {
				start := time.Now()
				err := hook(t, shell(strings.ReplaceAll(script, "OUT", out))+fmt.Sprintf("timeout = %q", limit)).Run(t.Context(), []string{"till"})
				if took := time.Since(start); took < limit || took > limit+10*time.Second {
					t.Errorf("took %v", took)
				}
				return err
			}
			err := timesOut()
			for !begun(out) && limit < time.Minute { // a busy machine had not run the script that far
				limit *= 2
				err = timesOut()
			}
			if name == "ends well when told" && read(t, out+".told") != "told\n" {
				t.Error("the hook got no SIGTERM")
			}
			wantFault(t, err, credential.ReasonTimeout, "still running after "+limit.String(), "on_change.timeout")
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v does not wrap the cause", err)
			}
			if pid := read(t, out); alive(t, pid) {
				t.Errorf("process %s is still running", pid)
			}
		})
	}
}

// TestHookStopsWithTheDaemon: the hook stops within the time a shutdown has.
func TestHookStopsWithTheDaemon(t *testing.T) {
	for name, script := range map[string]string{
		"obedient": "echo $$ >OUT; sleep 60",
		"deaf":     "trap '' TERM; echo $$ >OUT; sleep 60; sleep 60; sleep 60",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "out")
			if err := syscall.Mkfifo(out, 0o600); err != nil {
				t.Fatal(err)
			}
			h := hook(t, shell(strings.ReplaceAll(script, "OUT", out)))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			result := make(chan error)
			go func() { result <- h.Run(ctx, []string{"till"}) }()
			pid := read(t, out) // waits until the hook has started
			start := time.Now()
			cancel()
			err := <-result
			if took := time.Since(start); took > 4*time.Second {
				t.Errorf("took %v, want at most 4s", took)
			}
			wantFault(t, err, credential.ReasonCancelled, "stopped with the daemon")
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v does not wrap the cause", err)
			}
			if alive(t, pid) {
				t.Errorf("process %s is still running", pid)
			}
		})
	}
}

func TestHookNotStartedWhenCancelled(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantFault(t, hook(t, shell(": >"+out)).Run(ctx, []string{"till"}), credential.ReasonCancelled)
	if _, err := os.Stat(out); err == nil {
		t.Error("the hook ran after the context was cancelled")
	}
}

// TestHookLeavesChildren: background processes that keep the output open delay
// nothing and keep running.
func TestHookLeavesChildren(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	start := time.Now()
	if err := hook(t, shell("sleep 60 & echo $! >"+out)).Run(t.Context(), []string{"till"}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v, want at most 10s", took)
	}
	var pid int
	if _, err := fmt.Sscan(read(t, out), &pid); err != nil || !alive(t, fmt.Sprint(pid)) {
		t.Fatalf("the child %d is not running, %v", pid, err)
	}
	if group, err := syscall.Getpgid(pid); err != nil || group == syscall.Getpgrp() {
		t.Errorf("got process group %d of the child, want another than %d, %v", group, syscall.Getpgrp(), err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
}

// TestEqualCommandsAreOne: program, arguments and timeout identify a command.
func TestEqualCommandsAreOne(t *testing.T) {
	of := func(keys string) string {
		s, err := section.Parse("sinks.till", "on_change = { "+keys+" }")
		if err != nil {
			t.Fatal(err)
		}
		b := sinks.Common(s, sinks.Env{})
		if faults := s.Finish(); len(faults) > 0 {
			t.Fatal(faults)
		}
		return b.Together
	}
	one := of(`command = ["a", "b"]`)
	if one == "" || of(`command = ["a", "b"], timeout = "30s", each = false`) != one {
		t.Error("equal commands have different identities")
	}
	for _, other := range []string{`command = ["a", "c"]`, `command = ["a b"]`, `command = ["a", "b"], timeout = "31s"`} {
		if got := of(other); got == one || got == "" {
			t.Errorf("%s has the same identity", other)
		}
	}
	if got := of(`command = ["a", "b"], each = true`); got != "" {
		t.Errorf("each = true: got %q, want no identity", got)
	}
}

func TestHookConfiguration(t *testing.T) {
	for keys, says := range map[string]string{
		"":                                  "sinks.till.on_change.command: is missing",
		"command = []":                      "sinks.till.on_change.command: is empty",
		"command = \"reload\"":              "sinks.till.on_change.command: is a string",
		"command = [1]":                     "sinks.till.on_change.command: element 1 is an integer",
		"command = [\"\"]":                  "sinks.till.on_change.command: is missing",
		"command = [\"bin/x\"]":             "sinks.till.on_change.command: \"bin/x\" is a relative path",
		"command = [\"./x\"]":               "sinks.till.on_change.command: \"./x\" is a relative path",
		"command = [\"x\", \"a\\u0000\"]":   "sinks.till.on_change.command: holds a zero byte",
		"command = [\"x\"]\ntimeout = 5":    "sinks.till.on_change.timeout: is an integer",
		"command = [\"x\"]\nshell = true":   "sinks.till.on_change.shell: unknown key",
		"command = [\"x\"]\ntimeout=\"0s\"": "sinks.till.on_change.timeout:",
	} {
		s, err := section.Parse("sinks.till", "[on_change]\n"+keys)
		if err != nil {
			t.Fatal(err)
		}
		sinks.Common(s, sinks.Env{})
		faults := s.Finish()
		if len(faults) != 1 || !strings.Contains(faults[0].Error(), says) {
			t.Errorf("%q: got faults %v", keys, faults)
		}
	}
}
