package refresh

import "time"

// leastStep is what the clock must have been set back by to be told to the
// board; readings of the two clocks are apart by far less.
const leastStep = 10 * time.Millisecond

// wall reads the engine's clock without its monotonic reading: lives are
// instants of the world, and the monotonic clock stands still during suspend.
func (e *Engine) wall() time.Time { return e.clock().Round(0) }

// now reads the clock for the conductor, and tells whoever counts by it when it
// was set back since the last look: the wall clock made less way than the
// monotonic one. A wall clock that made more way is a machine that was
// suspended, or a clock that was set forward, which cannot be told apart and
// need not be: what comes due early is on the safe side.
func (e *Engine) now() time.Time {
	t := e.clock()
	wall := t.Round(0)
	if e.seen.IsZero() {
		e.mark(t)
		return wall
	}
	// Without a monotonic reading, on a virtual clock, time never runs back.
	passed := max(0, t.Sub(e.seen))
	if e.steady != nil {
		passed = e.steady() - e.steadySeen
	}
	if by := passed - wall.Sub(e.seen.Round(0)); by <= 0 {
		e.mark(t)
	} else if by >= leastStep {
		e.mark(t)
		e.setBack(wall, by)
	}
	return wall
}

// mark keeps the reading that the next one is compared with. It stays while the
// clock falls behind by little, so that many small steps count as one.
func (e *Engine) mark(t time.Time) {
	e.seen = t
	if e.steady != nil {
		e.steadySeen = e.steady()
	}
}

// setBack moves everything that counts by the clock together with it.
func (e *Engine) setBack(now time.Time, by time.Duration) {
	e.board.SetBack(now, by)
	for _, f := range e.running {
		f.at = f.at.Add(-by)
	}
	for _, times := range []map[string]time.Time{e.suspects, e.repaired} {
		for name, at := range times {
			times[name] = at.Add(-by)
		}
	}
	e.unsaved.retryAt = e.unsaved.retryAt.Add(-by)
	e.keepMoved()
	for _, p := range e.plan.Providers {
		if g, ok := e.board.LookGroup(p.Name); ok && !g.Record.CooldownUntil.IsZero() {
			e.unsaved.keepProvider(p.Name, g.Record)
		}
	}
}

// keepMoved has the records stored that the board put right by itself.
func (e *Engine) keepMoved() {
	for _, m := range e.board.Moved() {
		e.unsaved.owe(m.Key, m.Record)
	}
}
