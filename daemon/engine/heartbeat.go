package engine

import (
	"sync/atomic"
	"time"
)

// lateAfter is how much later than planned a turn of the loop may come.
const lateAfter = 10 * time.Second

// heartbeat tells whether the engine's loop makes progress. Whoever asks waits
// for nobody.
type heartbeat struct {
	since time.Time
	due   atomic.Int64 // when the next turn comes at the latest, as a distance from since; 0 outside Run
}

// sleep notes that the loop has done a turn and sleeps until the next.
func (h *heartbeat) sleep(d time.Duration) { h.due.Store(int64(time.Since(h.since) + max(0, d) + 1)) }

// stop notes that the loop has ended.
func (h *heartbeat) stop() { h.due.Store(0) }

// Alive reports whether the engine runs and its loop makes progress: the last
// turn was not more than ten seconds later than planned. It never waits.
func (e *Engine) Alive() bool {
	due := time.Duration(e.beat.due.Load())
	return due > 0 && time.Since(e.beat.since) < due+lateAfter
}
