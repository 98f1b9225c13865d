package disk

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/internal/disktest"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

// TestHangingConfigurationHoldsNothingUp: the configuration, a part of it or a
// secret is on a hanging file server. SIGHUP requests a reload, renewals
// continue, and stopping is in time. A restart then names the file system that
// does not answer, and succeeds if only a secret is missing.
//
// No command runs at the same time as the daemon: the kernel would make both
// wait for the same lookup, the second one unkillably.
func TestHangingConfigurationHoldsNothingUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		move   func(w *e2etest.World, disk string) // moves something onto the disk
		starts bool                                // the daemon starts while it hangs
	}{
		"main file": {func(w *e2etest.World, disk string) { moved(w, "config.toml", disk) }, false},
		"included folder": {func(w *e2etest.World, disk string) {
			e2etest.Must(t, os.WriteFile(filepath.Join(disk, "more.toml"), []byte("# nothing more\n"), 0o600))
			w.Write("config.toml", "include = [\""+disk+"/*.toml\"]\n"+w.Read("config.toml"))
		}, false},
		"secret": {func(w *e2etest.World, disk string) { moved(w, "secret", disk) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := disktest.Mount(t)
			w := e2etest.Furnish(t, tss.New(tss.Options{}), e2etest.NewVault(3*time.Second), "")
			c.move(w, disk.Root)
			w.Start()
			w.Eventually("everything is delivered", w.Good)
			disk.Hang("any", "/")
			w.Signal(syscall.SIGHUP)
			w.Renewals(t, 2)
			if code, _ := w.Get("/livez"); code != http.StatusOK {
				t.Errorf("livez: got status %d, want 200", code)
			}
			if code, took := w.Stop(); code != 0 || took > 5*time.Second {
				t.Errorf("stop: got exit code %d after %s, want 0 within 5s", code, took)
			}
			if code, out, errs := w.Run("check"); code != 3 || !strings.Contains(out+errs, "does not answer") {
				t.Errorf("check: got exit code %d, want 3: %s%s", code, out, errs)
			}
			startsHung(t, w, c.starts)
		})
	}
}

// startsHung starts the daemon while the disk hangs.
func startsHung(t *testing.T, w *e2etest.World, starts bool) {
	t.Helper()
	if starts {
		w.Start()
		w.Eventually("credentials that miss nothing are valid", func() bool { return w.Status().States()["loja"] == "valid" })
		if code, took := w.Stop(); code != 0 || took > 5*time.Second {
			t.Errorf("stop: got exit code %d after %s, want 0 within 5s", code, took)
		}
		return
	}
	w.Launch()
	select {
	case <-w.Daemon.Ended:
	case <-time.After(e2etest.Patience):
		t.Fatal("a start without a configuration did not exit in time")
	}
	if code := w.Daemon.Cmd.ProcessState.ExitCode(); code != 3 || !strings.Contains(w.Daemon.Log.String(), "does not answer") {
		t.Errorf("start: got exit code %d, want 3: %s", code, w.Daemon.Log)
	}
}

// TestAStartOnAHangingStateCanBeEnded: the state is on a file server that hangs
// before the start.
func TestAStartOnAHangingStateCanBeEnded(t *testing.T) {
	t.Parallel()
	disk := disktest.Mount(t)
	h := newInstallation(t, filepath.Join(disk.Root, "state"))
	disk.Hang("any", "/")
	h.Launch()
	select {
	case <-h.Daemon.Ended:
		t.Logf("the daemon exited by itself: %s", h.Daemon.Log)
	case <-time.After(2 * time.Second):
		if code, took := h.Stop(); took > 5*time.Second {
			t.Errorf("stop: got exit code %d after %s, want it within 5s", code, took)
		}
	}
	if n := h.calls(); n != [3]int{} {
		t.Errorf("got calls %v without a state, want none", n)
	}
}

// moved moves a file onto the disk and links to it.
func moved(w *e2etest.World, name, disk string) {
	w.T.Helper()
	to := filepath.Join(disk, name)
	e2etest.Must(w.T, os.WriteFile(to, []byte(w.Read(name)), 0o600), os.Remove(w.Path(name)), os.Symlink(to, w.Path(name)))
}
