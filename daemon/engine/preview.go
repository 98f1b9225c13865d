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

// Preview is the effect of a change, ordered by name, with removals last. It holds
// the current tokens, which must not be shown.
type Preview struct {
	At          time.Time
	Providers   []ProviderPreview
	Credentials []CredentialPreview // in the change
	// Sinks are those in the change and those that use a credential in it.
	Sinks []SinkPreview
}

// ProviderPreview is a provider; Was is nil if it is added, Is if it is removed.
type ProviderPreview struct{ Was, Is *plan.Provider }

// CredentialPreview is a credential; Was is nil if it is added, Is if it is removed.
type CredentialPreview struct {
	Was, Is *plan.Credential
	// Renewal is why the change causes a renewal; empty if it does not.
	Renewal Cause
	// NextWas and NextIs are the next attempts before and after the change, zero if
	// none is planned; Why is the reason for NextIs.
	NextWas, NextIs time.Time
	Why             string
}

// Cause is why a change causes a renewal.
type Cause string

// The causes.
const (
	CauseNone     Cause = ""
	CauseNew      Cause = "new"      // the credential is new
	CauseIdentity Cause = "identity" // its identity at the backend has changed
	CauseInputs   Cause = "inputs"   // its secrets or keys have changed
)

// SinkPreview is a sink; Was is nil if it is added, Is if it is removed.
type SinkPreview struct {
	Was, Is *plan.Sink
	// Owed means that the change causes a delivery of the current values.
	Owed bool
	// After names the credentials whose renewal, caused by the change, leads to a
	// delivery.
	After []string
	// Missing names the other credentials without a value.
	Missing []string
	// Tokens are the values for the delivery.
	Tokens credential.Set
}

// Preview returns what Apply would do with the change. It applies the change to an
// excerpt of the board, so that both agree, in time proportional to the change.
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
	renewals := causes(change, now, e.statuses(change), next)
	pair(change.Credentials, func(s *plan.Credential) string { return s.Name }, func(was, is *plan.Credential) {
		c := CredentialPreview{Was: was, Is: is}
		if was != nil {
			c.NextWas = look(e.board, now, schedule.Obtaining, was.Name).At
		}
		if is != nil {
			s := look(next, now, schedule.Obtaining, is.Name)
			c.NextIs, c.Why, c.Renewal = s.At, s.Why.Text, renewals[is.Name]
			if awaitsLogin(is, s) {
				c.NextIs, c.Why = time.Time{}, whyLogin
			}
		}
		p.Credentials = append(p.Credentials, c)
	})
	pair(e.withShowing(change), func(s *plan.Sink) string { return s.Name }, func(was, is *plan.Sink) {
		s := SinkPreview{Was: was, Is: is}
		if is != nil {
			s.expect(e.board, next, now, renewals)
		}
		p.Sinks = append(p.Sinks, s)
	})
	return p
}

// withShowing returns the sinks of a change and, as changed sinks, those that use one
// of its credentials.
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

// pair calls take for every added or changed spec with its previous version, and then
// for every removed one.
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

// whyLogin is why nothing is planned for a credential that waits for a login. The
// scheduler does not know of it before the first attempt.
const whyLogin = "parked: a person must log in"

// awaitsLogin reports whether an attempt would only ask for a login.
func awaitsLogin(c *plan.Credential, s schedule.Status) bool {
	a, ok := c.Source.(credential.Authorizer)
	return ok && !s.Parked && a.AwaitsLogin(s.Record.Previous())
}

// statuses returns the present status of the credentials that a change leaves
// configured, by name.
func (e *Engine) statuses(change plan.Change) map[string]schedule.Status {
	now, found := e.now(), map[string]schedule.Status{}
	for _, c := range both(change.Credentials) {
		found[c.Name] = look(e.board, now, schedule.Obtaining, c.Name)
	}
	return found
}

// causes returns, by name, why the change renews credentials. Before is what they were,
// and next the board on which the change is applied.
func causes(change plan.Change, now time.Time, before map[string]schedule.Status, next *schedule.Board) map[string]Cause {
	out := map[string]Cause{}
	var waiting []*plan.Credential
	pair(change.Credentials, func(s *plan.Credential) string { return s.Name }, func(was, is *plan.Credential) {
		if is == nil {
			return
		}
		after := look(next, now, schedule.Obtaining, is.Name)
		cause := causeOf(CredentialPreview{Was: was, Is: is}, before[is.Name], after)
		if cause == CauseNone || after.Parked || awaitsLogin(is, after) {
			return
		}
		out[is.Name] = cause
		if after.Waits {
			waiting = append(waiting, is)
		}
	})
	inVain := func(name string) bool {
		token, _ := next.Token(name)
		return out[name] == CauseNone && !schedule.HasValue(token)
	}
	for dropped := true; dropped; { // again, because one may wait for one that waits
		dropped = false
		for _, c := range waiting {
			if out[c.Name] != CauseNone && slices.ContainsFunc(c.Needs, inVain) {
				delete(out, c.Name)
				dropped = true
			}
		}
	}
	return out
}

// causeOf returns why the change asks for a renewal of a credential.
func causeOf(c CredentialPreview, was, is schedule.Status) Cause {
	known := schedule.HasValue(is.Record.Previous()) // a kept record of a removed credential or a former identity
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

// expect fills in the fields for a sink that the change leaves configured.
func (s *SinkPreview) expect(board, next *schedule.Board, now time.Time, renewals map[string]Cause) {
	s.Tokens = credential.Set{}
	for _, name := range s.Is.Needs {
		token, _ := next.Token(name)
		s.Tokens[name] = token
		switch {
		case renewals[name] != CauseNone:
			s.After = append(s.After, name)
		case !schedule.HasValue(token):
			s.Missing = append(s.Missing, name)
		}
	}
	after := look(next, now, schedule.Delivering, s.Is.Name)
	before := look(board, now, schedule.Delivering, s.Is.Name)
	s.Owed = after.Owed && !(before.Owed && slices.Equal(s.Is.Needs, s.Was.Needs) && s.Is.Target == s.Was.Target)
}
