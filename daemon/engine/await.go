package engine

import (
	"context"
	"sync/atomic"

	"github.com/vigented/vigente/internal/turnstile"
)

// waiting coordinates callers of Await with broad queries. After a change, they
// evaluate their queries one at a time, and callers with the same query share the
// result. Clients choose these queries, so the loop does none of this work.
type waiting struct {
	gate  *turnstile.Turnstile
	count atomic.Int64
	// Guarded by gate: the last query, the state it was evaluated on and its result.
	of   string
	at   *shown
	view View
}

// seen is the result of a query on a published state.
type seen struct {
	view View
	next <-chan struct{} // closed when the next state is published
}

// Await returns when the condition holds for the result of the query, which it
// evaluates after every change. All waiting callers may share the view.
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
	s := e.model.now.Load()
	return seen{e.selectOf(s, q), s.next}, nil
}

func (e *Engine) lookTogether(ctx context.Context, q Query, text string) (found seen, err error) {
	w := &e.waiting
	err = w.gate.Do(ctx, func() bool {
		s := e.model.now.Load()
		found = seen{w.view, s.next}
		return w.at == s && w.of == text
	}, func() {
		s := e.model.now.Load()
		w.of, w.at, w.view = text, s, e.selectOf(s, q)
		found = seen{w.view, s.next}
	})
	return found, err
}

// leave drops the shared result when the last caller leaves.
func (w *waiting) leave(ctx context.Context) {
	if w.count.Add(-1) > 0 {
		return
	}
	_ = w.gate.Do(ctx, func() bool {
		w.of, w.at, w.view = "", nil, View{}
		return true
	}, nil)
}
