package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// unsaved holds the changes still to be stored: ends of deliveries and hooks,
// records whose save failed, corrections, cool-downs and removals. The loop owns
// it; one worker at a time writes a batch.
type unsaved struct {
	next    pending
	writing pending       // what the worker is writing
	written chan struct{} // closed when the current batch has ended; nil if there is none
	// replaced holds the keys with something newer than what the worker is writing,
	// which must not be written again if the batch fails.
	replaced map[schedule.Key]bool

	failures int
	failing  string // why the last save failed; empty after a success
	retryAt  time.Time
}

// pending is a set of changes. A key is in at most one of records and gone.
type pending struct {
	records   map[schedule.Key]*schedule.Packed
	providers map[string]schedule.ProviderRecord
	gone      map[schedule.Key]bool
}

func newPending() pending {
	return pending{map[schedule.Key]*schedule.Packed{}, map[string]schedule.ProviderRecord{}, map[schedule.Key]bool{}}
}

func (p *pending) empty() bool { return len(p.records)+len(p.providers)+len(p.gone) == 0 }

// forget removes a key from the set.
func (p *pending) forget(key schedule.Key) {
	delete(p.records, key)
	delete(p.gone, key)
}

// batchRecords is the largest number of records of a batch. All of them are encoded at
// once, and behind a slow disk those of a whole fleet can wait.
const batchRecords = 4096

// take removes a batch of the changes whose keys are free, and returns it.
func (p *pending) take(free func(schedule.Key) bool) pending {
	batch := newPending()
	for key, r := range p.records {
		if len(batch.records) == batchRecords {
			break
		}
		if free(key) {
			batch.records[key] = r
			delete(p.records, key)
		}
	}
	for key := range p.gone {
		if free(key) {
			batch.gone[key] = true
			delete(p.gone, key)
		}
	}
	batch.providers, p.providers = p.providers, map[string]schedule.ProviderRecord{}
	return batch
}

// unpacked returns the changes as the ledger gets them.
func (p *pending) unpacked() Batch {
	records := make(map[schedule.Key]schedule.Record, len(p.records))
	for key, r := range p.records {
		records[key] = r.Record()
	}
	return Batch{records, p.providers, slices.SortedFunc(maps.Keys(p.gone), schedule.Key.Compare)}
}

func (u *unsaved) empty() bool { return u.next.empty() && u.written == nil }

// keep adds a record whose save failed.
func (u *unsaved) keep(key schedule.Key, r schedule.Record, now time.Time, err error) {
	u.owe(key, r)
	u.fail(now, err)
}

// owe adds a record to be stored.
func (u *unsaved) owe(key schedule.Key, r schedule.Record) {
	u.supersede(key)
	u.next.records[key] = schedule.Pack(r)
}

// supersede drops an unsaved change of a key, because there is a newer one.
func (u *unsaved) supersede(key schedule.Key) {
	if u.next.records == nil {
		u.next = newPending()
	}
	u.next.forget(key)
	if u.written != nil {
		u.replaced[key] = true
	}
}

// fail records a failed save. Further failures before the next retry do not delay
// it.
func (u *unsaved) fail(now time.Time, err error) {
	waiting := u.failing != "" && now.Before(u.retryAt)
	u.failing = saveCause(err)
	if waiting {
		return
	}
	u.failures++
	u.retryAt = now.Add(min(firstSaveRetry<<min(u.failures-1, 10), lastSaveRetry))
}

// durable records that a newer record of the key was saved. Saving works, so the
// other changes are retried immediately.
func (u *unsaved) durable(key schedule.Key) {
	u.supersede(key)
	u.retryAt = time.Time{}
	if u.empty() {
		u.failing, u.failures = "", 0
	}
}

func (u *unsaved) keepProvider(name string, r schedule.ProviderRecord) {
	if u.next.records == nil {
		u.next = newPending()
	}
	u.next.providers[name] = r
}

// forget schedules the deletion of the key's record.
func (u *unsaved) forget(key schedule.Key) {
	u.supersede(key)
	u.next.gone[key] = true
}

// wanted cancels the deletion of the key's record.
func (u *unsaved) wanted(key schedule.Key) {
	delete(u.next.gone, key)
	if u.writing.gone[key] {
		u.replaced[key] = true
	}
}

// writing is a batch being written to the ledger.
type writing struct {
	ledger Ledger
	within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	batch  Batch
	done   chan struct{}
}

// write stores the batch. The daemon's shutdown does not cancel it.
func (w *writing) write(ctx context.Context) error {
	defer close(w.done)
	ctx, cancel := w.within(context.WithoutCancel(ctx), durableDeadline)
	defer cancel()
	return w.ledger.Write(ctx, w.batch)
}

// save returns the next batch, if it is time to write one, and when to call it again,
// zero if another event will cause that.
func (e *Engine) save(now time.Time) (*writing, time.Time) {
	u := &e.unsaved
	if u.next.empty() || u.written != nil || e.opt.Ledger == nil {
		return nil, time.Time{}
	}
	if u.failing != "" && now.Before(u.retryAt) {
		return nil, u.retryAt
	}
	// A running attempt will save or owe a newer record.
	batch := u.next.take(func(key schedule.Key) bool { return e.running[key] == nil })
	if u.next.empty() {
		u.next = pending{} // a map keeps the room of what was deleted from it
	}
	if batch.empty() {
		return nil, time.Time{}
	}
	u.writing, u.written, u.replaced = batch, make(chan struct{}), map[schedule.Key]bool{}
	return &writing{e.opt.Ledger, e.within, batch.unpacked(), u.written}, time.Time{}
}

// saved processes the end of a batch. After a failure, the changes that have not been
// replaced meanwhile are written again.
func (u *unsaved) saved(now time.Time, err error) {
	batch, replaced := u.writing, u.replaced
	u.writing, u.written, u.replaced = pending{}, nil, nil
	if err == nil {
		u.failing, u.failures = "", 0
		return
	}
	u.fail(now, err)
	if u.next.records == nil {
		u.next = newPending()
	}
	for key, r := range batch.records {
		if !replaced[key] {
			u.next.records[key] = r
		}
	}
	for name, r := range batch.providers {
		if _, newer := u.next.providers[name]; !newer {
			u.next.providers[name] = r
		}
	}
	for key := range batch.gone {
		if !replaced[key] {
			u.next.gone[key] = true
		}
	}
}

// underWay returns a channel that an attempt of the key must wait for before it saves
// anything, because an older record is being written; nil if it need not wait.
func (u *unsaved) underWay(key schedule.Key) <-chan struct{} {
	if _, found := u.writing.records[key]; found || u.writing.gone[key] {
		return u.written
	}
	return nil
}
