package engine

import (
	"maps"
	"slices"
	"time"
)

// sumKey is a provider or a sink type, and a fleet.
type sumKey [2]string

// credentialSum counts the credentials of one provider and fleet.
type credentialSum struct {
	of                          sumKey
	states                      map[State]int
	expiry, lastUseful, failure slotHeap
}

// sinkSum counts the sinks of one type and fleet.
type sinkSum struct {
	of     sumKey
	states map[State]int
}

// sums holds the counters of all rows, updated whenever a row is replaced.
type sums struct {
	credentials                 map[sumKey]*credentialSum
	sinks                       map[sumKey]*sinkSum
	expiry, lastUseful, failure instants // by slot of the credential
}

func newSums() sums {
	return sums{credentials: map[sumKey]*credentialSum{}, sinks: map[sumKey]*sinkSum{}}
}

func (s *sums) ofCredential(of sumKey) *credentialSum {
	sum := s.credentials[of]
	if sum == nil {
		sum = &credentialSum{of: of, states: map[State]int{}, expiry: slotHeap{of: &s.expiry}, lastUseful: slotHeap{of: &s.lastUseful}, failure: slotHeap{of: &s.failure}}
		s.credentials[of] = sum
	}
	return sum
}

func (s *sums) ofSink(of sumKey) *sinkSum {
	sum := s.sinks[of]
	if sum == nil {
		sum = &sinkSum{of: of, states: map[State]int{}}
		s.sinks[of] = sum
	}
	return sum
}

// replaceCredential updates the counters for a replaced row; nil means no row.
func (s *sums) replaceCredential(slot uint32, was, is *credentialRow) {
	if was != nil && (is == nil || was.sum != is.sum) {
		was.sum.put(slot, time.Time{}, time.Time{}, time.Time{})
	}
	if was != nil {
		drop(was.sum.states, was.state.state())
		if len(was.sum.states) == 0 && (is == nil || is.sum != was.sum) {
			delete(s.credentials, was.sum.of)
		}
	}
	if is != nil {
		for _, i := range []*instants{&s.expiry, &s.lastUseful, &s.failure} {
			i.grow(int(slot) + 1)
		}
		is.sum.states[is.state.state()]++
		is.sum.put(slot, is.record.Outline().StatedEnd(), is.lastUseful(), is.record.Past().FailingSince)
	}
}

func (c *credentialSum) put(slot uint32, expiry, lastUseful, failure time.Time) {
	c.expiry.set(slot, expiry)
	c.lastUseful.set(slot, lastUseful)
	c.failure.set(slot, failure)
}

// replaceSink updates the counters for a replaced row; nil means no row.
func (s *sums) replaceSink(was, is *sinkRow) {
	if was != nil {
		drop(was.sum.states, was.state.state())
		if len(was.sum.states) == 0 && (is == nil || is.sum != was.sum) {
			delete(s.sinks, was.sum.of)
		}
	}
	if is != nil {
		is.sum.states[is.state.state()]++
	}
}

func drop(states map[State]int, s State) {
	if states[s]--; states[s] == 0 {
		delete(states, s)
	}
}

// summary returns the current counters.
func (s *sums) summary() Summary {
	out := Summary{Totals: newTotals()}
	for _, of := range slices.SortedFunc(maps.Keys(s.credentials), comparePairs) {
		c := s.credentials[of]
		out.Credentials = append(out.Credentials, CredentialSum{
			Provider: of[0], Fleet: of[1], States: maps.Clone(c.states),
			EarliestExpiry: c.expiry.first(), EarliestLastUseful: c.lastUseful.first(), OldestFailure: c.failure.first(),
		})
		for state, n := range c.states {
			out.Totals.Credentials[state] += n
		}
	}
	for _, of := range slices.SortedFunc(maps.Keys(s.sinks), comparePairs) {
		out.Sinks = append(out.Sinks, SinkSum{Type: of[0], Fleet: of[1], States: maps.Clone(s.sinks[of].states)})
		for state, n := range s.sinks[of].states {
			out.Totals.Sinks[state] += n
		}
	}
	return out
}
