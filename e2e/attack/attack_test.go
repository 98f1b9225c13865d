package attack

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/internal/needs"
	tss "github.com/vigented/vigente/providers/tss/emulator"
	"golang.org/x/sys/unix"
)

// TestStrangersGetNothingFromTheSocket: whatever another user did to the folder
// of the socket beforehand, the socket returns no value and accepts no command
// from that user.
func TestStrangersGetNothingFromTheSocket(t *testing.T) {
	t.Parallel()
	needs.Root(t)
	orders := [][]string{{"show", "vault"}, {"renew", "vault"}, {"renew", "--all"}, {"reload"}, {"sign", "vault", "GET", "https://x.example/"}}
	for name, c := range map[string]struct {
		prepare   func(t *testing.T, w *e2etest.World, folder string)
		afterward func(t *testing.T, socket string)
		looks     bool // the stranger may read the status
	}{
		"as it is made": {},
		"opened to all": {
			afterward: func(t *testing.T, socket string) { e2etest.Must(t, os.Chmod(socket, 0o666)) },
			looks:     true,
		},
		"in the stranger's folder with its group": {
			prepare: func(t *testing.T, _ *e2etest.World, folder string) {
				e2etest.Must(t, os.Chown(folder, e2etest.Stranger, e2etest.Stranger), os.Chmod(folder, 0o755|os.ModeSetgid))
			},
			looks: true,
		},
		"in the stranger's folder with an access list": {
			prepare: func(t *testing.T, _ *e2etest.World, folder string) {
				// The folder's default ACL: the stranger may read and write.
				list := []byte{2, 0, 0, 0}
				for _, e := range [][]byte{{1, 0, 7, 0, 255, 255, 255, 255}, {2, 0, 6, 0, 254, 255, 0, 0}, {4, 0, 6, 0, 255, 255, 255, 255}, {16, 0, 7, 0, 255, 255, 255, 255}, {32, 0, 0, 0, 255, 255, 255, 255}} {
					list = append(list, e...)
				}
				e2etest.Must(t, os.Chown(folder, e2etest.Stranger, e2etest.Stranger))
				if err := unix.Setxattr(folder, "system.posix_acl_default", list, 0); err != nil {
					t.Skip("no ACLs here:", err)
				}
			},
			looks: true,
		},
		"in a folder of all, swapped for another file": {
			prepare: func(t *testing.T, _ *e2etest.World, folder string) { e2etest.Must(t, os.Chmod(folder, 0o777)) },
			afterward: func(t *testing.T, socket string) {
				e2etest.Must(t, os.Chmod(socket, 0o666), os.Rename(socket, socket+".real"), os.Symlink(socket+".real", socket))
			},
			looks: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := e2etest.Furnish(t, tss.New(tss.Options{}), e2etest.NewVault(time.Hour), "")
			folder := w.Path("sock")
			e2etest.Must(t, os.Mkdir(folder, 0o755))
			w.Write("config.toml", strings.Replace(w.Read("config.toml"), w.Path("c.sock"), filepath.Join(folder, "c.sock"), 1))
			w.Walkable()
			if c.prepare != nil {
				c.prepare(t, w, folder)
			}
			w.Start()
			w.Eventually("it is delivered", func() bool { return w.Status().States()["file"] == "delivered" })
			value := strings.TrimPrefix(strings.Fields(w.Read("out/vault.token"))[1], "Bearer ")
			if c.afterward != nil {
				c.afterward(t, filepath.Join(folder, "c.sock"))
			}
			if code, out := w.AsStranger("status"); (code == 0) != c.looks {
				t.Errorf("status: got exit code %d, want success %v: %s", code, c.looks, out)
			}
			for _, order := range orders {
				code, out := w.AsStranger(order...)
				if code == 0 || strings.Contains(out, value) || c.looks && !strings.Contains(out, "this needs root") {
					t.Errorf("%s: got exit code %d: %s", order, code, out)
				}
			}
			if n := w.Status().Credentials; n[0].Generation != 1 || n[1].Generation != 1 {
				t.Errorf("a stranger could renew: %+v", n)
			}
			if code, out, errs := w.Run("show", "vault"); code != 0 || strings.TrimSpace(out) != value {
				t.Errorf("show as root: got exit code %d: %s", code, errs)
			}
		})
	}
}

// TestDaemonIsClosedToItsOwnUser: another process of the daemon's user cannot
// read its memory or environment, or trace it.
func TestDaemonIsClosedToItsOwnUser(t *testing.T) {
	t.Parallel()
	needs.Root(t)
	w := e2etest.Furnish(t, tss.New(tss.Options{}), e2etest.NewVault(time.Hour), "")
	w.Walkable()
	for _, name := range []string{"", "secret", "out", "till", "till/appserver.ini"} {
		e2etest.Must(t, os.Chown(w.Path(name), e2etest.Stranger, e2etest.Stranger))
	}
	cmd := e2etest.Estrange(w.Command(context.Background(), "run"))
	p := &e2etest.Process{Cmd: cmd, Log: &e2etest.Buffer{}, Ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.Log, p.Log
	e2etest.Must(t, cmd.Start())
	go func() { p.Status = cmd.Wait(); close(p.Ended) }()
	w.Daemon = p
	w.Eventually("it is delivered", func() bool { code, _, _ := w.Run("status", "--check"); return code == 0 })
	proc := "/proc/" + itoa(p.Cmd.Process.Pid) + "/"
	for _, file := range []string{"environ", "mem", "maps", "auxv", "fd/", "io"} {
		code, out := e2etest.Ended(t, e2etest.Estrange(exec.CommandContext(t.Context(), "/bin/ls", "-l", proc+file)))
		if file != "fd/" {
			code, out = e2etest.Ended(t, e2etest.Estrange(exec.CommandContext(t.Context(), "/bin/head", "-c", "10", proc+file)))
		}
		if code == 0 || !strings.Contains(out, "denied") {
			t.Errorf("%s is readable by the daemon's user: %d %q", file, code, out)
		}
	}
	if err := traceAs(e2etest.Stranger, p.Cmd.Process.Pid); !errors.Is(err, unix.EPERM) {
		t.Errorf("ptrace: got %v, want EPERM", err)
	}
	if code, out := e2etest.Ended(t, e2etest.Estrange(exec.CommandContext(t.Context(), "/bin/cat", proc+"cmdline"))); code != 0 || !bytes.Contains([]byte(out), []byte("run")) {
		t.Errorf("the command line is not readable, so the rest proves nothing: %d %q", code, out)
	}
}
