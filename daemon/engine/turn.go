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

// turns enforces the rates of one backend at the call itself. The board starts
// attempts at these rates, but a slow disk or preflight may delay some of them so
// that their calls would coincide. It uses elapsed time, independent of the clock.
type turns struct {
	rates []schedule.Rate
	mu    sync.Mutex
	pacer *schedule.Pacer
	until time.Duration // no call may start before
}

func newTurns(rates []schedule.Rate) *turns {
	return &turns{rates: slices.Clone(rates), pacer: schedule.NewPacer(rates)}
}

// take reserves the next turn and returns how long to wait for it.
func (t *turns) take(elapsed time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Time{}.Add(elapsed)
	return t.pacer.Take(now).Sub(now)
}

// closeUntil blocks calls until the given time. Starting the next attempt lifts the
// block, because the board has already checked the cool-down.
func (t *turns) closeUntil(until time.Duration) {
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

// stage is the progress of an attempt. If it is delayed too long before its call,
// it is abandoned and must not make the call, because others may start instead.
type stage struct {
	at    atomic.Int32
	begun atomic.Int64 // start of the call, in awake time
}

const (
	before int32 = iota
	turning
	calling
	late
)

// overdue returns by how much the attempt exceeds its limit. Waiting for a turn
// does not count, and a call counts from its start.
func (f *attempt) overdue(awake time.Duration) time.Duration {
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

// abandon keeps an attempt from making a call that has not started. It reports
// false if the attempt has just begun to wait for its turn.
func (f *attempt) abandon() bool {
	return f.stage == nil || f.stage.at.Load() >= calling || f.stage.at.CompareAndSwap(before, late)
}

// detach stops counting hanging attempts against their groups.
func (e *Engine) detach(now time.Time, awake time.Duration) {
	for key, f := range e.running {
		if f.overdue(awake) > 0 && f.abandon() {
			e.board.Detach(now, key)
		}
	}
}

// awaitTurn waits for the attempt's turn, or until ctx ends, and reports whether
// the call may be made. It may not if the attempt was abandoned, during a cool-down,
// or once the engine stops: others may be waiting for what is not called yet.
func (j *job) awaitTurn(ctx context.Context) bool {
	if !j.stage.at.CompareAndSwap(before, turning) {
		return false
	}
	if j.turns.closed(j.read().elapsed()) {
		return false
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(j.open, cancel)()
	wait := j.turns.take(j.read().elapsed())
	if p, ok := j.ticket.(Pacing); ok {
		wait = max(wait, p.Turn(ctx))
	}
	if wait > 0 {
		j.pause(ctx, wait)
	}
	if ctx.Err() != nil || j.open.Err() != nil || j.turns.closed(j.read().elapsed()) {
		return false
	}
	if l, ok := j.ticket.(Lapsing); ok && l.Lapsed() {
		return false
	}
	j.stage.begun.Store(int64(j.read().awake))
	j.stage.at.Store(calling)
	return true
}

// anotherTurn waits until the attempt may make another request, and reports
// whether it may: not after its timeout, and not during a cool-down.
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

// unmade ends an attempt without a call and restores the record.
func (j *job) unmade(ctx context.Context) finished {
	r := j.start.Record
	return finished{start: &j.start, record: r, unmade: true, owed: j.ticket == nil, saveError: j.commit(ctx, &r)}
}

// foldUnmade returns an attempt without a call to the board. The observer is not
// told.
func (e *Engine) foldUnmade(f *finished, now time.Time) {
	key := f.start.Task.Key
	if r, ok := errors.AsType[*Refusal](f.refusal); ok && r.Final {
		e.failRenewals(key.Name, r.Reason)
	}
	switch {
	case e.board.Return(now, *f.start, heldBy(f.refusal, now)):
		e.unsaved.forget(key)
	case f.owed, e.opt.Ledger == nil: // nothing was stored, nothing has changed
	case f.saveError != nil:
		e.unsaved.keep(key, f.record, now, f.saveError)
	default:
		e.unsaved.durable(key)
	}
	// A renewal that was requested during the attempt has not been made yet.
	if slices.ContainsFunc(e.renewals[key.Name], func(r *renewal) bool { return key.Kind == schedule.Obtaining && r.ctx.Err() == nil }) {
		e.board.Kick(now, key)
	}
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
