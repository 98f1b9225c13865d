package simulate

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// rehearseWhole simulates the plan as the daemon runs it: one engine, one board and
// one course from the beginning to the end. Its books are kept call by call.
func rehearseWhole(ctx context.Context, specs *plan.Plan, s Scenario) Rehearsal {
	s.Suspended, s.Steps = joined(s.Suspended), inOrder(s.Steps)
	whole := newSimulation(specs, s, s.backends(specs))
	whole.play(ctx, s.From.Add(s.For))
	var books []*counter
	for _, p := range specs.Providers {
		var calls []time.Duration
		for _, c := range whole.parts {
			if c.Provider == p.Name {
				calls = append(calls, c.calls...)
			}
		}
		slices.Sort(calls)
		books = append(books, &counter{RehearsedProvider: counted(p.Name, int((s.For+day-1)/day), calls)})
	}
	return conclude([]*simulation{whole}, books, s.From.Add(s.For))
}

// rehearsedKind rehearses answers of one sort.
type rehearsedKind struct {
	credential.Provider
	answer func(at time.Time) credential.Credential
}

func (k rehearsedKind) Rehearse(req credential.Request) credential.Credential {
	return k.answer(req.At)
}

// drawn is a plan and a scenario made from a seed.
func drawn(seed uint64) (*plan.Plan, Scenario) {
	r := rand.New(rand.NewPCG(seed, 0))
	upTo := func(d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }
	oneOf := func(all ...time.Duration) time.Duration { return all[r.IntN(len(all))] }
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(upTo(365 * day))
	s := Scenario{From: from, For: day + upTo(2*day), Lives: map[string]time.Duration{}}
	if r.IntN(16) == 0 {
		s.For = step + day
	}
	specs := &plan.Plan{}
	for i := range 1 + r.IntN(3) {
		p := plan.Provider{Name: fmt.Sprintf("p%d", i), Type: "test", Concurrency: 1 + r.IntN(3)}
		if r.IntN(3) == 0 {
			p.Rates = []schedule.Rate{{Calls: 1 + r.IntN(20), Per: time.Minute}}
		}
		for range r.IntN(3) {
			at := from.Add(upTo(s.For))
			s.Outages = append(s.Outages, Outage{p.Name, engine.Span{From: at, To: at.Add(upTo(9 * time.Hour))}})
		}
		if r.IntN(3) == 0 {
			s.Lives[p.Name] = time.Minute + upTo(5*time.Hour)
		}
		specs.Providers = append(specs.Providers, p)
	}
	least := 20 * time.Minute * (1 + 9*(s.For/step))
	for i := range 1 + r.IntN(9) {
		c := plan.Credential{
			Name: fmt.Sprintf("c%d", i), Provider: specs.Providers[r.IntN(len(specs.Providers))].Name, Common: &plan.Common{Type: "test", Policy: schedule.Policy{
				RenewBefore: schedule.Margin{Share: r.Float64() / 2}, MaxAge: time.Hour + upTo(day), Jitter: schedule.Margin{Share: r.Float64() / 5},
				MinInterval: oneOf(5*time.Second, 30*time.Second, 5*time.Minute), Timeout: 30 * time.Second,
			}},
		}
		if r.IntN(4) == 0 {
			c.Policy.Schedule, _ = schedule.ParseCron("17 3,15 * * *", "UTC")
		}
		if i > 0 && r.IntN(4) == 0 {
			c.Needs = []string{specs.Credentials[r.IntN(i)].Name}
		}
		life, sort := least+upTo(10*time.Hour), r.IntN(6)
		c.Source = rehearsedKind{answer: func(at time.Time) credential.Credential {
			switch sort {
			case 0: // nothing is said of its end
				return credential.Credential{}
			case 1: // an instant of the server
				return credential.Credential{ExpiresAt: at.Add(life)}
			case 2: // the end of the day, whatever the time
				return credential.Credential{ExpiresAt: at.Truncate(day).Add(day)}
			case 3:
				return credential.Credential{ExpiresAt: at.Add(life), CountedExpiry: true, UsefulAfter: at.Add(life * 9 / 10)}
			case 4:
				if at.Unix()%7 == 0 {
					panic("now and then")
				}
			}
			return credential.Credential{ExpiresAt: at.Add(life), CountedExpiry: true}
		}}
		specs.Credentials = append(specs.Credentials, c)
	}
	for range r.IntN(4) {
		at := from.Add(upTo(s.For))
		s.Suspended = append(s.Suspended, engine.Span{From: at, To: at.Add(upTo(12 * time.Hour))})
	}
	for range r.IntN(5) {
		at := from.Add(upTo(s.For))
		if r.IntN(4) == 0 { // when something else happens
			at = at.Truncate(day).Add(15*time.Hour + 17*time.Minute)
		}
		by := oneOf(-time.Hour, time.Hour, -20*time.Second, 20*time.Second, 2*day, -2*day)
		s.Steps = append(s.Steps, engine.Step{At: at, By: by})
		if r.IntN(2) == 0 { // and put right soon
			s.Steps = append(s.Steps, engine.Step{At: at.Add(upTo(3 * time.Minute)), By: -by})
		}
	}
	return specs, s
}

// TestPartsGiveWhatTheWholeGives compares a simulation of the parts of a plan
// with one of the whole, in worlds drawn from seeds.
func TestPartsGiveWhatTheWholeGives(t *testing.T) {
	calls, lapses, several := 0, 0, 0
	for seed := range uint64(100) {
		specs, s := drawn(seed)
		s.Steps, s.Suspended = nil, nil // with them, all parts run together
		got, err := rehearse(t.Context(), specs, s)
		if err != nil {
			t.Fatal(err)
		}
		want := rehearseWhole(t.Context(), specs, s)
		for i := range want.Credentials {
			if a, b := got.Credentials[i], want.Credentials[i]; !reflect.DeepEqual(a, b) {
				t.Errorf("seed %d, %d parts: got %+v\nwant %+v", seed, len(apart(specs)), a, b)
			}
		}
		for i := range want.Providers {
			if a, b := got.Providers[i], want.Providers[i]; !reflect.DeepEqual(a, b) {
				t.Errorf("seed %d, %d parts: got %+v\nwant %+v", seed, len(apart(specs)), a, b)
			}
		}
		if t.Failed() {
			t.Fatalf("steps %v\nsuspended %v\noutages %v", s.Steps, joined(s.Suspended), s.Outages)
		}
		for _, p := range got.Providers {
			calls += p.Calls
		}
		for _, c := range got.Credentials {
			lapses += len(c.Lapses)
		}
		if len(apart(specs)) > 1 {
			several++
		}
	}
	t.Logf("%d calls, %d lapses, %d plans of several parts", calls, lapses, several)
	if calls < 10_000 || lapses < 300 || several < 30 {
		t.Error("the worlds are too quiet to compare")
	}
}

func TestWhatIsTiedStaysTogether(t *testing.T) {
	specs := &plan.Plan{Providers: []plan.Provider{{Name: "free"}, {Name: "slow", Rates: []schedule.Rate{{Calls: 1, Per: time.Second}}}, {Name: "idle"}}}
	for name, needs := range map[string][]string{"a": nil, "b": nil, "c": {"a"}, "x": nil, "y": nil, "z": {"b"}} {
		c := plan.Credential{Common: &plan.Common{}, Name: name, Provider: "free", Needs: needs}
		if name == "x" || name == "y" {
			c.Provider = "slow"
		}
		specs.Credentials = append(specs.Credentials, c)
	}
	got := map[string][]string{}
	for _, part := range apart(specs) {
		var names []string
		for _, c := range part.Credentials {
			names = append(names, c.Name)
		}
		slices.Sort(names)
		got[names[0]] = names
		if len(part.Providers) != 1 {
			t.Errorf("%v: providers %v", names, part.Providers)
		}
	}
	if want := map[string][]string{"a": {"a", "c"}, "b": {"b", "z"}, "x": {"x", "y"}}; !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("parts %v, want %v", got, want)
	}
}
