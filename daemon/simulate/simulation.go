package simulate

import (
	"context"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// simulation runs one independent part of the plan, with fake backends. They know the
// true time, whatever the machine's clock shows.
type simulation struct {
	engine *engine.Engine
	course engine.Course
	from   time.Time
	parts  map[string]*part
}

// part is one simulated credential.
type part struct {
	RehearsedCredential
	// expiry is the expiry of its current token, or the start of the simulation
	// before the first answer; next is the expiry in the pending answer.
	expiry, next time.Time
	// useful is the time before which asking for the next token is useless, or
	// zero; nextUseful is that of the pending answer.
	useful, nextUseful time.Time
	calls              []time.Duration // since the last update of the counters
}

// rehearsedBackend is the part of a scenario for one provider.
type rehearsedBackend struct {
	outages []engine.Span
	life    time.Duration // of its tokens; zero if their kind tells
}

const day = 24 * time.Hour

// backends returns the part of the scenario for each provider of the plan.
func (s Scenario) backends(specs *plan.Plan) map[string]*rehearsedBackend {
	all := make(map[string]*rehearsedBackend, len(specs.Providers))
	for _, p := range specs.Providers {
		b := &rehearsedBackend{life: s.Lives[p.Name]}
		for _, o := range s.Outages {
			if o.Provider == p.Name {
				b.outages = append(b.outages, o.Span)
			}
		}
		all[p.Name] = b
	}
	return all
}

// newSimulation returns a simulation of the plan.
func newSimulation(specs *plan.Plan, s Scenario, backends map[string]*rehearsedBackend) *simulation {
	st := &simulation{from: s.From, parts: make(map[string]*part, len(specs.Credentials))}
	faked := &plan.Plan{Providers: specs.Providers}
	for _, c := range specs.Credentials {
		p := &part{RehearsedCredential: RehearsedCredential{Name: c.Name, Provider: c.Provider}, expiry: s.From}
		st.parts[c.Name] = p
		a := &fakeBackend{simulation: st, part: p, backend: backends[c.Provider], maxAge: c.Policy.MaxAge}
		a.rehearser, _ = c.Source.(credential.Rehearser)
		if s, ok := c.Source.(credential.OneWayer); ok {
			a.oneWay, _ = s.OneWay()
		}
		c.Source = a
		faked.Credentials = append(faked.Credentials, c)
	}
	st.course = engine.Course{From: s.From, Suspended: s.Suspended, Steps: s.Steps}
	st.engine = engine.New(engine.Options{Observer: st, Seed: 1})
	st.engine.Begin(&st.course)
	st.engine.Install(plan.Between(&plan.Plan{}, faked), schedule.Memory{})
	return st
}

// play runs the simulation up to that time.
func (st *simulation) play(ctx context.Context, until time.Time) {
	st.course.Until = until
	st.engine.Play(ctx, &st.course)
}

// fakeBackend replaces the backend of one credential.
type fakeBackend struct {
	simulation *simulation
	part       *part
	backend    *rehearsedBackend
	rehearser  credential.Rehearser // nil if the kind has none
	maxAge     time.Duration
	oneWay     bool // a person must log in again after the refresh token has expired
	answers    int
}

// handover is the longest planned gap at an expiry that cannot be renewed ahead.
const handover = time.Minute

// usualLife is the life of tokens whose kind does not tell.
const usualLife = time.Hour

// alternating are the values of alternating answers.
var alternating = [2]map[string]credential.Secret{{"value": credential.NewSecret("1")}, {"value": credential.NewSecret("2")}}

// Refresh implements credential.Provider. The backend knows the true time; an expiry
// that is counted from this machine's clock is shifted to that clock. Answers must
// not make the callers of a provider wait for each other, because simulations are
// independent.
func (a *fakeBackend) Refresh(_ context.Context, req credential.Request) (credential.Credential, error) {
	now, ours := a.simulation.course.Now(), req.At
	a.part.calls = append(a.part.calls, now.Sub(a.simulation.from))
	for _, o := range a.backend.outages {
		if o.Holds(now) {
			return credential.Credential{}, &credential.Fault{Reason: credential.ReasonNetwork, Message: "outage"}
		}
	}
	if a.ended(req.Previous, now) {
		return credential.Credential{}, &credential.Fault{Reason: credential.ReasonRejected, Message: "the refresh token has ended"}
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
	a.part.next, a.part.nextUseful = c.ExpiresAt, c.UsefulAfter
	if c.ExpiresAt.IsZero() {
		a.part.next = now.Add(a.maxAge)
	}
	if off := ours.Sub(now); off != 0 && c.CountedExpiry {
		c.ExpiresAt = c.ExpiresAt.Add(off)
		if !c.UsefulAfter.IsZero() {
			c.UsefulAfter = c.UsefulAfter.Add(off)
		}
	}
	c.Values = alternating[a.answers%2]
	return c, nil
}

// ended reports whether the refresh token has expired and only a person can log in
// again.
func (a *fakeBackend) ended(held credential.Credential, now time.Time) bool {
	for _, l := range held.Limits {
		if l.Kind == "refresh_token" && (a.oneWay || l.Person) && !now.Before(l.EndsAt) {
			return true
		}
	}
	return false
}

// Observe implements engine.Observer.
func (st *simulation) Observe(o engine.Outcome) {
	p := st.parts[o.Name]
	if o.Result == schedule.Failed {
		p.Failed++
		return
	}
	p.Renewals++
	p.lapsed(st.course.Now())
	p.expiry, p.useful = p.next, p.nextUseful
}

// lapsed records a lapse up to now, if there was one.
func (p *part) lapsed(now time.Time) {
	if gap := now.Sub(p.expiry); gap > 0 && gap <= handover && !p.useful.IsZero() && !p.useful.Before(p.expiry) {
		p.Planned++
		p.LongestPlanned = max(p.LongestPlanned, gap)
		return
	}
	if now.After(p.expiry) {
		p.Lapses = append(p.Lapses, engine.Span{From: p.expiry, To: now})
	}
}
