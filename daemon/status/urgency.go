package status

import (
	"cmp"
	"slices"

	"github.com/vigented/vigente/daemon/refresh"
)

// ByUrgency returns the credentials, those that need a look first: what is out
// of force, then what cannot be renewed, then by the nearest expiry. The view
// is left as it is.
func ByUrgency(v refresh.View) []refresh.CredentialView {
	sorted := slices.Clone(v.Credentials)
	slices.SortStableFunc(sorted, func(a, b refresh.CredentialView) int {
		return cmp.Or(
			cmp.Compare(urgency(a, v), urgency(b, v)),
			compareExpiry(a, b),
			cmp.Compare(a.Name, b.Name),
		)
	})
	return sorted
}

func urgency(c refresh.CredentialView, v refresh.View) int {
	switch {
	case c.State == refresh.Parked && !c.InForce(v.At):
		return 0
	case c.State == refresh.Expired:
		return 1
	case c.State == refresh.Pending:
		return 2
	case c.State == refresh.Parked:
		return 3
	case c.State == refresh.Failing:
		return 4
	}
	return 5
}

// compareExpiry puts a known end before an unknown one.
func compareExpiry(a, b refresh.CredentialView) int {
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
func SinksByUrgency(v refresh.View) []refresh.SinkView {
	order := []refresh.State{refresh.Failing, refresh.Behind, refresh.Pending, refresh.Delivered}
	rank := func(s refresh.SinkView) int {
		place := 2 * slices.Index(order, s.State)
		if s.HookError != nil && s.State == refresh.Delivered {
			place-- // delivered, but whoever reads it may not know
		}
		return place
	}
	sorted := slices.Clone(v.Sinks)
	slices.SortStableFunc(sorted, func(a, b refresh.SinkView) int {
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
func Class(s refresh.State) string {
	switch s {
	case refresh.Valid:
		return ClassGood
	case refresh.Pending, refresh.Failing:
		return ClassWarn
	default:
		return ClassBad
	}
}

// SinkClass returns the class of a sink's state.
func SinkClass(s refresh.State) string {
	switch s {
	case refresh.Delivered:
		return ClassGood
	case refresh.Pending, refresh.Behind:
		return ClassWarn
	default:
		return ClassBad
	}
}
