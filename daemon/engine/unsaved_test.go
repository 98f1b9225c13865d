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
	e.saves = make(chan error, 1)
	var writes []func()
	e.flown.instead = func(work func()) { writes = append(writes, work) }
	key := schedule.Key{Name: "a"}
	e.unsaved.owe(key, schedule.Record{Revision: 1})
	e.save(t.Context(), now)
	e.unsaved.owe(key, schedule.Record{Revision: 2})
	for len(writes) > 0 {
		write := writes[0]
		writes = writes[1:]
		write()
		e.unsaved.saved(now, <-e.saves)
		e.save(t.Context(), now)
	}
	if got := k.record(schedule.Obtaining, "a").Revision; got != 2 {
		t.Errorf("revision %d is stored, want 2", got)
	}
	if !e.unsaved.empty() {
		t.Error("something is left unsaved")
	}
}
