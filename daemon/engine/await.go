package engine

import (
	"context"
	"sync/atomic"

	"github.com/vigented/vigente/internal/turnstile"
)

// waiting is how those wait who wait for many: after a change one of them looks
// at a time, and all who wait for the same see what the first has seen. What
// clients wait for is theirs to choose, so it must cost the loop nothing.
type waiting struct {
	gate  *turnstile.Turnstile
	count atomic.Int64
	// For whoever has the turn: the last look, and what was looked for.
	of   string
	at   *shown
	view View
}

// seen is what is selected of a state that is shown.
type seen struct {
	view View
	next <-chan struct{} // closed when another state is shown
}

// Await returns when the condition holds for what the query selects, looking
// again after every change. The view belongs to all who wait for it.
func (e *Engine) Await(ctx context.Context, q Query, holds func(View) bool) error {
	look := e.lookAlone
	if q.Broad() {
		look = e.lookTogether
		e.waiting.count.Add(1)
		defer e.waiting.leave(context.WithoutCancel(ctx))
	}
	text := q.Text()
	for {
		found, err := look(ctx, q, text)
		switch {
		case err != nil:
			return err
		case holds(found.view):
			return nil
		}
		select {
		case <-found.next:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-e.ended:
			return ErrEnded
		}
	}
}

func (e *Engine) lookAlone(_ context.Context, q Query, _ string) (seen, error) {
	s := e.shelf.now.Load()
	return seen{e.selectOf(s, q), s.next}, nil
}

func (e *Engine) lookTogether(ctx context.Context, q Query, text string) (found seen, err error) {
	w := &e.waiting
	err = w.gate.Do(ctx, func() bool {
		s := e.shelf.now.Load()
		found = seen{w.view, s.next}
		return w.at == s && w.of == text
	}, func() {
		s := e.shelf.now.Load()
		w.of, w.at, w.view = text, s, e.selectOf(s, q)
		found = seen{w.view, s.next}
	})
	return found, err
}

// leave keeps nothing that nobody waits for.
func (w *waiting) leave(ctx context.Context) {
	if w.count.Add(-1) > 0 {
		return
	}
	_ = w.gate.Do(ctx, func() bool {
		w.of, w.at, w.view = "", nil, View{}
		return true
	}, nil)
}
