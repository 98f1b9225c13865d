package engine

import (
	"context"
	"time"
)

// Course is the simulated time of Play with its suspends and clock changes.
type Course struct {
	From, Until time.Time
	// Suspended lists when the machine is suspended.
	Suspended []Span
	// Steps are the changes of its clock, in order.
	Steps []Step

	now    time.Time     // the true time
	offset time.Duration // of the wall clock from the true time
	awake  time.Duration // on the monotonic clock
	asleep time.Duration // time suspended
}

// Span is a period of time, excluding its end.
type Span struct{ From, To time.Time }

// Holds reports whether t is in the span.
func (s Span) Holds(t time.Time) bool { return !t.Before(s.From) && t.Before(s.To) }

// Step sets the clock forward, or back if By is negative.
type Step struct {
	At time.Time
	By time.Duration
}

// Now returns the true simulated time, which differs from the engine's clock after a
// Step.
func (c *Course) Now() time.Time { return c.now }

// Begin makes the engine use the course's clock and resets it to From.
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

// Play simulates the plan without goroutines. It uses the same board and attempts as
// Run, on a simulated clock that jumps from one planned instant to the next.
// Providers and sinks must answer immediately; an attempt takes no simulated time.
// Like Run, it notices a suspend or a clock change only at the next wake-up. Play
// continues from the course's current time and returns when nothing is planned
// before its end, which must not be within a suspend.
func (e *Engine) Play(ctx context.Context, c *Course) {
	var ends []end
	for ctx.Err() == nil {
		now := e.now()
		todo, wake := e.step(now)
		ends = ends[:0]
		for _, w := range todo {
			if w.job != nil {
				w.job.start.Record.Past.History = nil // not needed
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

// sleep advances the time until a timer of length d fires, or the engine notices a
// step before. It returns false if that is after the end of the course.
func (c *Course) sleep(d time.Duration) bool {
	wake := c.awakeAt(c.now.Add(d))
	for len(c.Steps) > 0 && !c.Steps[0].At.After(wake) {
		// The engine reads the clock at least once a minute.
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

// awakeAt returns when the engine wakes up for an instant t: if the machine is
// suspended then, at the first wake-up after it, because timers stop meanwhile.
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
