package simulate

import (
	"context"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// stage is a part of the world of one simulation, which no other part of it
// disturbs. It answers in place of the backends, by the time as it really is,
// whatever the machine's clock shows.
type stage struct {
	engine *engine.Engine
	course engine.Course
	from   time.Time
	parts  map[string]*part
}

// part is one credential on the stage.
type part struct {
	RehearsedCredential
	// expiry is when what it shows ends, the simulation's beginning before the
	// first answer; next is what the answer under way says.
	expiry, next time.Time
	// useful is the instant before which asking for the next one was useless, zero
	// for none; nextUseful is that of the answer under way.
	useful, nextUseful time.Time
	calls              []time.Duration // since they were entered into the books
}

// rehearsedBackend is what a scenario says of one provider.
type rehearsedBackend struct {
	outages []engine.Span
	life    time.Duration // of its tokens, zero when their kind tells
}

const day = 24 * time.Hour

// backends returns what the scenario says of each provider of the plan.
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

// newStage sets the credentials of the plan on a stage.
func newStage(specs *plan.Plan, s Scenario, backends map[string]*rehearsedBackend) *stage {
	st := &stage{from: s.From, parts: make(map[string]*part, len(specs.Credentials))}
	acted := &plan.Plan{Providers: specs.Providers}
	for _, c := range specs.Credentials {
		p := &part{RehearsedCredential: RehearsedCredential{Name: c.Name, Provider: c.Provider}, expiry: s.From}
		st.parts[c.Name] = p
		a := &actor{stage: st, part: p, backend: backends[c.Provider], maxAge: c.Policy.MaxAge}
		a.rehearser, _ = c.Source.(credential.Rehearser)
		if s, ok := c.Source.(credential.OneWayer); ok {
			a.oneWay, _ = s.OneWay()
		}
		c.Source = a
		acted.Credentials = append(acted.Credentials, c)
	}
	st.course = engine.Course{From: s.From, Suspended: s.Suspended, Steps: s.Steps}
	st.engine = engine.New(engine.Options{Observer: st, Seed: 1})
	st.engine.Begin(&st.course)
	st.engine.Install(plan.Between(&plan.Plan{}, acted), schedule.Memory{})
	return st
}

// play goes on up to that instant.
func (st *stage) play(ctx context.Context, until time.Time) {
	st.course.Until = until
	st.engine.Play(ctx, &st.course)
}

// actor answers in place of one credential's backend.
type actor struct {
	stage     *stage
	part      *part
	backend   *rehearsedBackend
	rehearser credential.Rehearser // nil when the kind has none
	maxAge    time.Duration
	oneWay    bool // a person logs in again when the refresh token has ended
	answers   int
}

// handover is how long the gap may be at an end that cannot be renewed ahead.
const handover = time.Minute

// usualLife is taken for a kind that does not tell.
const usualLife = time.Hour

// turns are the values of the answers, which take turns.
var turns = [2]map[string]credential.Secret{{"value": credential.NewSecret("1")}, {"value": credential.NewSecret("2")}}

// Refresh implements credential.Provider. The backend has the right time; what
// counts from the clock of this machine is placed on that one. No answer makes
// the callers of a provider wait for each other: that would tie the stages.
func (a *actor) Refresh(_ context.Context, req credential.Request) (credential.Credential, error) {
	now, ours := a.stage.course.Now(), req.At
	a.part.calls = append(a.part.calls, now.Sub(a.stage.from))
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
	c.Values = turns[a.answers%2]
	return c, nil
}

// ended reports whether the refresh token in hand has ended, and nothing but a
// person can begin anew.
func (a *actor) ended(held credential.Credential, now time.Time) bool {
	for _, l := range held.Limits {
		if l.Kind == "refresh_token" && (a.oneWay || l.Person) && !now.Before(l.EndsAt) {
			return true
		}
	}
	return false
}

// Observe implements engine.Observer.
func (st *stage) Observe(o engine.Outcome) {
	p := st.parts[o.Name]
	if o.Result == schedule.Failed {
		p.Failed++
		return
	}
	p.Renewals++
	p.lapsed(st.course.Now())
	p.expiry, p.useful = p.next, p.nextUseful
}

// lapsed notes a lapse up to now, if there was one.
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
