package simulate

import (
	"slices"
	"time"
)

// counter counts the calls to one backend. Times are relative to the start of the
// simulation.
type counter struct {
	RehearsedProvider
	callers []*part
	until   time.Duration   // calls are counted up to here
	lately  []time.Duration // the calls of the minute before that
}

// newCounters returns counters for the named providers and number of days.
func newCounters(names []string, days int, simulations []*simulation) []*counter {
	all, byName := make([]*counter, len(names)), map[string]*counter{}
	for i, name := range names {
		all[i] = &counter{RehearsedProvider: RehearsedProvider{Name: name, Days: make([]int, days)}}
		byName[name] = all[i]
	}
	for _, st := range simulations {
		for _, p := range st.parts {
			l := byName[p.Provider]
			l.callers = append(l.callers, p)
		}
	}
	return all
}

// enter counts the calls made up to that time.
func (l *counter) enter(until time.Duration) {
	first := max(0, l.until-time.Minute) / time.Minute
	counts := make([]int, until/time.Minute-first+1) // of the calls of each minute
	for _, p := range l.callers {
		for _, at := range p.calls {
			counts[at/time.Minute-first]++
		}
	}
	for i, n := range counts {
		l.Calls += n
		if d := int((first + time.Duration(i)) * time.Minute / day); d < len(l.Days) {
			l.Days[d] += n
		}
	}
	for _, at := range l.lately {
		counts[at/time.Minute-first]++
	}
	l.busy(first, counts)
	l.until = until
	l.lately = l.since(until - time.Minute)
	for _, p := range l.callers {
		p.calls = p.calls[:0]
	}
}

// busy looks for a new busiest minute. Any 60 seconds lie within two consecutive
// clock minutes, so only pairs of minutes with enough calls are examined.
func (l *counter) busy(first time.Duration, counts []int) {
	crowded := make([]bool, len(counts))
	for i := range counts[1:] {
		if counts[i]+counts[i+1] > l.Busiest {
			crowded[i], crowded[i+1] = true, true
		}
	}
	crowded[0] = crowded[0] || counts[0] > l.Busiest
	var calls []time.Duration
	look := func(at []time.Duration) {
		for _, at := range at {
			if crowded[at/time.Minute-first] {
				calls = append(calls, at)
			}
		}
	}
	look(l.lately)
	for _, p := range l.callers {
		look(p.calls)
	}
	slices.Sort(calls)
	oldest := 0
	for i, at := range calls {
		for at-calls[oldest] >= time.Minute {
			oldest++
		}
		l.Busiest = max(l.Busiest, i-oldest+1)
	}
}

// since returns the calls after that time.
func (l *counter) since(after time.Duration) (calls []time.Duration) {
	for _, at := range l.lately {
		if at > after {
			calls = append(calls, at)
		}
	}
	for _, p := range l.callers {
		for i := len(p.calls) - 1; i >= 0 && p.calls[i] > after; i-- {
			calls = append(calls, p.calls[i])
		}
	}
	return calls
}
