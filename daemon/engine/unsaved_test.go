package engine

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// TestARecordOwedDuringASaveIsSavedNext: a reload may change a record again while the
// previous version is being written.
func TestARecordOwedDuringASaveIsSavedNext(t *testing.T) {
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	k := newKeeper()
	e := New(Options{Ledger: onDisk{k}, Observer: &witness{}})
	key := schedule.Key{Name: "a"}
	e.unsaved.owe(key, schedule.Record{Part: schedule.Token{Revision: 1}})
	batch, _ := e.save(now)
	e.unsaved.owe(key, schedule.Record{Part: schedule.Token{Revision: 2}})
	for batch != nil {
		e.unsaved.saved(now, batch.write(t.Context()))
		batch, _ = e.save(now)
	}
	if got := k.record(schedule.Obtaining, "a").Token().Revision; got != 2 {
		t.Errorf("revision %d is stored, want 2", got)
	}
	if !e.unsaved.empty() {
		t.Error("something is left unsaved")
	}
}

// TestABacklogIsSavedInParts: behind a slow disk the records of a whole fleet may wait, and
// all those of a batch are encoded at once. A running attempt saves its own.
func TestABacklogIsSavedInParts(t *testing.T) {
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	k := newKeeper()
	e := New(Options{Ledger: onDisk{k}, Observer: &witness{}})
	const all = 2*batchRecords + 1
	for i := range all {
		e.unsaved.owe(delivering(strconv.Itoa(i)), schedule.Record{Part: schedule.Delivery{Changes: 1}})
	}
	e.unsaved.forget(hooking("gone"))
	e.running[delivering("7")] = &attempt{}
	var sizes []int
	for batch, _ := e.save(now); batch != nil; batch, _ = e.save(now) {
		sizes = append(sizes, len(batch.batch.Records))
		var err error
		if len(sizes) > 1 {
			err = batch.write(t.Context())
		} else {
			err = errors.New("full") // it is written again
		}
		e.unsaved.saved(now, err)
		now = now.Add(time.Minute)
	}
	if want := []int{batchRecords, batchRecords, batchRecords}; !slices.Equal(sizes, want) {
		t.Errorf("got batches of %v records, want %v", sizes, want)
	}
	if len(k.records) != all-1 || len(e.unsaved.next.records) != 1 {
		t.Errorf("%d are stored and %d left, want all but that of the running attempt", len(k.records), len(e.unsaved.next.records))
	}
	delete(e.running, delivering("7"))
	batch, _ := e.save(now)
	if e.unsaved.saved(now, batch.write(t.Context())); len(k.records) != all || !e.unsaved.empty() || e.unsaved.next.records != nil {
		t.Errorf("%d are stored, and the room of the others is kept: %t", len(k.records), e.unsaved.next.records != nil)
	}
}

// TestARemovalDuringAnOlderOneIsNotTakenForDone: a sink is removed, added again
// while its removal is being written, and removed once more.
func TestARemovalDuringAnOlderOneIsNotTakenForDone(t *testing.T) {
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	k := newKeeper()
	e := New(Options{Ledger: onDisk{k}, Observer: &witness{}})
	key := delivering("s")
	e.unsaved.forget(key)
	e.save(now)
	e.unsaved.wanted(key)
	k.records[key] = schedule.Record{Part: schedule.Token{Revision: 2}} // an attempt of its second life
	e.unsaved.forget(key)
	e.unsaved.saved(now, nil) // the older removal was written before
	batch, _ := e.save(now)
	if batch == nil {
		t.Fatal("the second removal was taken for done")
	}
	if err := batch.write(t.Context()); err != nil || len(k.records) > 0 {
		t.Errorf("got %v stored (%v), want nothing", k.records, err)
	}
}

// TestARemovalThatFailedIsNotRepeatedForWhatIsBack: a task that was added again keeps
// its record.
func TestARemovalThatFailedIsNotRepeatedForWhatIsBack(t *testing.T) {
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	e := New(Options{Ledger: onDisk{newKeeper()}, Observer: &witness{}})
	e.unsaved.forget(delivering("s"))
	e.unsaved.forget(delivering("other"))
	e.save(now)
	e.unsaved.wanted(delivering("s"))
	e.unsaved.saved(now, errors.New("full"))
	if e.unsaved.next.gone[delivering("s")] || !e.unsaved.next.gone[delivering("other")] {
		t.Errorf("got %v to be removed, want the other alone", e.unsaved.next.gone)
	}
}

// TestAHookIsNotLostWhereItsRecordAloneSurvived: a kill between two removals left only
// the hook's record. When the sink is added again, its count of changes must not reach
// the hook's old count by chance.
func TestAHookIsNotLostWhereItsRecordAloneSurvived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for ran := range uint64(3) {
			h := &bellRinger{}
			specs := planOf(map[string]*backend{"a": living(time.Hour)}, map[string]*place{"a": {}})
			specs.Sinks[0].Hook = h
			k := newKeeper()
			before := launch(t, planOf(map[string]*backend{"a": living(time.Hour)}, nil), k)
			before.stop()
			k.records[hooking("a")] = schedule.Record{Part: schedule.HookRun{Ran: ran}}
			r := launch(t, specs, k)
			pass(10 * time.Second)
			r.stop()
			if h.rung == 0 {
				t.Errorf("the hook did not run after the first delivery, its record said %d", ran)
			}
		}
	})
}

// bellRinger counts its runs.
type bellRinger struct{ rung int }

// Run implements credential.Hook.
func (b *bellRinger) Run(context.Context, []string) error { b.rung++; return nil }
