package refresh

import (
	"context"
	"time"
)

// Play runs the plan without a goroutine, on a clock of its own that leaps
// from one planned instant to the next: the same board and the same attempts
// as Run, as fast as the machine goes. Providers and sinks must answer by
// themselves and at once; an attempt takes no time on the clock. A suspended
// machine sleeps through what is planned meanwhile and sees it at its first
// wake-up after the resume. Play returns when nothing is planned up to the
// given end.
func (e *Engine) Play(ctx context.Context, from, until time.Time, suspended ...Span) {
	now := from
	e.clock = func() time.Time { return now }
	for ctx.Err() == nil {
		starts, wake := e.board.Due(now)
		ends := make([]finished, 0, len(starts))
		for _, s := range starts {
			ends = append(ends, e.contain(ctx, e.prepare(s)))
		}
		for _, end := range ends {
			e.fold(end)
		}
		if len(starts) > 0 {
			continue
		}
		if wake.IsZero() || wake.After(until) {
			return
		}
		now = wake
		for _, s := range suspended {
			if s.Holds(now) {
				now = s.To.Add(longestSleep)
			}
		}
	}
}

// Span is a stretch of time, its end not included.
type Span struct{ From, To time.Time }

// Holds reports whether t lies in it.
func (s Span) Holds(t time.Time) bool { return !t.Before(s.From) && t.Before(s.To) }
