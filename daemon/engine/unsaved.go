package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// unsaved is what should be durable and is not yet: ends of deliveries and
// hooks, records whose save failed, corrections, cool-downs, removals. The
// conductor owns it; one worker at a time writes it out.
type unsaved struct {
	next    pending
	writing pending       // what the worker writes
	written chan struct{} // closed when the batch under way has ended; nil when there is none
	// replaced are keys of which something newer is known than what the worker
	// writes: it must not be written again should the batch fail.
	replaced map[schedule.Key]bool

	failures int
	failing  string // why the last save failed; empty after a good one
	retryAt  time.Time
}

// pending is one set of changes. A key is in one of records and gone.
type pending struct {
	records   map[schedule.Key]schedule.Record
	providers map[string]schedule.ProviderRecord
	gone      map[schedule.Key]bool
}

func newPending() pending {
	return pending{map[schedule.Key]schedule.Record{}, map[string]schedule.ProviderRecord{}, map[schedule.Key]bool{}}
}

func (p *pending) empty() bool { return len(p.records)+len(p.providers)+len(p.gone) == 0 }

// forget drops what the set says of a key.
func (p *pending) forget(key schedule.Key) {
	delete(p.records, key)
	delete(p.gone, key)
}

func (u *unsaved) empty() bool { return u.next.empty() && u.written == nil }

// keep notes a record whose save failed.
func (u *unsaved) keep(key schedule.Key, r schedule.Record, now time.Time, err error) {
	u.owe(key, r)
	u.fail(now, err)
}

// owe notes a record that is to be stored, though nothing has failed.
func (u *unsaved) owe(key schedule.Key, r schedule.Record) {
	u.supersede(key)
	u.next.records[key] = r
}

// supersede drops what is not stored yet of a key, for something newer.
func (u *unsaved) supersede(key schedule.Key) {
	if u.next.records == nil {
		u.next = newPending()
	}
	u.next.forget(key)
	if u.written != nil {
		u.replaced[key] = true
	}
}

// fail notes that saving failed. A crowd of records that fail while the next
// try is waited for says no more than one of them, and puts it off no further.
func (u *unsaved) fail(now time.Time, err error) {
	waiting := u.failing != "" && now.Before(u.retryAt)
	u.failing = saveCause(err)
	if waiting {
		return
	}
	u.failures++
	u.retryAt = now.Add(min(firstSaveRetry<<min(u.failures-1, 10), lastSaveRetry))
}

// durable notes that a newer record of the key was saved. What else is unsaved
// need not wait any longer.
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

// forget notes that the key's record is to be deleted.
func (u *unsaved) forget(key schedule.Key) {
	u.supersede(key)
	u.next.gone[key] = true
}

// wanted notes that the key's record is not to be deleted after all.
func (u *unsaved) wanted(key schedule.Key) {
	delete(u.next.gone, key)
	if u.writing.gone[key] {
		u.replaced[key] = true
	}
}

// writing is one batch on its way to the ledger.
type writing struct {
	ledger Ledger
	within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	batch  Batch
	done   chan struct{}
}

// write stores the batch. The end of the daemon does not cancel that.
func (w *writing) write(ctx context.Context) error {
	defer close(w.done)
	ctx, cancel := w.within(context.WithoutCancel(ctx), durableDeadline)
	defer cancel()
	return w.ledger.Write(ctx, w.batch)
}

// save returns the batch of what is unsaved, when it is time to write one, and
// the instant to ask again, zero when something else will say so.
func (e *Engine) save(now time.Time) (*writing, time.Time) {
	u := &e.unsaved
	if u.next.empty() || u.written != nil || e.opt.Ledger == nil {
		return nil, time.Time{}
	}
	if u.failing != "" && now.Before(u.retryAt) {
		return nil, u.retryAt
	}
	batch, rest := u.next, newPending()
	for key := range e.running {
		// The attempt under way saves a newer record when it ends, or owes it.
		if r, found := batch.records[key]; found {
			rest.records[key] = r
		}
		if batch.gone[key] {
			rest.gone[key] = true
		}
		batch.forget(key)
	}
	u.next = rest
	if batch.empty() {
		return nil, time.Time{}
	}
	u.writing, u.written, u.replaced = batch, make(chan struct{}), map[schedule.Key]bool{}
	dropped := slices.SortedFunc(maps.Keys(batch.gone), schedule.Key.Compare)
	return &writing{e.opt.Ledger, e.within, Batch{batch.records, batch.providers, dropped}, u.written}, time.Time{}
}

// saved folds the end of a batch in: all of it is durable, or what nothing newer
// has replaced is written again.
func (u *unsaved) saved(now time.Time, err error) {
	batch, replaced := u.writing, u.replaced
	u.writing, u.written, u.replaced = pending{}, nil, nil
	if err == nil {
		u.failing, u.failures = "", 0
		return
	}
	u.fail(now, err)
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

// underWay returns what an attempt of the key must wait for before it saves
// anything itself, nil when nothing: an older record is just being written.
func (u *unsaved) underWay(key schedule.Key) <-chan struct{} {
	if _, found := u.writing.records[key]; found || u.writing.gone[key] {
		return u.written
	}
	return nil
}
