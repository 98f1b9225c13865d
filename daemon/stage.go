package daemon

import (
	"context"
	"slices"
	"time"

	"github.com/vigented/vigente/daemon/credential"
	"github.com/vigented/vigente/daemon/refresh"
	"github.com/vigented/vigente/daemon/schedule"
)

// stage is the world of one simulation: it answers in place of the backends,
// and keeps the books by the time as it really is, whatever the machine's clock
// shows.
type stage struct {
	plan     *refresh.Plan
	scenario Scenario
	course   refresh.Course
	parts    map[string]*part
	backends map[string]*rehearsedBackend
}

// part is one credential on the stage.
type part struct {
	RehearsedCredential
	// expiry is when what it shows ends, the simulation's beginning before the
	// first answer; next is what the answer under way says.
	expiry, next time.Time
}

// rehearsedBackend counts the calls of one provider.
type rehearsedBackend struct {
	outages []Outage
	life    time.Duration // of its tokens, zero when their kind tells
	calls   int
	days    []int
	minute  []time.Time // the calls within the last one
	busiest int
}

const day = 24 * time.Hour

func newStage(plan *refresh.Plan, s Scenario) *stage {
	st := &stage{
		plan: &refresh.Plan{Providers: plan.Providers}, scenario: s,
		parts: map[string]*part{}, backends: map[string]*rehearsedBackend{},
	}
	st.course = refresh.Course{From: s.From, Until: s.From.Add(s.For), Suspended: s.Suspended, Steps: slices.Clone(s.Steps)}
	slices.SortStableFunc(st.course.Steps, func(a, b refresh.Step) int { return a.At.Compare(b.At) })
	for _, p := range plan.Providers {
		b := &rehearsedBackend{life: s.Lives[p.Name], days: make([]int, (s.For+day-1)/day)}
		for _, o := range s.Outages {
			if o.Provider == p.Name {
				b.outages = append(b.outages, o)
			}
		}
		st.backends[p.Name] = b
	}
	odd := [2]map[string]credential.Secret{{"value": credential.NewSecret("1")}, {"value": credential.NewSecret("2")}}
	for _, c := range plan.Credentials {
		p := &part{RehearsedCredential: RehearsedCredential{Name: c.Name, Provider: c.Provider}, expiry: s.From}
		st.parts[c.Name] = p
		rehearser, _ := c.Source.(credential.Rehearser)
		c.Source = &actor{stage: st, part: p, backend: st.backends[c.Provider], rehearser: rehearser, maxAge: c.Policy.MaxAge, values: odd}
		st.plan.Credentials = append(st.plan.Credentials, c)
	}
	return st
}

func (st *stage) play(ctx context.Context) {
	e := refresh.New(refresh.Options{Keeper: forgetful{}, Observer: st, Seed: 1})
	e.Begin(&st.course)
	e.Install(st.plan, schedule.Memory{})
	e.Play(ctx, &st.course)
}

// actor answers in place of one credential's backend.
type actor struct {
	stage     *stage
	part      *part
	backend   *rehearsedBackend
	rehearser credential.Rehearser // nil when the kind has none
	maxAge    time.Duration
	answers   int
	values    [2]map[string]credential.Secret // take turns
}

// usualLife is taken for a kind that does not tell.
const usualLife = time.Hour

// Refresh implements credential.Provider. The backend has the right time; what
// counts from the clock of this machine is placed on that one.
func (a *actor) Refresh(_ context.Context, req credential.Request) (credential.Credential, error) {
	now, ours := a.stage.course.Now(), req.At
	a.backend.note(now, a.stage.scenario.From)
	for _, o := range a.backend.outages {
		if o.Holds(now) {
			return credential.Credential{}, &credential.Fault{Reason: credential.ReasonNetwork, Message: "outage"}
		}
	}
	a.answers++
	c := credential.Credential{ExpiresAt: now.Add(usualLife), CountedExpiry: true}
	if a.rehearser != nil {
		req.At = now
		c = a.rehearser.Rehearse(req)
	}
	if a.backend.life > 0 {
		c.ExpiresAt, c.CountedExpiry = now.Add(a.backend.life), true
	}
	a.part.next = c.ExpiresAt
	if c.ExpiresAt.IsZero() {
		a.part.next = now.Add(a.maxAge)
	}
	if off := ours.Sub(now); off != 0 && c.CountedExpiry {
		c.ExpiresAt = c.ExpiresAt.Add(off)
		if !c.UsefulAfter.IsZero() {
			c.UsefulAfter = c.UsefulAfter.Add(off)
		}
	}
	c.Values = a.values[a.answers%2]
	return c, nil
}

// note counts one call.
func (b *rehearsedBackend) note(now, from time.Time) {
	b.calls++
	if i := int(now.Sub(from) / day); i < len(b.days) {
		b.days[i]++
	}
	old := 0
	for old < len(b.minute) && now.Sub(b.minute[old]) >= time.Minute {
		old++
	}
	b.minute = append(b.minute[:copy(b.minute, b.minute[old:])], now)
	b.busiest = max(b.busiest, len(b.minute))
}

// Observe implements refresh.Observer.
func (st *stage) Observe(o refresh.Outcome) {
	p := st.parts[o.Name]
	if o.Result == schedule.Failed {
		p.Failed++
		return
	}
	p.Renewals++
	p.lapsed(st.course.Now())
	p.expiry = p.next
}

// lapsed notes a lapse up to now, if there was one.
func (p *part) lapsed(now time.Time) {
	if now.After(p.expiry) {
		p.Lapses = append(p.Lapses, refresh.Span{From: p.expiry, To: now})
	}
}

// tell adds what the stage has seen.
func (st *stage) tell(r *Rehearsal) {
	for _, p := range st.parts {
		p.lapsed(st.scenario.From.Add(st.scenario.For))
		r.Credentials = append(r.Credentials, p.RehearsedCredential)
	}
	for name, b := range st.backends {
		r.Providers = append(r.Providers, RehearsedProvider{Name: name, Calls: b.calls, Busiest: b.busiest, Days: b.days})
	}
}

// forgetful keeps nothing.
type forgetful struct{}

func (forgetful) Save(context.Context, schedule.Key, schedule.Record) error { return nil }
func (forgetful) SaveProvider(context.Context, string, schedule.ProviderRecord) error {
	return nil
}
func (forgetful) Delete(context.Context, schedule.Key) error { return nil }
