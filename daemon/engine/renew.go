package engine

import (
	"context"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// RenewResult is the result of a requested renewal.
type RenewResult struct {
	Name string
	// Failure says what went wrong; it is empty if the values were renewed and
	// delivered to every sink. If a delivery failed, Sink is the first one in
	// Undelivered.
	Failure, Sink string
	Undelivered   []Undelivered
	Generation    uint64
}

// Undelivered is a sink that does not have the renewed values, and why.
type Undelivered struct{ Sink, Failure string }

// Good reports whether the renewal and all deliveries succeeded.
func (r RenewResult) Good() bool { return r.Failure == "" }

// Renew makes the named credentials due immediately, within their minimum interval,
// rate and cool-down. It waits for their renewal and delivery, or until ctx ends,
// and calls tell with each result. Every name must be in the plan.
func (e *Engine) Renew(ctx context.Context, names []string, tell func(RenewResult)) error {
	return e.renew(ctx, names, e.board.Kick, tell)
}

// Hurry is Renew, but ignores a wait that the backend asked for. The minimum
// interval and the rate still apply.
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

// renewal is a request for one credential that a caller waits for.
type renewal struct {
	name  string
	after uint64          // held.ends at the request
	ctx   context.Context //nolint:containedctx // the caller may stop waiting
	ends  chan<- RenewResult
}

// tellRenewals sends the results of completed renewals of the touched credentials.
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

// look returns the result of a renewal, and whether it is complete.
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
	held := s.Record.Outline()
	end.Generation = held.Generation
	over := true
	for _, sink := range e.board.Showing(r.name) {
		d, _ := e.board.Look(e.now(), delivering(sink))
		switch {
		case d.Record.Delivery().Delivered.Of(r.name).Revision == held.Revision:
		case d.Record.Past.Last != nil && !d.Record.Past.Last.At.Before(held.ObtainedAt):
			end.Undelivered = append(end.Undelivered, Undelivered{sink, d.Record.Past.Last.Message})
		case d.Owed || d.Running:
			over = false // wait until every sink was tried
		}
	}
	if len(end.Undelivered) > 0 {
		end.Failure, end.Sink = end.Undelivered[0].Failure, end.Undelivered[0].Sink
	}
	return end, over
}

// failRenewals ends the waiting requests for a renewal that will not happen.
func (e *Engine) failRenewals(name, why string) {
	for _, r := range e.renewals[name] {
		r.ends <- RenewResult{Name: name, Failure: why} // has room for every name
	}
	delete(e.renewals, name)
}
