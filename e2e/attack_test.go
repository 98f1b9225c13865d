package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/needs"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

// stranger is another local user.
const stranger = 65534

// walkable lets other users reach the installation, as they reach a server's
// folders, though not its secrets.
func (w *world) walkable() {
	w.t.Helper()
	name, err := binary()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, dir := range []string{filepath.Dir(name), filepath.Dir(w.dir), w.dir} {
		if err := os.Chmod(dir, 0o755); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := os.Chmod(w.path("config.toml"), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// asStranger runs one command as the other user.
func (w *world) asStranger(args ...string) (code int, output string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	return ended(w.t, estrange(w.command(ctx, args...)))
}

func estrange(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
	cmd.Dir = "/"
	return cmd
}

func ended(t testing.TB, cmd *exec.Cmd) (code int, output string) {
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

// TestStrangersGetNothingFromTheSocket: whatever the other user did to the
// folder of the socket beforehand, it gives that user no value and takes no
// order.
func TestStrangersGetNothingFromTheSocket(t *testing.T) {
	t.Parallel()
	needs.Root(t)
	orders := [][]string{{"show", "vault"}, {"renew", "vault"}, {"renew", "--all"}, {"reload"}, {"sign", "vault", "GET", "https://x.example/"}}
	for name, c := range map[string]struct {
		prepare   func(t *testing.T, w *world, folder string)
		afterward func(t *testing.T, socket string)
		looks     bool // the stranger may look
	}{
		"as it is made": {},
		"opened to all": {
			afterward: func(t *testing.T, socket string) { must(t, os.Chmod(socket, 0o666)) },
			looks:     true,
		},
		"in the stranger's folder with its group": {
			prepare: func(t *testing.T, _ *world, folder string) {
				must(t, os.Chown(folder, stranger, stranger), os.Chmod(folder, 0o755|os.ModeSetgid))
			},
			looks: true,
		},
		"in the stranger's folder with an access list": {
			prepare: func(t *testing.T, _ *world, folder string) {
				// The default list of the folder: the stranger may read and write.
				list := []byte{2, 0, 0, 0}
				for _, e := range [][]byte{{1, 0, 7, 0, 255, 255, 255, 255}, {2, 0, 6, 0, 254, 255, 0, 0}, {4, 0, 6, 0, 255, 255, 255, 255}, {16, 0, 7, 0, 255, 255, 255, 255}, {32, 0, 0, 0, 255, 255, 255, 255}} {
					list = append(list, e...)
				}
				must(t, os.Chown(folder, stranger, stranger))
				if err := unix.Setxattr(folder, "system.posix_acl_default", list, 0); err != nil {
					t.Skip("no access lists here:", err)
				}
			},
			looks: true,
		},
		"in a folder of all, swapped for another file": {
			prepare: func(t *testing.T, _ *world, folder string) { must(t, os.Chmod(folder, 0o777)) },
			afterward: func(t *testing.T, socket string) {
				must(t, os.Chmod(socket, 0o666), os.Rename(socket, socket+".real"), os.Symlink(socket+".real", socket))
			},
			looks: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := furnish(t, tss.New(tss.Options{}), newVault(time.Hour), "")
			folder := w.path("sock")
			must(t, os.Mkdir(folder, 0o755))
			w.write("config.toml", strings.Replace(w.read("config.toml"), w.path("c.sock"), filepath.Join(folder, "c.sock"), 1))
			w.walkable()
			if c.prepare != nil {
				c.prepare(t, w, folder)
			}
			w.start()
			w.eventually("it is delivered", func() bool { return w.status().states()["file"] == "delivered" })
			value := strings.TrimPrefix(strings.Fields(w.read("out/vault.token"))[1], "Bearer ")
			if c.afterward != nil {
				c.afterward(t, filepath.Join(folder, "c.sock"))
			}
			if code, out := w.asStranger("status"); (code == 0) != c.looks {
				t.Errorf("status exits %d: %s", code, out)
			}
			for _, order := range orders {
				code, out := w.asStranger(order...)
				if code == 0 || strings.Contains(out, value) || c.looks && !strings.Contains(out, "this needs root") {
					t.Errorf("%s exits %d: %s", order, code, out)
				}
			}
			if n := w.status().Credentials; n[0].Generation != 1 || n[1].Generation != 1 {
				t.Errorf("renewed by a stranger: %+v", n)
			}
			if code, out, errs := w.run("show", "vault"); code != 0 || strings.TrimSpace(out) != value {
				t.Errorf("root is refused: %d %s", code, errs)
			}
		})
	}
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// TestDaemonIsClosedToItsOwnUser: a program of the daemon's user can neither
// read its memory nor its environment, nor trace it.
func TestDaemonIsClosedToItsOwnUser(t *testing.T) {
	t.Parallel()
	needs.Root(t)
	w := furnish(t, tss.New(tss.Options{}), newVault(time.Hour), "")
	w.walkable()
	for _, name := range []string{"", "secret", "out", "till", "till/appserver.ini"} {
		must(t, os.Chown(w.path(name), stranger, stranger))
	}
	cmd := estrange(w.command(context.Background(), "run"))
	p := &process{cmd: cmd, log: &buffer{}, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	must(t, cmd.Start())
	go func() { p.status = cmd.Wait(); close(p.ended) }()
	w.daemon = p
	w.eventually("it is delivered", func() bool { code, _, _ := w.run("status", "--check"); return code == 0 })
	proc := "/proc/" + itoa(p.cmd.Process.Pid) + "/"
	for _, file := range []string{"environ", "mem", "maps", "auxv", "fd/", "io"} {
		code, out := ended(t, estrange(exec.CommandContext(t.Context(), "/bin/ls", "-l", proc+file)))
		if file != "fd/" {
			code, out = ended(t, estrange(exec.CommandContext(t.Context(), "/bin/head", "-c", "10", proc+file)))
		}
		if code == 0 || !strings.Contains(out, "denied") {
			t.Errorf("%s is open to the daemon's user: %d %q", file, code, out)
		}
	}
	if err := traceAs(stranger, p.cmd.Process.Pid); !errors.Is(err, unix.EPERM) {
		t.Errorf("tracing it is answered with %v, want EPERM", err)
	}
	if code, out := ended(t, estrange(exec.CommandContext(t.Context(), "/bin/cat", proc+"cmdline"))); code != 0 || !bytes.Contains([]byte(out), []byte("run")) {
		t.Errorf("the command line cannot be read at all, so that the rest proves nothing: %d %q", code, out)
	}
}
