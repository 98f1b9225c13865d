package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigented/vigente/internal/needs"
)

// A start on a full disk finds its state and works; what it cannot save is
// plain to see until there is room.
func TestStartOnAFullDisk(t *testing.T) {
	t.Parallel()
	needs.Root(t)
	dir := filepath.Join(t.TempDir(), "disk")
	mountTmpfs(t, dir, "size=512k")
	h := newHousehold(t, dir)
	h.start()
	h.eventually("everything is delivered", h.good)
	calls := h.calls()
	h.kill()
	free := fill(t, dir)
	must(t, os.Remove(h.path("out/vault.env")))
	h.start()
	h.eventually("what drifted is repaired from the state", func() bool { return h.read("out/vault.env") != "" && h.good() })
	if now := h.calls(); now != calls {
		t.Errorf("calls were %v and are %v", calls, now)
	}
	free()
	h.eventually("and it is saved", h.saved)
	h.survives(t)
}

// A damaged state does not stop the service: it is kept under another name, and
// each credential is obtained once.
func TestDamagedStateIsSetAside(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, filepath.Join(t.TempDir(), "state"))
	h.start()
	h.eventually("everything is delivered", h.good)
	calls := h.calls()
	h.kill()
	name := filepath.Join(h.state, "state.db")
	data := []byte(holds(name))
	copy(data[len(data)/2:], make([]byte, 8192)) // a piece of it lost
	copy(data[8192:], "rubbish")
	copy(data[4096:], "rubbish")
	must(t, os.WriteFile(name, data, 0o600))
	h.start()
	h.eventually("everything is delivered again", h.good)
	if now := h.calls(); now != [3]int{calls[0] + 1, calls[1] + 1, calls[2] + 1} {
		t.Errorf("calls were %v and are %v, want one more each", calls, now)
	}
	if holds(name+".damaged-1") != string(data) {
		t.Error("the damaged file is not kept as it was")
	}
	if n := strings.Count(h.daemon.log.String(), `"state set aside"`); n != 1 {
		t.Errorf("%d lines tell of it", n)
	}
	if n := h.ged.Counts().SpentShown; n != 0 {
		t.Errorf("%d spent refresh tokens were shown", n)
	}
}
