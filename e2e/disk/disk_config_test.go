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
// secret lies on a file server that hangs. A hang-up asks for a reload, renewals
// go on, and the end comes in time. A start then says which file system does not
// answer, and what only misses a secret starts.
//
// No command is run beside the daemon: the kernel has both wait for one and the
// same look-up, the second in a way that nothing ends.
func TestHangingConfigurationHoldsNothingUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		move   func(w *e2etest.World, disk string) // something onto the disk
		starts bool                                // while it hangs
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
				t.Errorf("livez answers %d", code)
			}
			if code, took := w.Stop(); code != 0 || took > 5*time.Second {
				t.Errorf("stopped with %d after %s, want 0 within 5 s", code, took)
			}
			if code, out, errs := w.Run("check"); code != 3 || !strings.Contains(out+errs, "does not answer") {
				t.Errorf("check exits %d: %s%s", code, out, errs)
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
		w.Eventually("what misses nothing is served", func() bool { return w.Status().States()["loja"] == "valid" })
		if code, took := w.Stop(); code != 0 || took > 5*time.Second {
			t.Errorf("stopped with %d after %s, want 0 within 5 s", code, took)
		}
		return
	}
	w.Launch()
	select {
	case <-w.Daemon.Ended:
	case <-time.After(e2etest.Patience):
		t.Fatal("a start without a configuration does not end")
	}
	if code := w.Daemon.Cmd.ProcessState.ExitCode(); code != 3 || !strings.Contains(w.Daemon.Log.String(), "does not answer") {
		t.Errorf("exits %d: %s", code, w.Daemon.Log)
	}
}

// TestAStartOnAHangingStateCanBeEnded: the state lies on a file server that hangs
// before the start.
func TestAStartOnAHangingStateCanBeEnded(t *testing.T) {
	t.Parallel()
	disk := disktest.Mount(t)
	h := newInstallation(t, filepath.Join(disk.Root, "state"))
	disk.Hang("any", "/")
	h.Launch()
	select {
	case <-h.Daemon.Ended:
		t.Logf("it ended by itself: %s", h.Daemon.Log)
	case <-time.After(2 * time.Second):
		if code, took := h.Stop(); took > 5*time.Second {
			t.Errorf("stopped with %d after %s, want within 5 s", code, took)
		}
	}
	if n := h.calls(); n != [3]int{} {
		t.Errorf("%v calls without a state", n)
	}
}

// moved moves a file onto the disk and links to it.
func moved(w *e2etest.World, name, disk string) {
	w.T.Helper()
	to := filepath.Join(disk, name)
	e2etest.Must(w.T, os.WriteFile(to, []byte(w.Read(name)), 0o600), os.Remove(w.Path(name)), os.Symlink(to, w.Path(name)))
}
