package engine

import (
	"context"
	"sync"
	"sync/atomic"
)

// spareWorkers is how many workers wait for more work instead of ending.
const spareWorkers = 64

// workers run the loop's work, each piece on its own goroutine. Some goroutines are
// kept and reused, because growing a new stack costs a notable part of the work.
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

// start runs a piece of work. It never blocks.
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

// finish ends the idle workers.
func (w *workers) finish() { w.end.Do(func() { close(w.next) }) }
