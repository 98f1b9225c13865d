package e2etest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Stranger is the user ID of another local user.
const Stranger = 65534

// Walkable lets other users reach the installation's folders, as on a real
// server, but not its secrets.
func (w *World) Walkable() {
	w.T.Helper()
	name, err := Binary()
	if err != nil {
		w.T.Fatal(err)
	}
	for _, dir := range []string{filepath.Dir(name), filepath.Dir(w.Dir), w.Dir} {
		if err := os.Chmod(dir, 0o755); err != nil {
			w.T.Fatal(err)
		}
	}
	if err := os.Chmod(w.Path("config.toml"), 0o644); err != nil {
		w.T.Fatal(err)
	}
}

// AsStranger runs one command as the other user.
func (w *World) AsStranger(args ...string) (code int, output string) {
	w.T.Helper()
	ctx, cancel := context.WithTimeout(w.T.Context(), Patience)
	defer cancel()
	return Ended(w.T, Estrange(w.Command(ctx, args...)))
}

func Estrange(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: Stranger, Gid: Stranger}}
	cmd.Dir = "/"
	return cmd
}

func Ended(t testing.TB, cmd *exec.Cmd) (code int, output string) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), string(out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, string(out)
}

func Must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
