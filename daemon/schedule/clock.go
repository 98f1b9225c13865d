package schedule

import "time"

// setBack is how far the clock must have gone back, in one step or several,
// before every task is looked at. Less costs nobody more than that.
const setBack = time.Second

// see takes in the instant at which the board is asked. A clock that was set
// back leaves instants of the past in the future, and everything that counts
// from them (floors, waits, budgets) would stand still until the clock has
// caught up. They are put right here, once: counted from the new now, they give
// the full wait again and no longer one.
//
// Expiries, cool-downs and instants that a backend named are left: whether they
// came from this clock or from the server's is not known here.
func (b *Board) see(now time.Time) {
	back := b.seen.Sub(now)
	b.seen = now
	if back <= 0 {
		return
	}
	for _, g := range b.groups {
		for i := range g.buckets {
			g.buckets[i].back(back)
		}
		b.regate(g, now)
	}
	if b.behind += back; b.behind < setBack {
		return
	}
	b.behind = 0
	for _, e := range b.entries {
		e.settle(now)
		if !e.gone {
			b.replan(e, now)
		}
	}
}

// settle moves into the present what the record says of the future.
func (e *entry) settle(now time.Time) {
	p := &e.rec.Past
	if p.AttemptAt.After(now) {
		p.AttemptAt = now
	}
	if e.startedAt.After(now) {
		e.startedAt = now
	}
	if p.Last == nil || p.Asked || !p.Last.At.After(now) {
		return
	}
	longest := maxLocalDelay
	if e.task.Kind == Obtaining {
		longest = max(maxCallDelay, e.task.Policy.MinInterval)
	}
	if last := now.Add(longest); p.RetryAt.After(last) {
		p.RetryAt = last
	}
}
