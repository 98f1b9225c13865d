package engine

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Summary counts credentials by provider and fleet, and sinks by type and fleet.
type Summary struct {
	At          time.Time
	Totals      Totals
	Credentials []CredentialSum // in the order of provider and fleet
	Sinks       []SinkSum       // in the order of type and fleet
	Providers   []ProviderView  // in the order of their names
	// StateError says why the state could not be saved; empty if it was.
	StateError string
}

// CredentialSum summarizes the credentials of one provider and fleet. An instant is
// zero if no credential has one.
type CredentialSum struct {
	Provider, Fleet    string
	States             map[State]int
	EarliestExpiry     time.Time
	EarliestLastUseful time.Time // the earliest LastUsefulAttemptAt
	OldestFailure      time.Time // the earliest FailingSince
}

// SinkSum counts the sinks of one type and fleet.
type SinkSum struct {
	Type, Fleet string
	States      map[State]int
}

// Summarize returns the summary of a view of everything.
func Summarize(v View) Summary {
	s := Summary{At: v.At, Totals: newTotals(), Providers: v.Providers, StateError: v.StateError}
	credentials, sinks := map[sumKey]*CredentialSum{}, map[sumKey]*SinkSum{}
	for i := range v.Credentials {
		c := &v.Credentials[i]
		key := sumKey{c.Provider, FleetOf(c.Name)}
		sum := credentials[key]
		if sum == nil {
			sum = &CredentialSum{Provider: key[0], Fleet: key[1], States: map[State]int{}}
			credentials[key] = sum
		}
		s.Totals.Credentials[c.State]++
		sum.States[c.State]++
		first(&sum.EarliestExpiry, c.ExpiresAt)
		first(&sum.EarliestLastUseful, c.LastUsefulAttemptAt)
		first(&sum.OldestFailure, c.FailingSince)
	}
	for i := range v.Sinks {
		k := &v.Sinks[i]
		key := sumKey{k.Type, FleetOf(k.Name)}
		sum := sinks[key]
		if sum == nil {
			sum = &SinkSum{Type: key[0], Fleet: key[1], States: map[State]int{}}
			sinks[key] = sum
		}
		s.Totals.Sinks[k.State]++
		sum.States[k.State]++
	}
	for _, key := range slices.SortedFunc(maps.Keys(credentials), comparePairs) {
		s.Credentials = append(s.Credentials, *credentials[key])
	}
	for _, key := range slices.SortedFunc(maps.Keys(sinks), comparePairs) {
		s.Sinks = append(s.Sinks, *sinks[key])
	}
	return s
}

func comparePairs(a, b sumKey) int {
	return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
}

// first sets t to the earlier of t and at. Zero means no instant.
func first(t *time.Time, at time.Time) {
	if !at.IsZero() && (t.IsZero() || at.Before(*t)) {
		*t = at
	}
}
