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

// TestHangingDiskHoldsNothingUp: on a hanging file server, first the writes of
// one sink hang, then everything. The other sinks get every token in time,
// drift is repaired, memory and goroutines do not grow, a restart succeeds,
// stopping is in time, and when the server is back the sink gets the newest
// token.
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
		t.Error("the old content has changed")
	}
	disk.Hang("any", "/")
	began := w.Count("go_goroutines")
	w.Renewals(t, 2)
	if now := w.Count("go_goroutines"); now > began+10 {
		t.Errorf("goroutines went from %d to %d, want at most 10 more", began, now)
	}
	// Not vault.env: a renewal would soon write it anyway.
	before := w.Read("till/appserver.ini")
	w.Write("till/appserver.ini", e2etest.IniBefore)
	w.Eventually("another sink's drift is repaired", func() bool { return w.Read("till/appserver.ini") == before })
	if code, took := w.Stop(); code != 0 || took > 5*time.Second {
		t.Errorf("stop: got exit code %d after %s, want 0 within 5s", code, took)
	}
	e2etest.Must(t, os.Remove(w.Path("out/vault.token")))
	begun := time.Now()
	w.Start()
	w.Eventually("the others are delivered after a start", func() bool { return w.Read("out/vault.token") != "" })
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("took %s, want within 8s", took)
	}
	if code, _ := w.Get("/livez"); code != http.StatusOK {
		t.Errorf("livez: got status %d, want 200", code)
	}
	disk.Heal()
	w.Eventually("the sink gets the newest token", func() bool {
		now := holds(path)
		return now != held && strings.HasPrefix(w.Read("out/vault.token"), "Bearer "+now)
	})
}

// TestHangingStateDiskHoldsNothingUp: while the disk of the state hangs, status
// answers, nothing is spent or revoked that could not be saved, and stopping is
// in time. After the disk recovers, everything is good with at most one call
// each.
func TestHangingStateDiskHoldsNothingUp(t *testing.T) {
	t.Parallel()
	disk := disktest.Mount(t)
	h := newInstallation(t, filepath.Join(disk.Root, "state"))
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
		t.Errorf("livez: got status %d, want 200", code)
	}
	if now := h.calls(); now[1] != before[1] || now[2] != before[2] {
		t.Errorf("calls went from %v to %v: something was spent or revoked that cannot be saved", before, now)
	}
	if code, took := h.Stop(); code != 0 || took > 5*time.Second {
		t.Errorf("stop: got exit code %d after %s, want 0 within 5s", code, took)
	}
	_ = renewing.Wait()
	disk.Heal()
	after := h.calls()
	h.Start()
	h.Eventually("everything is good after the recovery", h.Good)
	if now := h.calls(); now[1] > after[1]+1 || now[2] > after[2]+1 {
		t.Errorf("calls went from %v to %v after the recovery, want at most one more each", after, now)
	}
	if h.Read("out/vault.env") == "" || held == "" {
		t.Error("a token was lost")
	}
}
