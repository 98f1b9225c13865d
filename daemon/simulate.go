package daemon

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

	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/refresh"
)

// Scenario is what happens to the machine and the backends of a simulation.
type Scenario struct {
	From    time.Time
	For     time.Duration
	Outages []Outage
	// Suspended are the stretches during which the machine sleeps.
	Suspended []refresh.Span
	// Steps are what happens to the machine's clock, in any order.
	Steps []refresh.Step
	// Lives replace the life of a provider's tokens, by the provider's name.
	Lives map[string]time.Duration
}

// Outage is a stretch during which a provider's backend does not answer.
type Outage struct {
	Provider string
	refresh.Span
}

// Rehearsal is what a simulation showed.
type Rehearsal struct {
	Credentials []RehearsedCredential // in the order of their names
	Providers   []RehearsedProvider   // in the order of their names
}

// RehearsedCredential is one credential's part.
type RehearsedCredential struct {
	Name, Provider   string
	Renewals, Failed int
	Lapses           []refresh.Span
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

// Lapsed reports whether any credential was ever out of force.
func (r Rehearsal) Lapsed() bool {
	return slices.ContainsFunc(r.Credentials, func(c RehearsedCredential) bool { return len(c.Lapses) > 0 })
}

// Simulate runs the configuration through the engine on a virtual clock. No
// backend is called, no sink is touched, and the state is neither read nor
// written: the simulation begins with every credential just obtained.
func Simulate(ctx context.Context, opt Options, s Scenario) (Rehearsal, error) {
	d := &Daemon{opt: opt, log: zap.NewNop()}
	_, plan, w, err := d.loadWith(config.Options{Getenv: opt.Getenv, UID: opt.UID, CredentialsMissingOK: true})
	if err != nil {
		return Rehearsal{}, err
	}
	defer w.close()
	known := map[string]bool{}
	for _, p := range plan.Providers {
		known[p.Name] = true
	}
	for _, name := range s.providers() {
		if !known[name] {
			return Rehearsal{}, &UnknownProviderError{name, slices.Sorted(maps.Keys(known))}
		}
	}
	return rehearse(ctx, plan, s)
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

// providers returns the names that the scenario speaks of.
func (s Scenario) providers() []string {
	names := slices.Sorted(maps.Keys(s.Lives))
	for _, o := range s.Outages {
		names = append(names, o.Provider)
	}
	return names
}

// rehearse plays the plan. Parts of it that have no backend and no credential
// in common cannot disturb each other, and are played side by side.
func rehearse(ctx context.Context, plan *refresh.Plan, s Scenario) (Rehearsal, error) {
	var parts []*stage
	for _, part := range apart(plan) {
		parts = append(parts, newStage(part, s))
	}
	var players sync.WaitGroup
	next := make(chan *stage)
	for range min(len(parts), runtime.GOMAXPROCS(0)) {
		players.Go(func() {
			for st := range next {
				st.play(ctx)
			}
		})
	}
	for _, st := range parts {
		next <- st
	}
	close(next)
	players.Wait()
	var r Rehearsal
	for _, st := range parts {
		st.tell(&r)
	}
	slices.SortFunc(r.Credentials, func(a, b RehearsedCredential) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(r.Providers, func(a, b RehearsedProvider) int { return cmp.Compare(a.Name, b.Name) })
	return r, context.Cause(ctx)
}

// apart splits the plan into parts whose credentials share no provider and are
// not made from each other.
func apart(plan *refresh.Plan) []*refresh.Plan {
	provider := map[string]string{}
	leader := map[string]string{} // of providers that belong together
	var lead func(name string) string
	lead = func(name string) string {
		if up, ok := leader[name]; ok && up != name {
			return lead(up)
		}
		return name
	}
	for _, c := range plan.Credentials {
		provider[c.Name] = c.Provider
	}
	for _, c := range plan.Credentials {
		for _, need := range c.Needs {
			leader[lead(provider[need])] = lead(c.Provider)
		}
	}
	parts := map[string]*refresh.Plan{}
	var out []*refresh.Plan
	for _, p := range plan.Providers {
		part := parts[lead(p.Name)]
		if part == nil {
			part = &refresh.Plan{}
			parts[lead(p.Name)] = part
			out = append(out, part)
		}
		part.Providers = append(part.Providers, p)
	}
	for _, c := range plan.Credentials {
		part := parts[lead(c.Provider)]
		part.Credentials = append(part.Credentials, c)
	}
	return out
}
