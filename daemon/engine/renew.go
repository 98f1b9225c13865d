package engine

import (
	"context"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// RenewResult is the end of one renewal that was asked for.
type RenewResult struct {
	Name string
	// Failure says what went wrong; empty when the values are renewed and in
	// every sink. Sink names the sink when a delivery failed: the first one of
	// Undelivered.
	Failure, Sink string
	Undelivered   []Undelivered
	Generation    uint64
}

// Undelivered is a sink that does not have the renewed values, and why.
type Undelivered struct{ Sink, Failure string }

// Good reports whether nothing went wrong.
func (r RenewResult) Good() bool { return r.Failure == "" }

// Renew makes the named credentials due at once, as far as floor, rate and
// cool-down allow, waits for their renewal and for its delivery, and tells
// each end. Every name must be in the plan. It ends with ctx.
func (e *Engine) Renew(ctx context.Context, names []string, tell func(RenewResult)) error {
	return e.renew(ctx, names, e.board.Kick, tell)
}

// Hurry is Renew for somebody who calls before the backend's own wait has
// passed; the minimum interval and the rate hold all the same.
func (e *Engine) Hurry(ctx context.Context, names []string, tell func(RenewResult)) error {
	return e.renew(ctx, names, e.board.Hurry, tell)
}

func (e *Engine) renew(ctx context.Context, names []string, due func(time.Time, schedule.Key) bool, tell func(RenewResult)) error {
	ends := make(chan RenewResult, len(names))
	err := e.ask(ctx, func() {
		now, touched := e.now(), map[string]bool{}
		for _, name := range names {
			r := &renewal{name: name, ctx: ctx, ends: ends}
			if c := e.credentials[name]; c != nil {
				r.after = c.ends
			}
			due(now, obtaining(name))
			e.renewals[name] = append(e.renewals[name], r)
			touched[name] = true
		}
		e.tellRenewals(touched)
	})
	if err != nil {
		return err
	}
	for range names {
		select {
		case end := <-ends:
			tell(end)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-e.ended:
			return ErrEnded
		}
	}
	return nil
}

// renewal is one name that is waited for.
type renewal struct {
	name  string
	after uint64          // the attempts that had ended when it was asked for
	ctx   context.Context //nolint:containedctx // whoever waits may go away
	ends  chan<- RenewResult
}

// tellRenewals tells those who wait for one of the credentials, which may have
// come to an end.
func (e *Engine) tellRenewals(touched map[string]bool) {
	if len(e.renewals) == 0 {
		return
	}
	for name := range touched {
		open := e.renewals[name][:0]
		for _, r := range e.renewals[name] {
			if r.ctx.Err() != nil {
				continue
			}
			if end, over := e.look(r); over {
				r.ends <- end // has room for every name
			} else {
				open = append(open, r)
			}
		}
		if len(open) == 0 {
			delete(e.renewals, name)
		} else {
			e.renewals[name] = open
		}
	}
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
		if absent := c.spec.Absent(); absent != "" {
			end.Failure = "parked: " + absent
		}
		return end, true
	case c.ends == r.after:
		return end, false
	case s.Record.Past.Last != nil:
		end.Failure = s.Record.Past.Last.Message
		return end, true
	}
	held := s.Record.Token()
	end.Generation = held.Generation
	over := true
	for _, sink := range e.board.Showing(r.name) {
		d, _ := e.board.Look(e.now(), delivering(sink))
		switch {
		case d.Record.Delivery().Delivered.Of(r.name).Revision == held.Revision:
		case d.Record.Past.Last != nil && !d.Record.Past.Last.At.Before(held.ObtainedAt):
			end.Undelivered = append(end.Undelivered, Undelivered{sink, d.Record.Past.Last.Message})
		case d.Owed || d.Running:
			over = false // every sink is tried before the end is told
		}
	}
	if len(end.Undelivered) > 0 {
		end.Failure, end.Sink = end.Undelivered[0].Failure, end.Undelivered[0].Sink
	}
	return end, over
}

// failRenewals ends what waits for a renewal that is not made.
func (e *Engine) failRenewals(name, why string) {
	for _, r := range e.renewals[name] {
		r.ends <- RenewResult{Name: name, Failure: why} // has room for every name
	}
	delete(e.renewals, name)
}
