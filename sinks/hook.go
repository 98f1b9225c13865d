package sinks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
)

const (
	defaultHookTimeout = 30 * time.Second
	// timeoutGrace and stopGrace lie between asking a hook to end and ending
	// it. The daemon itself has to stop within five seconds.
	timeoutGrace = 2 * time.Second
	stopGrace    = time.Second
	// killWait is how long what was killed is given to disappear.
	killWait = 500 * time.Millisecond
	// pollEvery is how often a hook that was asked to end is looked at.
	pollEvery = 10 * time.Millisecond

	defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// Hook runs a command after a sink has changed.
//
// There is no shell between. The command gets an environment of its own (PATH,
// HOME, LANG and TZ as the daemon has them, and VIGENTE_SINK), the root folder
// as its working directory, and /dev/null for input and output: what it prints
// is thrown away, since nobody can tell whether it holds a secret. It runs in
// a process group of its own; when its time is up, or the daemon stops, the
// whole group is asked to end and then ended. Processes that it leaves in the
// background when it ends by itself are its own affair and hold nobody up.
type Hook struct {
	sink    string
	command []string
	timeout time.Duration
}

// readHook reads on_change; it returns nil when there is none.
func readHook(s *section.Section) *Hook {
	t := s.Table("on_change")
	if t == nil {
		return nil
	}
	h := &Hook{sink: s.Name(), command: t.Texts("command"), timeout: t.Duration("timeout", defaultHookTimeout)}
	if len(h.command) == 0 && t.Has("command") {
		if !s.Failed() {
			s.Faultf("on_change.command", "is empty (expected the program and its arguments)")
		}
		return h
	}
	switch name := append(h.command, "")[0]; {
	case name == "":
		s.Faultf("on_change.command", `is missing (expected the program and its arguments: ["systemctl", "restart", "x"])`)
	case strings.Contains(name, "/") && !filepath.IsAbs(name):
		s.Faultf("on_change.command", "%q is a relative path (expected an absolute one, or a name that is found in PATH)", name)
	}
	for _, arg := range h.command {
		if strings.IndexByte(arg, 0) >= 0 {
			s.Faultf("on_change.command", "holds a zero byte (expected text)")
		}
	}
	return h
}

// Resolve tells whether the command can be found and executed now.
func (h *Hook) Resolve() error {
	_, err := h.find()
	return err
}

// Program returns the path of the program, when it can be executed now.
func (h *Hook) Program() (string, error) { return h.find() }

// find returns the path of the program.
func (h *Hook) find() (string, error) {
	name := h.command[0]
	if filepath.IsAbs(name) {
		return name, h.executable(name)
	}
	var denied error
	for _, folder := range filepath.SplitList(h.variable("PATH")) {
		if !filepath.IsAbs(folder) {
			continue // a program must not depend on where the daemon was started
		}
		path := filepath.Join(folder, name)
		err := h.executable(path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			denied = err
		}
	}
	if denied != nil {
		return "", denied
	}
	return "", Faultf(fs.ErrNotExist, "hook %s: not found in PATH, which is %s (install it, or give its whole path)", name, h.variable("PATH"))
}

func (h *Hook) executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		err = syscall.EACCES
	case err == nil:
		err = unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS)
	}
	if err != nil {
		return startFault(path, err)
	}
	return nil
}

// startFault says why a program does not start.
func startFault(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Faultf(fs.ErrNotExist, "hook %s: not found (create it, or correct on_change.command; for a script, look at its first line too)", path)
	case errors.Is(err, fs.ErrPermission):
		return Faultf(fs.ErrPermission, "hook %s: not executable by uid %d (chmod +x, or let the daemon's user reach it)", path, os.Geteuid())
	case errors.Is(err, syscall.ENOEXEC):
		return Faultf(syscall.ENOEXEC, "hook %s: no program of this machine (does the script begin with #!/bin/sh?)", path)
	}
	cause := err
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		cause = pe.Err
	}
	return Faultf(cause, "hook %s: %v", path, cause)
}

// environment is all that the command is told.
func (h *Hook) environment() []string {
	env := []string{"VIGENTE_SINK=" + h.sink}
	for _, name := range []string{"PATH", "HOME", "LANG", "TZ"} {
		if v := h.variable(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func (h *Hook) variable(name string) string {
	v := os.Getenv(name)
	if v == "" && name == "PATH" {
		return defaultPath
	}
	return v
}

// Run implements credential.Hook.
func (h *Hook) Run(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return h.ended(ctx, err)
	}
	path, err := h.find()
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	cmd := exec.CommandContext(limited, path) //nolint:gosec // Which command runs is the operator's word.
	cmd.Args, cmd.Env, cmd.Dir = h.command, h.environment(), "/"
	// Output stays nil, which is /dev/null: a pipe would keep us waiting for
	// whoever else holds its other end.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		grace := timeoutGrace
		if ctx.Err() != nil {
			grace = stopGrace
		}
		endGroup(context.WithoutCancel(ctx), cmd.Process.Pid, grace)
		return nil
	}
	if err := cmd.Start(); err != nil {
		if limited.Err() != nil {
			return h.ended(ctx, limited.Err())
		}
		return startFault(path, err)
	}
	if err := cmd.Wait(); err != nil {
		if limited.Err() != nil {
			return h.ended(ctx, limited.Err())
		}
		return Faultf(err, "hook %s: %v (run it by hand to see what it says; its output is not kept)", h.command[0], err)
	}
	return nil
}

// ended is the fault of a hook whose context ended before it did.
func (h *Hook) ended(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &credential.Fault{Reason: credential.ReasonCancelled, Message: fmt.Sprintf("hook %s: stopped with the daemon", h.command[0]), Err: ctx.Err()}
	}
	return &credential.Fault{Reason: credential.ReasonTimeout, Message: fmt.Sprintf("hook %s: still running after %v, so it was stopped (raise on_change.timeout, or mend the command)", h.command[0], h.timeout), Err: err}
}

// endGroup asks a process group to end, and after the grace ends it.
func endGroup(ctx context.Context, group int, grace time.Duration) {
	_ = unix.Kill(-group, unix.SIGTERM)
	if !gone(ctx, group, grace) {
		_ = unix.Kill(-group, unix.SIGKILL)
		gone(ctx, group, killWait)
	}
}

// gone waits until nothing is left of a process group, and reports whether
// that came true in time.
func gone(ctx context.Context, group int, patience time.Duration) bool {
	over, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for unix.Kill(-group, 0) != unix.ESRCH {
		if over.Err() != nil {
			return false
		}
		pause, cancel := context.WithTimeout(over, pollEvery)
		<-pause.Done()
		cancel()
	}
	return true
}
