package daemon

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/credential"
	"github.com/vigented/vigente/daemon/refresh"
	"github.com/vigented/vigente/daemon/schedule"
)

// Scenario is what happens to the machine and the backends of a simulation.
type Scenario struct {
	From    time.Time
	For     time.Duration
	Outages []Outage
	// Suspended are the stretches during which the machine sleeps.
	Suspended []refresh.Span
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
	for _, o := range s.Outages {
		if !known[o.Provider] {
			return Rehearsal{}, fmt.Errorf("outage of provider %q: no such provider in the configuration", o.Provider)
		}
	}
	stage := newStage(plan, s)
	e := refresh.New(refresh.Options{Keeper: forgetful{}, Observer: stage, Seed: 1})
	e.Play(ctx, s.From, s.From) // sets the clock
	e.Install(stage.plan, schedule.Memory{})
	e.Play(ctx, s.From, s.From.Add(s.For), s.Suspended...)
	return stage.rehearsal(), context.Cause(ctx)
}

// stage is the world of one simulation.
type stage struct {
	plan     *refresh.Plan
	scenario Scenario
	parts    map[string]*RehearsedCredential
	expiries map[string]time.Time
	calls    map[string][]time.Time
}

func newStage(plan *refresh.Plan, s Scenario) *stage {
	st := &stage{scenario: s, parts: map[string]*RehearsedCredential{}, expiries: map[string]time.Time{}, calls: map[string][]time.Time{}}
	st.plan = &refresh.Plan{Providers: plan.Providers}
	for _, c := range plan.Credentials {
		st.parts[c.Name] = &RehearsedCredential{Name: c.Name, Provider: c.Provider}
		c.Source = &actor{stage: st, provider: c.Provider, source: c.Source}
		st.plan.Credentials = append(st.plan.Credentials, c)
	}
	return st
}

// actor answers in place of one credential's backend.
type actor struct {
	stage    *stage
	provider string
	source   credential.Provider
	answers  int
}

// usualLife is taken for a kind that does not tell.
const usualLife = time.Hour

// Refresh implements credential.Provider.
func (a *actor) Refresh(_ context.Context, req credential.Request) (credential.Credential, error) {
	a.stage.calls[a.provider] = append(a.stage.calls[a.provider], req.At)
	for _, o := range a.stage.scenario.Outages {
		if o.Provider == a.provider && o.Holds(req.At) {
			return credential.Credential{}, &credential.Fault{Reason: credential.ReasonNetwork, Message: "outage"}
		}
	}
	a.answers++
	c := credential.Credential{ExpiresAt: req.At.Add(usualLife)}
	if r, ok := a.source.(credential.Rehearser); ok {
		c = r.Rehearse(req)
	}
	if life, ok := a.stage.scenario.Lives[a.provider]; ok {
		c.ExpiresAt = req.At.Add(life)
	}
	c.Values = map[string]credential.Secret{"value": credential.NewSecret(fmt.Sprint(a.answers))}
	return c, nil
}

// Observe implements refresh.Observer.
func (st *stage) Observe(o refresh.Outcome) {
	part := st.parts[o.Name]
	if o.Kind != refresh.Obtain || part == nil {
		return
	}
	if o.Result == schedule.Failed {
		part.Failed++
		return
	}
	part.Renewals++
	if end, had := st.expiries[o.Name]; had && o.StartedAt.After(end) {
		part.Lapses = append(part.Lapses, refresh.Span{From: end, To: o.StartedAt})
	} else if !had && o.StartedAt.After(st.scenario.From) {
		part.Lapses = append(part.Lapses, refresh.Span{From: st.scenario.From, To: o.StartedAt})
	}
	st.expiries[o.Name] = o.ExpiresAt
}

func (st *stage) rehearsal() Rehearsal {
	var r Rehearsal
	end := st.scenario.From.Add(st.scenario.For)
	for name, part := range st.parts {
		expiry, had := st.expiries[name]
		if !had {
			expiry = st.scenario.From
		}
		if expiry.Before(end) {
			part.Lapses = append(part.Lapses, refresh.Span{From: expiry, To: end})
		}
		r.Credentials = append(r.Credentials, *part)
	}
	for _, p := range st.plan.Providers {
		r.Providers = append(r.Providers, RehearsedProvider{p.Name, len(st.calls[p.Name]), busiest(st.calls[p.Name])})
	}
	slices.SortFunc(r.Credentials, func(a, b RehearsedCredential) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(r.Providers, func(a, b RehearsedProvider) int { return cmp.Compare(a.Name, b.Name) })
	return r
}

// busiest counts the most calls within any minute.
func busiest(calls []time.Time) (most int) {
	first := 0
	for i, at := range calls {
		for at.Sub(calls[first]) >= time.Minute {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// forgetful keeps nothing.
type forgetful struct{}

func (forgetful) Save(context.Context, schedule.Key, schedule.Record) error { return nil }
func (forgetful) SaveProvider(context.Context, string, schedule.ProviderRecord) error {
	return nil
}
func (forgetful) Delete(context.Context, schedule.Key) error { return nil }
