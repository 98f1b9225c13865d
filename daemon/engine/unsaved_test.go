package engine

import (
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// TestARecordOwedDuringASaveIsSavedNext: a reload may change a record of the same
// attempt again while the one before it is being written.
func TestARecordOwedDuringASaveIsSavedNext(t *testing.T) {
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	k := newKeeper()
	e := New(Options{Ledger: onDisk{k}, Observer: &witness{}})
	key := schedule.Key{Name: "a"}
	e.unsaved.owe(key, schedule.Record{Revision: 1})
	batch, _ := e.save(now)
	e.unsaved.owe(key, schedule.Record{Revision: 2})
	for batch != nil {
		e.unsaved.saved(now, batch.write(t.Context()))
		batch, _ = e.save(now)
	}
	if got := k.record(schedule.Obtaining, "a").Revision; got != 2 {
		t.Errorf("revision %d is stored, want 2", got)
	}
	if !e.unsaved.empty() {
		t.Error("something is left unsaved")
	}
}
