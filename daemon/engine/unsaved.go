package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// unsaved is what should be durable and is not yet: records whose save failed,
// records of providers, and deletions. The conductor owns it; one worker at a
// time writes it out.
type unsaved struct {
	records   map[schedule.Key]schedule.Record
	versions  map[schedule.Key]uint64 // of the records, counted over all of them
	version   uint64
	providers map[string]schedule.ProviderRecord
	gone      map[schedule.Key]bool

	busy     bool
	writing  unsavedBatch
	written  chan struct{} // closed when the batch under way has ended
	failures int
	failing  string // why the last save failed; empty after a good one
	retryAt  time.Time
}

// unsavedBatch is what one worker writes.
type unsavedBatch struct {
	records   map[schedule.Key]schedule.Record
	versions  map[schedule.Key]uint64
	providers map[string]schedule.ProviderRecord
	gone      map[schedule.Key]bool
}

func (u *unsaved) empty() bool {
	return len(u.records) == 0 && len(u.providers) == 0 && len(u.gone) == 0
}

// keep notes a record whose save failed.
func (u *unsaved) keep(key schedule.Key, r schedule.Record, now time.Time, err error) {
	u.owe(key, r)
	u.fail(now, err)
}

// owe notes a record that is to be stored, though nothing has failed.
func (u *unsaved) owe(key schedule.Key, r schedule.Record) {
	if u.records == nil {
		u.records, u.versions = map[schedule.Key]schedule.Record{}, map[schedule.Key]uint64{}
	}
	u.version++
	u.records[key], u.versions[key] = r, u.version
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
	delete(u.records, key)
	u.retryAt = time.Time{}
	if u.empty() && !u.busy {
		u.failing, u.failures = "", 0
	}
}

func (u *unsaved) keepProvider(name string, r schedule.ProviderRecord) {
	if u.providers == nil {
		u.providers = map[string]schedule.ProviderRecord{}
	}
	u.providers[name] = r
}

// forget notes that the key's record is to be deleted.
func (u *unsaved) forget(key schedule.Key) {
	if u.gone == nil {
		u.gone = map[schedule.Key]bool{}
	}
	u.gone[key] = true
	delete(u.records, key)
}

// pending returns what an attempt of the key must wait for before it saves
// anything itself, nil when nothing: an older record is just being written.
func (u *unsaved) pending(key schedule.Key) <-chan struct{} {
	if _, found := u.writing.records[key]; u.busy && (found || u.writing.gone[key]) {
		return u.written
	}
	return nil
}

// save starts a worker that writes out what is unsaved, when it is time. It
// returns the instant to ask again, zero when something else will say so.
func (e *Engine) save(work context.Context, now time.Time) time.Time {
	u := &e.unsaved
	if u.empty() || u.busy {
		return time.Time{}
	}
	if u.failing != "" && now.Before(u.retryAt) {
		return u.retryAt
	}
	batch := unsavedBatch{maps.Clone(u.records), maps.Clone(u.versions), maps.Clone(u.providers), maps.Clone(u.gone)}
	for key := range e.running {
		// The attempt under way saves a newer record itself when it ends.
		delete(batch.records, key)
		delete(batch.gone, key)
	}
	if len(batch.records)+len(batch.providers)+len(batch.gone) == 0 {
		return time.Time{}
	}
	u.busy, u.writing, u.written = true, batch, make(chan struct{})
	written := u.written
	e.flown.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(work), durableDeadline)
		defer cancel()
		errs := batch.write(ctx, e.opt.Keeper)
		close(written)
		select {
		case e.saves <- errs:
		case <-e.ended:
		}
	})
	return time.Time{}
}

func (b unsavedBatch) write(ctx context.Context, k Keeper) (errs []error) {
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(b.records), schedule.Key.Compare) {
		note(k.Save(ctx, key, b.records[key]))
	}
	for _, name := range slices.Sorted(maps.Keys(b.providers)) {
		note(k.SaveProvider(ctx, name, b.providers[name]))
	}
	for _, key := range slices.SortedFunc(maps.Keys(b.gone), schedule.Key.Compare) {
		note(k.Delete(ctx, key))
	}
	return errs
}

// saved folds the end of a batch in: all of it is durable, or all of it is
// tried again.
func (u *unsaved) saved(now time.Time, errs []error) {
	u.busy = false
	if len(errs) > 0 {
		u.fail(now, errs[0])
		return
	}
	for key := range u.writing.records {
		if u.versions[key] == u.writing.versions[key] {
			delete(u.records, key)
		}
	}
	for name, r := range u.writing.providers {
		if u.providers[name] == r {
			delete(u.providers, name)
		}
	}
	for key := range u.writing.gone {
		delete(u.gone, key)
	}
	u.writing = unsavedBatch{}
	if len(u.records) == 0 {
		u.failing, u.failures = "", 0
	}
}
