package membership

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/cluster"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

func examplePlan() *plan.Plan {
	return &plan.Plan{
		Providers: []plan.Provider{{Name: "p", Type: "http", Concurrency: 2}, {Name: "q", Type: "exec"}},
		Credentials: []plan.Credential{
			{Name: "a", Provider: "p", Common: &plan.Common{Type: "http", Fields: []string{"token"}, Policy: schedule.Policy{MaxAge: time.Hour}}, Identity: "i"},
			{Name: "b", Provider: "q", Common: &plan.Common{Type: "exec"}, Needs: []string{"a"}},
		},
	}
}

func cron(t *testing.T, expr, zone string) *schedule.Cron {
	t.Helper()
	c, err := schedule.ParseCron(expr, zone)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestHashIsOfWhatMachinesShare: the order and what is made of secrets do not count, every
// setting that all machines must have does.
func TestHashIsOfWhatMachinesShare(t *testing.T) {
	examplePlan := func() *plan.Plan {
		p := examplePlan()
		p.Credentials[1].Policy.Schedule = cron(t, "0 3 * * *", "UTC")
		return p
	}
	want := hashOf(examplePlan())
	for _, tc := range []struct {
		name   string
		change func(*plan.Plan)
		same   bool
	}{
		{"order", func(p *plan.Plan) { slices.Reverse(p.Providers); slices.Reverse(p.Credentials) }, true},
		{"digests of secrets", func(p *plan.Plan) { p.Credentials[0].Inputs, p.Credentials[0].Shared = "x", "y" }, true},
		{"a sink", func(p *plan.Plan) { p.Sinks = append(p.Sinks, plan.Sink{Name: "s"}) }, true},
		{"concurrency", func(p *plan.Plan) { p.Providers[0].Concurrency = 3 }, false},
		{"rate", func(p *plan.Plan) { p.Providers[1].Rates = []schedule.Rate{{Calls: 1, Per: time.Second}} }, false},
		{"another key of a provider", func(p *plan.Plan) { p.Providers[0].Settings[0]++ }, false},
		{"another key of a credential", func(p *plan.Plan) { p.Credentials[0].Settings[0]++ }, false},
		{"schedule", func(p *plan.Plan) { p.Credentials[0].Policy.Schedule = cron(t, "0 4 * * *", "UTC") }, false},
		{"time of the schedule", func(p *plan.Plan) { p.Credentials[1].Policy.Schedule = cron(t, "0 4 * * *", "UTC") }, false},
		{"zone of the schedule", func(p *plan.Plan) { p.Credentials[1].Policy.Schedule = cron(t, "0 3 * * *", "America/Sao_Paulo") }, false},
		{"policy", func(p *plan.Plan) { p.Credentials[0].Policy.MaxAge = time.Minute }, false},
		{"identity", func(p *plan.Plan) { p.Credentials[0].Identity = "j" }, false},
		{"needs", func(p *plan.Plan) { p.Credentials[1].Needs = nil }, false},
		{"a credential less", func(p *plan.Plan) { p.Credentials = p.Credentials[:1] }, false},
	} {
		p := examplePlan()
		tc.change(p)
		if got := hashOf(p) == want; got != tc.same {
			t.Errorf("%s: same hash is %v, want %v", tc.name, got, tc.same)
		}
	}
}

// TestSpecOfSharedCredential: the cluster is told the rates of the right provider, and which
// credentials are new.
func TestSpecOfSharedCredential(t *testing.T) {
	p := examplePlan()
	p.Providers[0].Rates = []schedule.Rate{{Calls: 3, Per: time.Second}}
	is := newShared(p)
	spec, ok := is.spec("a")
	if !ok || spec.Provider != "p" || !slices.Equal(spec.Rates, p.Providers[0].Rates) || spec.Identity != "i" {
		t.Errorf("spec of a: got %+v, %v", spec, ok)
	}
	if _, ok := is.spec("c"); ok {
		t.Error("a credential that does not exist has a spec")
	}
	p.Credentials = p.Credentials[:1]
	if got := is.missingFrom(newShared(p)); !slices.Equal(got, []string{"b"}) {
		t.Errorf("new credentials: got %v, want b", got)
	}
}

type spender struct{ once bool }

func (spender) Refresh(context.Context, credential.Request) (c credential.Credential, err error) {
	return c, nil
}
func (spender) Spends(held credential.Credential) bool { return held.Values != nil }
func (s spender) OneWay() (bool, time.Duration)        { return s.once, time.Minute }

type revoker struct{ spender }

func (revoker) Revokes() bool { return true }

// TestAbilityOfNextRenewal: what a renewal may destroy depends on the provider and on what
// is held.
func TestAbilityOfNextRenewal(t *testing.T) {
	seed := credential.Credential{Values: map[string]credential.Secret{}}
	for _, tc := range []struct {
		name   string
		source credential.Provider
		held   credential.Credential
		want   cluster.Ability
	}{
		{"spends its seed", spender{once: true}, seed, cluster.Spends},
		{"can renew in another way", spender{}, seed, cluster.SpendsElse},
		{"holds nothing to spend", spender{once: true}, credential.Credential{}, cluster.Plain},
		{"revokes the previous value", revoker{}, credential.Credential{}, cluster.Revokes},
	} {
		if got := AbilityOf(tc.source, tc.held); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
	if got := graceOf(spender{}); got != time.Minute {
		t.Errorf("grace: got %v, want 1m", got)
	}
}
