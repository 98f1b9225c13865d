package refresh

import (
	"context"
	"slices"
	"sync"
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

// paceCalls gives every backend of the plan its turns. Those whose rates are
// what they were go on.
func (e *Engine) paceCalls(plan *Plan) {
	old := e.turnsOf
	e.turnsOf = make(map[string]*turns, len(plan.Providers))
	for _, p := range plan.Providers {
		if len(p.Rates) == 0 {
			continue
		}
		t := old[p.Name]
		if t == nil || !slices.Equal(t.rates, p.Rates) {
			t = newTurns(p.Rates)
		}
		e.turnsOf[p.Name] = t
	}
}

// awaitTurn returns when the call may be made, or when ctx ends.
func (j *job) awaitTurn(ctx context.Context) {
	if j.turns == nil {
		return
	}
	if wait := j.turns.take(j.elapsed()); wait > 0 {
		j.pause(ctx, wait)
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
