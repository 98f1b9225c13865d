package web

import (
	"cmp"
	"slices"

	"github.com/vigented/vigente/daemon/engine"
)

// ByUrgency returns the credentials, those that need a look first: what is out
// of force, then what cannot be renewed, then by the nearest expiry. The view
// is left as it is.
func ByUrgency(v engine.View) []engine.CredentialView {
	sorted := slices.Clone(v.Credentials)
	slices.SortStableFunc(sorted, func(a, b engine.CredentialView) int {
		return cmp.Or(
			cmp.Compare(urgency(a, v), urgency(b, v)),
			compareExpiry(a, b),
			cmp.Compare(a.Name, b.Name),
		)
	})
	return sorted
}

func urgency(c engine.CredentialView, v engine.View) int {
	switch {
	case c.State == engine.Parked && !c.InForce(v.At):
		return 0
	case c.State == engine.Expired:
		return 1
	case c.State == engine.Pending:
		return 2
	case c.State == engine.Parked:
		return 3
	case c.State == engine.Failing:
		return 4
	}
	return 5
}

// compareExpiry puts a known end before an unknown one.
func compareExpiry(a, b engine.CredentialView) int {
	if a.ExpiresAt.IsZero() != b.ExpiresAt.IsZero() {
		if a.ExpiresAt.IsZero() {
			return 1
		}
		return -1
	}
	return a.ExpiresAt.Compare(b.ExpiresAt)
}

// SinksByUrgency returns the sinks, those that fail first. The view is left as
// it is.
func SinksByUrgency(v engine.View) []engine.SinkView {
	order := []engine.State{engine.Failing, engine.Behind, engine.Pending, engine.Delivered}
	rank := func(s engine.SinkView) int {
		place := 2 * slices.Index(order, s.State)
		if s.HookError != nil && s.State == engine.Delivered {
			place-- // delivered, but whoever reads it may not know
		}
		return place
	}
	sorted := slices.Clone(v.Sinks)
	slices.SortStableFunc(sorted, func(a, b engine.SinkView) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name))
	})
	return sorted
}

// The classes that a state belongs to, by what it asks of a person.
const (
	ClassGood = "good" // nothing
	ClassWarn = "warn" // a look, some time
	ClassBad  = "bad"  // a look now
)

// Class returns the class of a credential's state.
func Class(s engine.State) string {
	switch s {
	case engine.Valid:
		return ClassGood
	case engine.Pending, engine.Failing:
		return ClassWarn
	default:
		return ClassBad
	}
}

// SinkClass returns the class of a sink's state.
func SinkClass(s engine.State) string {
	switch s {
	case engine.Delivered:
		return ClassGood
	case engine.Pending, engine.Behind:
		return ClassWarn
	default:
		return ClassBad
	}
}
