package disk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/internal/needs"
)

// TestStartOnAFullDisk: a start on a full disk finds its state and works; what
// it cannot save is reported until there is room.
func TestStartOnAFullDisk(t *testing.T) {
	t.Parallel()
	needs.Root(t)
	dir := filepath.Join(t.TempDir(), "disk")
	mountTmpfs(t, dir, "size=512k")
	h := newInstallation(t, dir)
	h.Start()
	h.Eventually("everything is delivered", h.Good)
	calls := h.calls()
	h.Kill()
	free := fill(t, dir)
	e2etest.Must(t, os.Remove(h.Path("out/vault.env")))
	h.Start()
	h.Eventually("what drifted is repaired from the state", func() bool { return h.Read("out/vault.env") != "" && h.Good() })
	if now := h.calls(); now != calls {
		t.Errorf("calls went from %v to %v, want no more", calls, now)
	}
	free()
	h.Eventually("and it is saved", h.saved)
	h.survives(t)
}

// TestDamagedStateIsSetAside: a damaged state does not stop the service. It is
// kept under another name, and each credential is obtained once.
func TestDamagedStateIsSetAside(t *testing.T) {
	t.Parallel()
	h := newInstallation(t, filepath.Join(t.TempDir(), "state"))
	h.Start()
	h.Eventually("everything is delivered", h.Good)
	calls := h.calls()
	h.Kill()
	name := filepath.Join(h.state, "state.db")
	data := []byte(holds(name))
	copy(data[3200:], "rubbish") // before complete records
	e2etest.Must(t, os.WriteFile(name, data, 0o600))
	h.Start()
	h.Eventually("everything is delivered again", h.Good)
	if now := h.calls(); now != [3]int{calls[0] + 1, calls[1] + 1, calls[2] + 1} {
		t.Errorf("calls went from %v to %v, want one more each", calls, now)
	}
	if holds(name+".damaged-1") != string(data) {
		t.Error("the damaged file was not kept unchanged")
	}
	if n := strings.Count(h.Daemon.Log.String(), `"state set aside"`); n != 1 {
		t.Errorf("logged %d times, want once", n)
	}
	if n := h.ged.Counts().SpentShown; n != 0 {
		t.Errorf("%d spent refresh tokens were sent", n)
	}
}
