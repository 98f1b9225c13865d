package refresh

import (
	"context"
	"time"
)

// Play runs the plan without a goroutine, on a clock of its own that leaps
// from one planned instant to the next: the same board and the same attempts
// as Run, as fast as the machine goes. Providers and sinks must answer by
// themselves and at once; an attempt takes no time on the clock. It returns
// when nothing is planned up to the given end.
func (e *Engine) Play(ctx context.Context, from, until time.Time) {
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
	}
}
