package cluster

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// The rates of a backend apply to all machines together. Every machine sees all intents
// in one order, that of the engine's revisions, and gives each the next turn. So all
// machines compute the same turns without exchanging them.

// paces keeps the turns of all backends.
type paces struct {
	mu  sync.Mutex
	of  map[string]*pace
	own map[string]chan time.Time // the turns of this machine's attempts
}

type pace struct {
	rates []schedule.Rate
	pacer *schedule.Pacer
	// pending counts attempts of this machine that have no turn yet.
	pending int
	// kept are turns of this machine that were too late for their intents; the next
	// attempts use them.
	kept []time.Time
}

func newPaces() *paces { return &paces{of: map[string]*pace{}, own: map[string]chan time.Time{}} }

// turnAhead is how far ahead a turn may be when an intent is committed.
const turnAhead = time.Second

// turnSeen bounds how long an intent of this machine may take to come back.
const turnSeen = time.Second

func (p *paces) paceLocked(spec Spec) *pace {
	one := p.of[spec.Provider]
	if one == nil || !slices.Equal(one.rates, spec.Rates) {
		one = &pace{rates: slices.Clone(spec.Rates), pacer: schedule.NewPacer(spec.Rates)}
		p.of[spec.Provider] = one
	}
	return one
}

// expect prepares for the turn of an attempt of this machine. If the turn would be too
// far ahead, it returns when to ask again.
func (p *paces) expect(spec Spec, attempt string, now time.Time) (again time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.paceLocked(spec)
	one.kept = slices.DeleteFunc(one.kept, func(at time.Time) bool { return now.Sub(at) > turnAhead })
	var turn time.Time
	if one.pending < len(one.kept) {
		turn = one.kept[one.pending]
	} else {
		turn = one.pacer.Next(now, one.pending-len(one.kept))
	}
	if turn.Sub(now) > turnAhead {
		return turn.Add(-turnAhead / 2), false
	}
	one.pending++
	p.own[attempt] = make(chan time.Time, 1)
	return turn, true
}

// forget undoes expect for an attempt that has no intent.
func (p *paces) forget(spec Spec, attempt string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if own := p.own[attempt]; own != nil {
		delete(p.own, attempt)
		if one := p.paceLocked(spec); len(own) == 0 && one.pending > 0 {
			one.pending--
		}
	}
}

// count gives an attempt the next turn. An attempt of this machine gets the first of the
// kept turns.
func (p *paces) count(spec Spec, attempt string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.paceLocked(spec)
	turn := one.pacer.Take(now)
	if own := p.own[attempt]; own != nil {
		one.pending = max(0, one.pending-1)
		one.keep(turn)
		own <- one.kept[0] // buffered, so it does not block
		one.kept = one.kept[1:]
	}
}

func (o *pace) keep(turn time.Time) {
	o.kept = append(o.kept, turn)
	slices.SortFunc(o.kept, time.Time.Compare)
}

// giveBack keeps a turn for a later attempt.
func (p *paces) giveBack(spec Spec, turn time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paceLocked(spec).keep(turn)
}

// wait returns the turn of an attempt of this machine once its intent has come back, in
// the order in which all machines see it; false if that takes too long.
func (p *paces) wait(ctx context.Context, spec Spec, attempt string) (time.Time, bool) {
	p.mu.Lock()
	own := p.own[attempt]
	p.mu.Unlock()
	defer p.forget(spec, attempt)
	late := time.NewTimer(turnSeen)
	defer late.Stop()
	select {
	case turn := <-own:
		return turn, true
	case <-late.C:
	case <-ctx.Done():
	}
	return time.Time{}, false
}

// countIntent gives the intent in a record its turn, once.
func (c *Cluster) countIntent(s *share, i Intent) {
	spec, known := c.opt.Spec(s.name)
	if i.None() || !known || len(spec.Rates) == 0 {
		return
	}
	s.mu.Lock()
	news := s.counted != i.Attempt
	s.counted = i.Attempt
	s.mu.Unlock()
	if news {
		c.paces.count(spec, i.Attempt, c.clock())
	}
}

// expectTurn refuses an attempt whose turn is too far ahead.
func (c *Cluster) expectTurn(spec Spec, attempt string) error {
	if len(spec.Rates) == 0 {
		return nil
	}
	now := c.clock()
	if again, ok := c.paces.expect(spec, attempt, now); !ok {
		return c.refusal(again.Sub(now), "it waits for its turn under the provider's rate, which all machines share")
	}
	return nil
}

// Turn implements engine.Pacing.
func (t *ticket) Turn(ctx context.Context) time.Duration {
	spec, known := t.cluster.opt.Spec(t.share.name)
	if t.attempt == "" || !known || len(spec.Rates) == 0 {
		return 0
	}
	turn, seen := t.cluster.paces.wait(ctx, spec, t.attempt)
	switch {
	case !seen: // the watch lags; the intent is counted when it arrives
		return 0
	case turn.Sub(t.begun) > callGrace: // released at once: nothing waits for it
		t.cluster.paces.giveBack(spec, turn)
		t.late.Store(true)
		return 0
	}
	return max(0, turn.Sub(t.cluster.clock()))
}
