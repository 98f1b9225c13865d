package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/internal/disktest"

	tss "github.com/vigented/vigente/providers/tss/emulator"
)

// A sink on a file server that hangs: at first its writes, then everything. The
// others get every token in time, what is drifted is repaired, memory and
// goroutines stay, a start finds its way past it, the end comes in time, and
// when the server is back the sink gets the newest token.
func TestHangingDiskHoldsNothingUp(t *testing.T) {
	t.Parallel()
	disk, vault := disktest.Mount(t), newVault(3*time.Second)
	path := filepath.Join(disk.Root, "token")
	w := furnish(t, tss.New(tss.Options{}), vault, "[sinks.sealed]\ntype = \"file\"\npath = \""+path+"\"\ncontent = \"${vault.access_token}\"\n")
	w.start()
	w.eventually("everything is delivered", func() bool { return w.good() && holds(path) != "" })
	held := holds(path)

	disk.Hang("write", "/")
	w.renewals(t, 2)
	if holds(path) != held {
		t.Error("the old content is not intact")
	}
	disk.Hang("any", "/")
	began := w.count("go_goroutines")
	w.renewals(t, 2)
	if now := w.count("go_goroutines"); now > began+10 {
		t.Errorf("%d goroutines and then %d", began, now)
	}
	// Not vault.env: a renewal would write that one soon anyway.
	before := w.read("till/appserver.ini")
	w.write("till/appserver.ini", iniBefore)
	w.eventually("another sink's drift is repaired", func() bool { return w.read("till/appserver.ini") == before })
	if code, took := w.stop(); code != 0 || took > 5*time.Second {
		t.Errorf("stopped with %d after %s, want 0 within 5 s", code, took)
	}
	must(t, os.Remove(w.path("out/vault.token")))
	begun := time.Now()
	w.start()
	w.eventually("the others are delivered after a start", func() bool { return w.read("out/vault.token") != "" })
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("that took %s", took)
	}
	if code, _ := w.get("/livez"); code != http.StatusOK {
		t.Errorf("livez answers %d", code)
	}
	disk.Heal()
	w.eventually("the sink gets the newest token", func() bool {
		now := holds(path)
		return now != held && strings.HasPrefix(w.read("out/vault.token"), "Bearer "+now)
	})
}

// The disk of the state hangs: status answers, nothing is spent or revoked that
// could not be remembered, the end comes in time, and after the cure everything
// is good with at most one call each.
func TestHangingStateDiskHoldsNothingUp(t *testing.T) {
	t.Parallel()
	disk := disktest.Mount(t)
	h := newHousehold(t, filepath.Join(disk.Root, "state"))
	h.start()
	h.eventually("everything is delivered", h.good)
	held, before := h.read("out/vault.env"), h.calls()
	disk.Hang("sync", "/state/")
	renewing := h.command(t.Context(), "renew", "--all")
	must(t, renewing.Start())
	h.eventually("status answers, and shows renewals that wait for the disk", func() bool {
		code, out, _ := h.run("status")
		return code == 0 && strings.Count(out, "running") == 3
	})
	if code, _ := h.get("/livez"); code != http.StatusOK {
		t.Errorf("livez answers %d", code)
	}
	if now := h.calls(); now[1] != before[1] || now[2] != before[2] {
		t.Errorf("calls were %v and are %v: something was spent or revoked that cannot be remembered", before, now)
	}
	if code, took := h.stop(); code != 0 || took > 5*time.Second {
		t.Errorf("stopped with %d after %s, want 0 within 5 s", code, took)
	}
	_ = renewing.Wait()
	disk.Heal()
	after := h.calls()
	h.start()
	h.eventually("everything is good after the cure", h.good)
	if now := h.calls(); now[1] > after[1]+1 || now[2] > after[2]+1 {
		t.Errorf("calls were %v and are %v after the cure", after, now)
	}
	if h.read("out/vault.env") == "" || held == "" {
		t.Error("a token was lost")
	}
}

// renewals waits until another sink has got that many further tokens.
func (w *world) renewals(t *testing.T, n int) {
	t.Helper()
	for range n {
		had := w.read("out/vault.token")
		w.eventually("another sink gets the next token", func() bool { return w.read("out/vault.token") != had })
	}
}
