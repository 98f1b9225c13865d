package engine

import (
	"context"
	"time"
)

// RenewResult is the end of one renewal that was asked for.
type RenewResult struct {
	Name string
	// Failure says what went wrong; empty when the values are renewed and in
	// every sink. Sink names the sink when a delivery failed.
	Failure, Sink string
	Generation    uint64
}

// Good reports whether nothing went wrong.
func (r RenewResult) Good() bool { return r.Failure == "" }

// Renew makes the named credentials due at once, as far as floor, rate and
// cool-down allow, waits for their renewal and for its delivery, and tells
// each end. Every name must be in the plan. It ends with ctx.
func (e *Engine) Renew(ctx context.Context, names []string, tell func(RenewResult)) error {
	asked := make([]*renewal, 0, len(names))
	err := e.ask(ctx, func() {
		now := e.now()
		for _, name := range names {
			after := uint64(0)
			if c := e.credentials[name]; c != nil {
				after = c.ends
			}
			e.board.Kick(now, obtaining(name))
			asked = append(asked, &renewal{name: name, after: after})
		}
	})
	for err == nil && len(asked) > 0 {
		var news <-chan struct{}
		var ends []RenewResult
		err = e.ask(ctx, func() {
			news = e.news()
			open := asked[:0]
			for _, r := range asked {
				if end, over := e.look(r); over {
					ends = append(ends, end)
				} else {
					open = append(open, r)
				}
			}
			asked = open
		})
		for _, end := range ends {
			tell(end)
		}
		if err != nil || len(asked) == 0 {
			break
		}
		// A look at every open name costs their number; a fleet that renews
		// together is looked at ten times a second, not at every single end.
		if err = paceNews(ctx, news, 100*time.Millisecond); err != nil {
			break
		}
	}
	return err
}

// renewal is one name that is waited for.
type renewal struct {
	name  string
	after uint64 // the attempts that had ended when it was asked for
}

// look reports the end of a renewal, if it has come.
func (e *Engine) look(r *renewal) (RenewResult, bool) {
	end := RenewResult{Name: r.name}
	s, known := e.board.Look(e.now(), obtaining(r.name))
	c := e.credentials[r.name]
	switch {
	case !known || c == nil:
		end.Failure = "it was removed from the configuration"
		return end, true
	case c.ends == r.after && s.At.IsZero() && !s.Running && !s.Waiting:
		end.Failure = s.Why.Text
		return end, true
	case c.ends == r.after:
		return end, false
	case s.Record.Past.Last != nil:
		end.Failure = s.Record.Past.Last.Message
		return end, true
	}
	end.Generation = s.Record.Token.Generation
	for _, sink := range e.board.Showing(r.name) {
		d, _ := e.board.Look(e.now(), delivering(sink))
		switch {
		case d.Record.Delivered[r.name].Revision == s.Record.Revision:
		case d.Record.Past.Last != nil && !d.Record.Past.Last.At.Before(s.Record.ObtainedAt):
			end.Failure, end.Sink = d.Record.Past.Last.Message, sink
			return end, true
		case d.Owed || d.Running:
			return end, false
		}
	}
	return end, true
}

// paceNews waits for news, and after it for at least the given distance, so that
// a stream of news is answered at that pace.
func paceNews(ctx context.Context, news <-chan struct{}, distance time.Duration) error {
	select {
	case <-news:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	pause(ctx, distance)
	return context.Cause(ctx)
}

// Await returns when the condition holds for what the query selects, looking
// again after every change.
func (e *Engine) Await(ctx context.Context, q Query, holds func(View) bool) error {
	for {
		var v View
		var news <-chan struct{}
		if err := e.ask(ctx, func() { v, news = e.view(), e.news() }); err != nil {
			return err
		}
		if holds(q.Of(v)) {
			return nil
		}
		if err := paceNews(ctx, news, 50*time.Millisecond); err != nil {
			return err
		}
	}
}
