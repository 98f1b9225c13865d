package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// Preview is what a change would bring, in the order of the names; what would be
// gone comes last. It holds the tokens of the present, which are not for showing.
type Preview struct {
	At          time.Time
	Providers   []ProviderPreview
	Credentials []CredentialPreview // those that the change names
	// Sinks are those that the change names, and those that show a credential
	// which it leads to a renewal of.
	Sinks []SinkPreview
}

// ProviderPreview is one backend; Was or Is is nil where it is not there.
type ProviderPreview struct{ Was, Is *plan.Provider }

// CredentialPreview is one credential; Was or Is is nil where it is not there.
type CredentialPreview struct {
	Was, Is *plan.Credential
	// Renewal says why the plan itself leads to a renewal; empty when it does
	// not.
	Renewal Cause
	// NextWas and NextIs are the next attempts without and with the plan, zero
	// when none is planned; Why says why the latter is when it is.
	NextWas, NextIs time.Time
	Why             string
}

// Cause is why a plan leads to a renewal.
type Cause string

// The causes.
const (
	CauseNone     Cause = ""
	CauseNew      Cause = "new"      // the credential is
	CauseIdentity Cause = "identity" // it is something else at the backend
	CauseInputs   Cause = "inputs"   // its secrets or keys are others
)

// SinkPreview is one sink; Was or Is is nil where it is not there.
type SinkPreview struct {
	Was, Is *plan.Sink
	// Owed says that the plan itself leads to a delivery of what is in hand.
	Owed bool
	// After names the credentials whose renewal, which the plan leads to, is
	// followed by a delivery.
	After []string
	// Missing names the credentials that it waits for otherwise.
	Missing []string
	// Tokens is what it would be handed.
	Tokens credential.Set
}

// Preview tells what Apply would do with the change. It does what Apply does, on
// an excerpt of the board, so that the two cannot disagree, and costs the loop what
// the change costs.
func (e *Engine) Preview(ctx context.Context, change plan.Change) (Preview, error) {
	var p Preview
	err := e.ask(ctx, func() { p = e.preview(change) })
	return p, err
}

func (e *Engine) preview(change plan.Change) Preview {
	now := e.now()
	board := boardChange(change)
	board.Tasks = slices.DeleteFunc(board.Tasks, func(t *schedule.Task) bool { return t.Kind == schedule.Hooking })
	next := e.board.Excerpt(board)
	next.Apply(now, board)
	p := Preview{At: now}
	pair(change.Providers, func(s *plan.Provider) string { return s.Name }, func(was, is *plan.Provider) {
		p.Providers = append(p.Providers, ProviderPreview{was, is})
	})
	renewed := map[string]bool{}
	pair(change.Credentials, func(s *plan.Credential) string { return s.Name }, func(was, is *plan.Credential) {
		c := CredentialPreview{Was: was, Is: is}
		if was != nil {
			c.NextWas = look(e.board, now, schedule.Obtaining, was.Name).At
		}
		if is != nil {
			s := look(next, now, schedule.Obtaining, is.Name)
			c.NextIs, c.Why = s.At, s.Why.Text
			c.Renewal = causeOf(c, look(e.board, now, schedule.Obtaining, is.Name), s)
			renewed[is.Name] = c.Renewal != CauseNone
		}
		p.Credentials = append(p.Credentials, c)
	})
	pair(e.withShowing(change), func(s *plan.Sink) string { return s.Name }, func(was, is *plan.Sink) {
		s := SinkPreview{Was: was, Is: is}
		if is != nil {
			s.expect(e.board, next, now, renewed)
		}
		p.Sinks = append(p.Sinks, s)
	})
	return p
}

// withShowing returns the sinks of a change together with those that show one of
// its credentials, as if these had changed into what they are.
func (e *Engine) withShowing(change plan.Change) plan.Difference[plan.Sink] {
	d := change.Sinks
	d.Changed, d.Was = slices.Clone(d.Changed), slices.Clone(d.Was)
	named := map[string]bool{}
	for _, s := range both(d) {
		named[s.Name] = true
	}
	for _, name := range d.Removed {
		named[name] = true
	}
	for _, c := range both(change.Credentials) {
		for _, name := range e.board.Showing(c.Name) {
			if s := e.sinks[name]; s != nil && !named[name] {
				named[name] = true
				d.Changed, d.Was = append(d.Changed, s.spec), append(d.Was, s.spec)
			}
		}
	}
	return d
}

// pair hands every object over with its predecessor of the same name, and then
// those that have no successor.
func pair[S any](d plan.Difference[S], name func(*S) string, take func(was, is *S)) {
	old := make(map[string]*S, len(d.Was))
	for _, s := range d.Was {
		old[name(s)] = s
	}
	next := both(d)
	slices.SortFunc(next, func(a, b *S) int { return cmp.Compare(name(a), name(b)) })
	for _, s := range next {
		take(old[name(s)], s)
	}
	for _, gone := range d.Removed {
		take(old[gone], nil)
	}
}

func look(b *schedule.Board, now time.Time, kind schedule.Kind, name string) schedule.Status {
	s, _ := b.Look(now, schedule.Key{Kind: kind, Name: name})
	return s
}

// causeOf says why the plan itself makes a credential due.
func causeOf(c CredentialPreview, was, is schedule.Status) Cause {
	known := schedule.HasValue(is.Record.Previous()) // kept of a removed one, or of an identity that is back
	switch {
	case c.Was == nil && !known:
		return CauseNew
	case c.Was != nil && c.Was.Identity != c.Is.Identity && !known:
		return CauseIdentity
	case is.Reopened && !was.Reopened:
		return CauseInputs
	}
	return CauseNone
}

// expect fills in what a sink of the plan has to expect.
func (s *SinkPreview) expect(board, next *schedule.Board, now time.Time, renewed map[string]bool) {
	s.Tokens = credential.Set{}
	for _, name := range s.Is.Needs {
		token, _ := next.Token(name)
		s.Tokens[name] = token
		switch {
		case renewed[name]:
			s.After = append(s.After, name)
		case !schedule.HasValue(token):
			s.Missing = append(s.Missing, name)
		}
	}
	after := look(next, now, schedule.Delivering, s.Is.Name)
	before := look(board, now, schedule.Delivering, s.Is.Name)
	s.Owed = after.Owed && !(before.Owed && slices.Equal(s.Is.Needs, s.Was.Needs) && s.Is.Target == s.Was.Target)
}
