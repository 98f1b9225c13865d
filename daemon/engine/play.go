package engine

import (
	"context"
	"time"
)

// Course is the time that Play lets pass, and what happens to it.
type Course struct {
	From, Until time.Time
	// Suspended are the stretches during which the machine sleeps.
	Suspended []Span
	// Steps are what happens to its clock, in the order of time.
	Steps []Step

	now    time.Time     // as it really is
	offset time.Duration // what the clock shows more
	awake  time.Duration // how much time the monotonic clock has counted
	asleep time.Duration // how much it has not
}

// Span is a stretch of time, its end not included.
type Span struct{ From, To time.Time }

// Holds reports whether t lies in it.
func (s Span) Holds(t time.Time) bool { return !t.Before(s.From) && t.Before(s.To) }

// Step is a clock that is set, forward or with a negative By back.
type Step struct {
	At time.Time
	By time.Duration
}

// Now returns what time it really is in the play. What the engine takes for
// the time differs once the clock was set.
func (c *Course) Now() time.Time { return c.now }

// Begin gives the engine the course's clock, which stands at its beginning.
func (e *Engine) Begin(c *Course) {
	c.now, c.offset, c.awake, c.asleep = c.From, 0, 0, 0
	e.seen = reading{}
	e.clock = func() time.Time { return c.now.Add(c.offset) }
	e.steady = func() time.Duration { return c.awake }
	e.slept = func() time.Duration { return c.asleep }
	e.pause = func(context.Context, time.Duration) {}
	e.within = func(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
		return ctx, func() {}
	}
}

// Play runs the plan without a goroutine, on a clock of its own that leaps
// from one planned instant to the next: the same board and the same attempts
// as Run, as fast as the machine goes. Providers and sinks must answer by
// themselves and at once; an attempt takes no time on the clock. A machine that
// was suspended, or whose clock was set, sees it at its next wake-up, as late as
// Run may. Play goes on from where the course is, and returns when nothing is
// planned up to its end; that end must not lie within what happens to the
// machine.
func (e *Engine) Play(ctx context.Context, c *Course) {
	var ends []end
	for ctx.Err() == nil {
		now := e.now()
		todo, wake := e.step(now)
		ends = ends[:0]
		for _, w := range todo {
			if w.job != nil {
				w.job.start.Record.Past.History = nil // nobody will look at it
			}
			ends = append(ends, w.do(ctx))
		}
		for _, end := range ends {
			e.take(end)
		}
		if len(todo) > 0 {
			continue
		}
		if wake.IsZero() || !c.sleep(wake.Sub(now)) {
			return
		}
	}
}

// sleep lets time pass until a timer of that length wakes the engine, or what
// happens meanwhile is seen. It reports whether that is within the course.
func (c *Course) sleep(d time.Duration) bool {
	wake := c.awakeAt(c.now.Add(d))
	for len(c.Steps) > 0 && !c.Steps[0].At.After(wake) {
		// The engine looks at the clock once a minute, at least.
		looks := (max(0, c.Steps[0].At.Sub(c.now)) + longestSleep - 1) / longestSleep
		if seen := c.awakeAt(c.now.Add(looks * longestSleep)); seen.Before(wake) {
			wake = seen
		}
		c.offset += c.Steps[0].By
		c.Steps = c.Steps[1:]
	}
	if wake.After(c.Until) {
		return false
	}
	slept := c.slept(wake)
	c.awake += wake.Sub(c.now) - slept
	c.asleep += slept
	c.now = wake
	return true
}

// awakeAt returns when what is planned at t is seen: after a suspend, at the
// first wake-up, for timers stand still meanwhile.
func (c *Course) awakeAt(t time.Time) time.Time {
	for _, s := range c.Suspended {
		if s.From.Before(s.To) && (Span{s.From, s.To.Add(longestSleep)}).Holds(t) && c.now.Before(s.To) {
			t = s.To.Add(longestSleep)
		}
	}
	return t
}

// slept returns how long the machine was suspended between now and t.
func (c *Course) slept(t time.Time) (d time.Duration) {
	for _, s := range c.Suspended {
		from, to := s.From, s.To
		if from.Before(c.now) {
			from = c.now
		}
		if to.After(t) {
			to = t
		}
		d += max(0, to.Sub(from))
	}
	return d
}
