package disk

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/internal/disktest"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

// A sink on a file server that hangs: at first its writes, then everything. The
// others get every token in time, what is drifted is repaired, memory and
// goroutines stay, a start finds its way past it, the end comes in time, and
// when the server is back the sink gets the newest token.
func TestHangingDiskHoldsNothingUp(t *testing.T) {
	t.Parallel()
	disk, vault := disktest.Mount(t), e2etest.NewVault(3*time.Second)
	path := filepath.Join(disk.Root, "token")
	w := e2etest.Furnish(t, tss.New(tss.Options{}), vault, "[sinks.sealed]\ntype = \"file\"\npath = \""+path+"\"\ncontent = \"${vault.access_token}\"\n")
	w.Start()
	w.Eventually("everything is delivered", func() bool { return w.Good() && holds(path) != "" })
	held := holds(path)

	disk.Hang("write", "/")
	w.Renewals(t, 2)
	if holds(path) != held {
		t.Error("the old content is not intact")
	}
	disk.Hang("any", "/")
	began := w.Count("go_goroutines")
	w.Renewals(t, 2)
	if now := w.Count("go_goroutines"); now > began+10 {
		t.Errorf("%d goroutines and then %d", began, now)
	}
	// Not vault.env: a renewal would write that one soon anyway.
	before := w.Read("till/appserver.ini")
	w.Write("till/appserver.ini", e2etest.IniBefore)
	w.Eventually("another sink's drift is repaired", func() bool { return w.Read("till/appserver.ini") == before })
	if code, took := w.Stop(); code != 0 || took > 5*time.Second {
		t.Errorf("stopped with %d after %s, want 0 within 5 s", code, took)
	}
	e2etest.Must(t, os.Remove(w.Path("out/vault.token")))
	begun := time.Now()
	w.Start()
	w.Eventually("the others are delivered after a start", func() bool { return w.Read("out/vault.token") != "" })
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("that took %s", took)
	}
	if code, _ := w.Get("/livez"); code != http.StatusOK {
		t.Errorf("livez answers %d", code)
	}
	disk.Heal()
	w.Eventually("the sink gets the newest token", func() bool {
		now := holds(path)
		return now != held && strings.HasPrefix(w.Read("out/vault.token"), "Bearer "+now)
	})
}

// The disk of the state hangs: status answers, nothing is spent or revoked that
// could not be remembered, the end comes in time, and after the cure everything
// is good with at most one call each.
func TestHangingStateDiskHoldsNothingUp(t *testing.T) {
	t.Parallel()
	disk := disktest.Mount(t)
	h := newHousehold(t, filepath.Join(disk.Root, "state"))
	h.Start()
	h.Eventually("everything is delivered", h.Good)
	held, before := h.Read("out/vault.env"), h.calls()
	disk.Hang("sync", "/state/")
	renewing := h.Command(t.Context(), "renew", "--all")
	e2etest.Must(t, renewing.Start())
	h.Eventually("status answers, and shows renewals that wait for the disk", func() bool {
		code, out, _ := h.Run("status")
		return code == 0 && strings.Count(out, "running") == 3
	})
	if code, _ := h.Get("/livez"); code != http.StatusOK {
		t.Errorf("livez answers %d", code)
	}
	if now := h.calls(); now[1] != before[1] || now[2] != before[2] {
		t.Errorf("calls were %v and are %v: something was spent or revoked that cannot be remembered", before, now)
	}
	if code, took := h.Stop(); code != 0 || took > 5*time.Second {
		t.Errorf("stopped with %d after %s, want 0 within 5 s", code, took)
	}
	_ = renewing.Wait()
	disk.Heal()
	after := h.calls()
	h.Start()
	h.Eventually("everything is good after the cure", h.Good)
	if now := h.calls(); now[1] > after[1]+1 || now[2] > after[2]+1 {
		t.Errorf("calls were %v and are %v after the cure", after, now)
	}
	if h.Read("out/vault.env") == "" || held == "" {
		t.Error("a token was lost")
	}
}
