package engine

import (
	"sync/atomic"
	"time"
)

// lateAfter is how late an iteration of the loop may be.
const lateAfter = 10 * time.Second

// heartbeat tells, without waiting, whether the loop makes progress.
type heartbeat struct {
	since time.Time
	due   atomic.Int64 // latest start of the next iteration, relative to since; 0 outside Run
	begun atomic.Bool  // an iteration has ended
}

// sleep records that the loop sleeps for d until its next iteration.
func (h *heartbeat) sleep(d time.Duration) {
	h.due.Store(int64(time.Since(h.since) + max(0, d) + 1))
	h.begun.Store(true)
}

// stop records that the loop has ended.
func (h *heartbeat) stop() { h.due.Store(0) }

// Alive reports whether the engine is running and its loop is at most ten seconds
// late. It never waits.
func (e *Engine) Alive() bool {
	due := time.Duration(e.beat.due.Load())
	return due > 0 && time.Since(e.beat.since) < due+lateAfter
}

// Begun reports whether the loop has made any progress yet, so that there is a state to
// show. It stays true after Run.
func (e *Engine) Begun() bool { return e.beat.begun.Load() }
