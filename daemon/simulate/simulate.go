// Package simulate runs a configuration through the engine on a virtual clock, with
// outages of backends, suspensions of the machine and changes of its clock, and
// tells when tokens would have lapsed.
package simulate

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/daemon/plan"
)

// Scenario is what happens to the machine and the backends of a simulation.
type Scenario struct {
	From    time.Time
	For     time.Duration
	Outages []Outage
	// Suspended are the times during which the machine is suspended.
	Suspended []engine.Span
	// Steps are the changes of the machine's clock, in any order.
	Steps []engine.Step
	// Lives override the life of tokens, by the name of their provider.
	Lives map[string]time.Duration
}

// Outage is a time during which a provider's backend does not answer.
type Outage struct {
	Provider string
	engine.Span
}

// Rehearsal is the result of a simulation.
type Rehearsal struct {
	Credentials []RehearsedCredential // sorted by name
	Providers   []RehearsedProvider   // sorted by name
}

// RehearsedCredential is one credential's part.
type RehearsedCredential struct {
	Name, Provider   string
	Renewals, Failed int
	Lapses           []engine.Span // the longest first
	// Planned counts the gaps at an expiry that cannot be renewed ahead, such as
	// Brasília's midnight; LongestPlanned is the longest of them. They are not
	// lapses.
	Planned        int
	LongestPlanned time.Duration
}

// RehearsedProvider is one backend's part.
type RehearsedProvider struct {
	Name  string
	Calls int
	// Busiest is the largest number of calls within one minute.
	Busiest int
	// Days counts the calls of each day of the simulation.
	Days []int
}

// Lapsed reports whether any credential lapsed.
func (r Rehearsal) Lapsed() bool {
	return slices.ContainsFunc(r.Credentials, func(c RehearsedCredential) bool { return len(c.Lapses) > 0 })
}

// Run simulates the configuration of a loader. It calls no backend, touches no sink,
// and does not access the state: the simulation starts with all credentials just
// obtained. It returns a *load.ConfigError if the configuration is invalid.
func Run(ctx context.Context, loader *load.Loader, s Scenario) (Rehearsal, error) {
	loaded := loader.Load()
	if err := loaded.Err(); err != nil {
		return Rehearsal{}, err
	}
	defer loaded.Close()
	_ = loader.Change(loaded, nil)
	specs := loaded.Plan()
	known := map[string]bool{}
	for _, p := range specs.Providers {
		known[p.Name] = true
	}
	for _, name := range s.providers() {
		if !known[name] {
			return Rehearsal{}, &UnknownProviderError{name, slices.Sorted(maps.Keys(known))}
		}
	}
	return rehearse(ctx, specs, s)
}

// UnknownProviderError says that a scenario names a provider that is not in the
// configuration.
type UnknownProviderError struct {
	Name  string
	Known []string
}

// Error implements error.
func (e *UnknownProviderError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("there is no provider %q in the configuration (it has none)", e.Name)
	}
	return fmt.Sprintf("there is no provider %q in the configuration (expected one of %s)", e.Name, strings.Join(e.Known, ", "))
}

// providers returns the names of providers in the scenario.
func (s Scenario) providers() []string {
	names := slices.Sorted(maps.Keys(s.Lives))
	for _, o := range s.Outages {
		names = append(names, o.Provider)
	}
	return names
}

// step is the simulated time between two updates of the counters.
const step = 30 * day

// rehearse simulates the plan. Independent parts run concurrently, unless the
// machine is suspended or its clock changes, because the first credential to wake up
// notices that for all.
func rehearse(ctx context.Context, specs *plan.Plan, s Scenario) (Rehearsal, error) {
	s.Suspended, s.Steps = joined(s.Suspended), inOrder(s.Steps)
	parts, chunk := apart(specs), step
	if len(s.Suspended)+len(s.Steps) > 0 {
		parts, chunk = []*plan.Plan{specs}, s.For
	}
	var simulations []*simulation
	backends := s.backends(specs)
	for _, part := range parts {
		simulations = append(simulations, newSimulation(part, s, backends))
	}
	names := make([]string, 0, len(specs.Providers))
	for _, p := range specs.Providers {
		names = append(names, p.Name)
	}
	counters := newCounters(names, int((s.For+day-1)/day), simulations)
	end := s.From.Add(s.For)
	for until := s.From; until.Before(end) && ctx.Err() == nil; {
		until = earlier(until.Add(chunk), end)
		sideBySide(simulations, func(st *simulation) { st.play(ctx, until) })
		sideBySide(counters, func(l *counter) { l.enter(until.Sub(s.From)) })
	}
	return conclude(simulations, counters, end), context.Cause(ctx)
}

func inOrder(steps []engine.Step) []engine.Step {
	return slices.SortedStableFunc(slices.Values(steps), func(a, b engine.Step) int { return a.At.Compare(b.At) })
}

// sideBySide processes all items concurrently.
func sideBySide[T any](all []T, do func(T)) {
	var workers sync.WaitGroup
	next := make(chan T)
	for range min(len(all), runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for one := range next {
				do(one)
			}
		})
	}
	for _, one := range all {
		next <- one
	}
	close(next)
	workers.Wait()
}

// conclude collects the results.
func conclude(simulations []*simulation, counters []*counter, end time.Time) (r Rehearsal) {
	for _, st := range simulations {
		for _, p := range st.parts {
			p.lapsed(end)
			slices.SortStableFunc(p.Lapses, func(a, b engine.Span) int { return cmp.Compare(b.To.Sub(b.From), a.To.Sub(a.From)) })
			r.Credentials = append(r.Credentials, p.RehearsedCredential)
		}
	}
	for _, l := range counters {
		r.Providers = append(r.Providers, l.RehearsedProvider)
	}
	slices.SortFunc(r.Credentials, func(a, b RehearsedCredential) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(r.Providers, func(a, b RehearsedProvider) int { return cmp.Compare(a.Name, b.Name) })
	return r
}

// joined sorts and merges the spans.
func joined(spans []engine.Span) (out []engine.Span) {
	for _, s := range slices.SortedFunc(slices.Values(spans), func(a, b engine.Span) int { return a.From.Compare(b.From) }) {
		last := len(out) - 1
		switch {
		case !s.From.Before(s.To):
		case last >= 0 && !s.From.After(out[last].To):
			out[last].To = later(out[last].To, s.To)
		default:
			out = append(out, s)
		}
	}
	return out
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
