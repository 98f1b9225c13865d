package disk

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/internal/disktest"
	"github.com/vigented/vigente/internal/needs"
)

// TestPowerCutOfTheWholeDaemon runs the whole daemon on one disk, with state
// and sinks, and cuts its system calls at every point. It restarts the daemon
// from a sample of the states a power cut could leave. The state must open, no
// token whose record was durable before a sink got it may be requested again,
// and every sink must end up intact.
func TestPowerCutOfTheWholeDaemon(t *testing.T) {
	t.Parallel()
	needs.Root(t)
	disk := disktest.Mount(t)
	h := newInstallation(t, filepath.Join(disk.Root, "state"))
	for _, dir := range []string{"out", "till"} {
		e2etest.Must(t, os.RemoveAll(h.Path(dir)), os.Mkdir(filepath.Join(disk.Root, dir), 0o755), os.Symlink(filepath.Join(disk.Root, dir), h.Path(dir)))
	}
	h.Write("till/appserver.ini", e2etest.IniBefore)
	syncAll(t, disk.Root, "till")
	h.Start()
	h.Eventually("everything is delivered", h.Good)
	disk.Mark("delivered")
	if code, _, errs := h.Run("renew", "vault"); code != 0 {
		t.Fatalf("renew: %s", errs)
	}
	disk.Mark("renewed")
	h.Stop()
	final := h.calls()

	trace := disk.Trace()
	n, tried := 0, 0
	states := disktest.Crashes(trace, nil, func(disktest.Crash) {})
	every := max(1, states/16)
	disktest.Crashes(trace, nil, func(c disktest.Crash) {
		if n++; n%every != 0 || t.Failed() {
			return
		}
		tried++
		h.restart(t, c, trace[:c.After])
	})
	t.Logf("%d disk changes, %d states, %d of them started; %v calls, %v in total", len(trace), states, tried, final, h.calls())
}

var wholeToken = regexp.MustCompile("Token =[0-9a-f]{40}")

// syncAll makes what the test has written durable.
func syncAll(t *testing.T, root string, dirs ...string) {
	t.Helper()
	for _, dir := range append(dirs, ".") {
		e2etest.Must(t, filepath.WalkDir(filepath.Join(root, dir), func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			return f.Sync()
		}))
	}
}

// restart runs the daemon once on the state a power cut left.
func (h *installation) restart(t *testing.T, c disktest.Crash, past []disktest.Change) {
	t.Helper()
	w := &e2etest.World{T: t, Dir: t.TempDir(), Listen: h.Listen}
	c.Lay(t, w.Dir)
	for _, dir := range []string{"out", "till", "state"} {
		e2etest.Must(t, os.MkdirAll(w.Path(dir), 0o755))
	}
	w.Write("secret", e2etest.VaultSecret+"\n")
	w.Write("ged", rotatingPassword)
	text := h.Read("config.toml")
	w.Write("config.toml", strings.ReplaceAll(text, h.Dir, w.Dir))
	if _, there := c.Files["/till/appserver.ini"]; !there {
		return // before the installation was complete
	}
	durable := 0
	for _, change := range past {
		if change.Text == "delivered" || change.Text == "renewed" {
			durable++
		}
	}
	before := h.calls()
	code, _, errs := w.Run("run", "--once")
	if code != 0 {
		t.Errorf("cut after %d (%s): got exit code %d, want 0: %s", c.After, c.Why, code, errs)
	}
	made := h.calls()
	for i, name := range []string{"vault", "TSS", "GED"} {
		n := made[i] - before[i]
		if durable > 0 && n > 0 && (i > 0 || durable == 2) || n > 1 {
			t.Errorf("cut after %d (%s): got %d calls at %s", c.After, c.Why, n, name)
		}
	}
	// Which token is valid at the one backend of all these starts does not
	// matter here.
	ini := w.Read("till/appserver.ini")
	if token := wholeToken.FindString(ini); token == "" || strings.Replace(ini, token, "Token = ", 1) != e2etest.IniBefore {
		t.Errorf("cut after %d (%s): the till holds %q", c.After, c.Why, ini)
	}
	for _, dir := range []string{"out", "till"} {
		entries, err := os.ReadDir(w.Path(dir))
		e2etest.Must(t, err)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".vigente") {
				t.Errorf("cut after %d (%s): left over: %s", c.After, c.Why, e.Name())
			}
		}
	}
}
