package engine

import (
	"context"
	"sync"
	"sync/atomic"
)

// spareWorkers is how many workers wait for more work instead of ending.
const spareWorkers = 64

// workers do what the loop hands out, each piece on a goroutine of its own. One
// that has ended does the next piece if it can: its stack has grown already,
// which costs as much as a part of the work itself.
type workers struct {
	ctx   context.Context //nolint:containedctx // of all their work
	all   sync.WaitGroup
	next  chan func(context.Context)
	spare atomic.Int32
	end   sync.Once
}

func newWorkers(ctx context.Context) *workers {
	return &workers{ctx: ctx, next: make(chan func(context.Context))}
}

// start has a piece of work done. It does not wait for anything.
func (w *workers) start(f func(context.Context)) {
	select {
	case w.next <- f:
	default:
		w.all.Go(func() { w.work(f) })
	}
}

func (w *workers) work(f func(context.Context)) {
	for f != nil {
		f(w.ctx)
		if w.spare.Add(1) > spareWorkers {
			w.spare.Add(-1)
			return
		}
		f = <-w.next
		w.spare.Add(-1)
	}
}

// dismiss ends those that wait for work.
func (w *workers) dismiss() { w.end.Do(func() { close(w.next) }) }
