package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// turns keeps the rates of one backend at the call itself. The board hands
// attempts out at these rates, but a slow disk or a preflight may hold some of
// them up and let them arrive together. It counts by the time that really
// passed, whatever the clock is set to.
type turns struct {
	rates []schedule.Rate
	mu    sync.Mutex
	pacer *schedule.Pacer
	until time.Duration // the backend asked all its callers to wait until then
}

func newTurns(rates []schedule.Rate) *turns {
	return &turns{rates: slices.Clone(rates), pacer: schedule.NewPacer(rates)}
}

// take takes the next turn and returns how long it is until then.
func (t *turns) take(elapsed time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Time{}.Add(elapsed)
	return t.pacer.Take(now).Sub(now)
}

// close lets nobody through until then; the next attempt that is handed out, for
// which the board knows better, opens again.
func (t *turns) close(until time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until = until
}

func (t *turns) closedUntil() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.until
}

func (t *turns) sameRates(rates []schedule.Rate) bool { return slices.Equal(t.rates, rates) }

func (t *turns) closed(elapsed time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return elapsed < t.until
}

// stage tells how far an attempt has come: before its call, which it then may
// make no more when it was held up for too long and others have taken its place.
type stage struct {
	at    atomic.Int32
	begun atomic.Int64 // the call, by the time in which the machine was awake
}

const (
	before int32 = iota
	turning
	calling
	late
)

// overdue is by how much the flight is longer under way than it should be. What
// waits for its turn does not hang; a call counts from when it is made.
func (f *flight) overdue(awake time.Duration) time.Duration {
	begun := f.begun
	if f.stage != nil {
		switch f.stage.at.Load() {
		case turning:
			return -f.limit
		case calling:
			begun = time.Duration(f.stage.begun.Load())
		}
	}
	return awake - begun - f.limit
}

// abandon sees to it that an attempt whose call is not made yet makes it no more.
// It reports false for one that has just begun to wait for its turn.
func (f *flight) abandon() bool {
	return f.stage == nil || f.stage.at.Load() >= calling || f.stage.at.CompareAndSwap(before, late)
}

// detach lets others take the place of what hangs.
func (e *Engine) detach(now time.Time, awake time.Duration) {
	for key, f := range e.running {
		if f.overdue(awake) > 0 && f.abandon() {
			e.board.Detach(now, key)
		}
	}
}

// awaitTurn waits until the call may be made, or ctx ends, and reports whether it
// still may: what was held up meanwhile must neither break into a pause that the
// backend asked for, nor come on top of those that took its place.
func (j *job) awaitTurn(ctx context.Context) bool {
	if !j.stage.at.CompareAndSwap(before, turning) {
		return false
	}
	if j.turns.closed(j.read().elapsed()) {
		return false
	}
	wait := j.turns.take(j.read().elapsed())
	if p, ok := j.ticket.(Pacing); ok {
		wait = max(wait, p.Turn(ctx))
	}
	if wait > 0 {
		j.pause(ctx, wait)
	}
	if j.turns.closed(j.read().elapsed()) {
		return false
	}
	if l, ok := j.ticket.(Lapsing); ok && l.Lapsed() {
		return false
	}
	j.stage.begun.Store(int64(j.read().awake))
	j.stage.at.Store(calling)
	return true
}

// anotherTurn waits until the attempt may make one more request, and reports
// whether it may: not after its time is up, nor into a pause that the backend
// asked for meanwhile.
func (j *job) anotherTurn(ctx context.Context) bool {
	wait := j.turns.take(j.read().elapsed())
	if p, ok := j.ticket.(Pacing); ok {
		wait = max(wait, p.Turn(ctx))
	}
	if wait > 0 {
		j.pause(ctx, wait)
	}
	return ctx.Err() == nil && !j.turns.closed(j.read().elapsed())
}

// unmade ends an attempt whose call is not made: nothing of it is left.
func (j *job) unmade(ctx context.Context) finished {
	r := j.start.Record
	return finished{start: &j.start, record: r, unmade: true, owed: j.ticket == nil, saveError: j.commit(ctx, &r)}
}

// foldUnmade takes back what was not made. Nobody hears of it.
func (e *Engine) foldUnmade(f *finished, now time.Time) {
	key := f.start.Task.Key
	if r, ok := errors.AsType[*Refusal](f.refusal); ok && r.Final {
		e.failRenewals(key.Name, r.Reason)
	}
	switch {
	case e.board.Return(now, *f.start, heldBy(f.refusal, now)):
		e.unsaved.forget(key)
	case f.owed, e.opt.Ledger == nil: // nothing was stored, and nothing has changed
	case f.saveError != nil:
		e.unsaved.keep(key, f.record, now, f.saveError)
	default:
		e.unsaved.durable(key)
	}
}

// pause lets time pass, not beyond the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
