package metrics

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/view"
)

func TestNamesAndHelpArePrometheusStyle(t *testing.T) {
	m, registry := newMetrics(t, &fakeEngine{view: mixed()})
	m.ObserveClock("tss", time.Second)
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if !strings.HasPrefix(p.Metric, "go_") && !strings.HasPrefix(p.Metric, "process_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestRegisteringTwiceIsAnError(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	for _, want := range []bool{true, false} {
		_, err := New(Options{Registerer: registry, Viewer: &fakeEngine{}})
		if (err == nil) != want {
			t.Fatalf("New: got %v", err)
		}
	}
}

func TestGaugesShowTheView(t *testing.T) {
	_, registry := newMetrics(t, &fakeEngine{view: mixed()})
	got := series(t, registry)
	const sec = 1795348800.5 // at
	for key, want := range map[string]float64{
		"vigente_build_info{revision=abc,version=1.2.3}":                                               1,
		"vigente_credential_expiry_timestamp_seconds{credential=loja,provider=tss}":                    sec + 10,
		"vigente_credential_issued_timestamp_seconds{credential=loja,provider=tss}":                    sec,
		"vigente_credential_next_attempt_timestamp_seconds{credential=loja,provider=tss}":              sec + 5,
		"vigente_credential_last_useful_attempt_timestamp_seconds{credential=loja,provider=tss}":       sec + 8,
		"vigente_credential_generation{credential=loja,provider=tss}":                                  3,
		"vigente_credential_generation{credential=cofre,provider=vault}":                               0,
		"vigente_credential_state{credential=loja,provider=tss,state=valid}":                           1,
		"vigente_credential_state{credential=loja,provider=tss,state=parked}":                          0,
		"vigente_credential_state{credential=cofre,provider=vault,state=parked}":                       1,
		"vigente_credential_state{credential=cofre,provider=vault,state=pending}":                      0,
		"vigente_credential_state{credential=cofre,provider=vault,state=failing}":                      0,
		"vigente_credential_state{credential=cofre,provider=vault,state=expired}":                      0,
		"vigente_credential_limit_timestamp_seconds{credential=cofre,kind=certificate,provider=vault}": sec + 3600,
		"vigente_sink_generation{credential=loja,sink=till}":                                           2,
		"vigente_sink_generation{credential=cofre,sink=plain}":                                         0,
		"vigente_sink_last_success_timestamp_seconds{sink=till}":                                       sec,
		"vigente_provider_cooldown_until_timestamp_seconds{provider=tss}":                              sec,
		"vigente_provider_cooldown_until_timestamp_seconds{provider=vault}":                            0,
		"vigente_sink_state{sink=till,state=behind}":                                                   1,
		"vigente_sink_state{sink=till,state=delivered}":                                                0,
		"vigente_state_saved{}": 1,
	} {
		if value, ok := got[key]; !ok || value != want {
			t.Errorf("%s: got %v (present: %v), want %v", key, value, ok, want)
		}
	}
	for _, absent := range []string{ // what is not known has no series, since 0 would be the year 1970
		"vigente_credential_expiry_timestamp_seconds{credential=cofre,provider=vault}",
		"vigente_credential_issued_timestamp_seconds{credential=cofre,provider=vault}",
		"vigente_credential_next_attempt_timestamp_seconds{credential=cofre,provider=vault}",
		"vigente_credential_last_useful_attempt_timestamp_seconds{credential=cofre,provider=vault}",
		"vigente_sink_last_success_timestamp_seconds{sink=plain}",
		"vigente_clock_offset_seconds{provider=tss}",
	} {
		if _, ok := got[absent]; ok {
			t.Errorf("%s exists, want no series", absent)
		}
	}
}

func TestStateNotSavedIsShown(t *testing.T) {
	v := mixed()
	v.StateError = "no space left on device"
	_, registry := newMetrics(t, &fakeEngine{view: v})
	if got := series(t, registry)["vigente_state_saved{}"]; got != 0 {
		t.Errorf("got state_saved %v", got)
	}
}

func TestNothingIsShownBeforeTheEngineRuns(t *testing.T) {
	eng := &fakeEngine{view: mixed(), starting: true}
	_, registry := newMetrics(t, eng)
	const key = "vigente_credential_generation{credential=loja,provider=tss}"
	if _, ok := series(t, registry)[key]; ok {
		t.Fatal("a gauge exists before the engine runs")
	}
	eng.starting = false
	if got := series(t, registry)[key]; got != 3 {
		t.Fatalf("got generation %v", got)
	}
	eng.view = engine.View{}
	if _, ok := series(t, registry)[key]; ok {
		t.Error("the series outlived its object")
	}
}

// TestAHealthyFleetIsNotSearched: beyond the limit only what has a problem has series of its
// own, and the totals tell that nothing has one.
func TestAHealthyFleetIsNotSearched(t *testing.T) {
	v := engine.View{At: at}
	for _, name := range []string{"a", "b", "c"} {
		v.Credentials = append(v.Credentials, engine.CredentialView{Name: name, Provider: "tss", State: engine.Valid})
		v.Sinks = append(v.Sinks, engine.SinkView{Name: name, Type: "file", State: engine.Delivered})
	}
	for _, tc := range []struct {
		name   string
		limit  int
		change func()
		search bool
	}{
		{"within the limit", 3, func() {}, true},
		{"beyond the limit", 2, func() {}, false},
		{"a credential fails", 2, func() { v.Credentials[1].State = engine.Failing }, true},
		{"a sink is behind", 2, func() { v.Credentials[1].State, v.Sinks[2].State = engine.Valid, engine.Behind }, true},
	} {
		tc.change()
		e := &fakeEngine{view: v, limit: tc.limit}
		_, registry := newMetrics(t, e)
		e.searches.Store(0)
		if _, err := registry.Gather(); err != nil {
			t.Fatal(err)
		}
		if n := e.searches.Load(); (n > 0) != tc.search {
			t.Errorf("%s: searched %d times, want it: %v", tc.name, n, tc.search)
		}
	}
}

// TestFleetsAreSummed has more credentials and sinks than the detail limit.
func TestFleetsAreSummed(t *testing.T) {
	const many, failing = 500, 120
	v, specs := engine.View{At: at}, &plan.Plan{Providers: []plan.Provider{{Name: "tss"}}}
	for i := range many {
		name := fmt.Sprintf("shops/c%03d", i)
		c := engine.CredentialView{Name: name, Provider: "tss", State: engine.Valid, ExpiresAt: at.Add(time.Duration(i) * time.Second), LastUsefulAttemptAt: at}
		s := engine.SinkView{Name: name + "/till", Type: "ini", State: engine.Delivered, Needs: []string{name}}
		if i < failing {
			c.State, c.FailingSince = engine.Failing, at.Add(-time.Duration(i)*time.Second)
		}
		if i < 3 {
			s.State = engine.Behind
		}
		v.Credentials, v.Sinks = append(v.Credentials, c), append(v.Sinks, s)
		specs.Credentials = append(specs.Credentials, plan.Credential{Name: name, Provider: "tss"})
		specs.Sinks = append(specs.Sinks, plan.Sink{Name: s.Name, Type: "ini"})
	}
	v.Credentials = append(v.Credentials, engine.CredentialView{Name: "loja", Provider: "tss", State: engine.Valid})
	specs.Credentials = append(specs.Credentials, plan.Credential{Name: "loja", Provider: "tss"})
	eng := &fakeEngine{view: v, limit: 400, config: view.Config{
		Fleets: []view.Fleet{{Name: "shops", Good: many, Bad: 2}, {Name: "gone", Problem: "the table is not there"}},
		Limits: []view.Limit{{Kind: "certificate", EndsAt: view.Instant{Time: at}}},
	}}
	m, registry := newMetrics(t, eng)
	m.Install(plan.Between(planned(), specs))
	m.Observe(engine.Outcome{Kind: engine.Obtain, Name: "shops/c499", Provider: "tss", Result: schedule.Renewed})
	m.Observe(engine.Outcome{Kind: engine.Deliver, Name: "shops/c001/till", Result: schedule.Failed})
	got := series(t, registry)
	const sec = 1795348800.5
	for key, want := range map[string]float64{
		"vigente_credentials{fleet=shops,provider=tss,state=failing}":                      failing,
		"vigente_credentials{fleet=shops,provider=tss,state=valid}":                        many - failing,
		"vigente_credentials{fleet=shops,provider=tss,state=parked}":                       0,
		"vigente_credentials{fleet=,provider=tss,state=valid}":                             1,
		"vigente_sinks{fleet=shops,state=behind,type=ini}":                                 3,
		"vigente_sinks{fleet=shops,state=delivered,type=ini}":                              many - 3,
		"vigente_earliest_expiry_timestamp_seconds{fleet=shops,provider=tss}":              sec,
		"vigente_earliest_last_useful_attempt_timestamp_seconds{fleet=shops,provider=tss}": sec,
		"vigente_oldest_failure_timestamp_seconds{fleet=shops,provider=tss}":               sec - failing + 1,
		"vigente_fleet_renewals_total{fleet=shops,provider=tss,result=renewed}":            1,
		"vigente_fleet_renewals_total{fleet=,provider=tss,result=renewed}":                 0,
		"vigente_fleet_sink_writes_total{fleet=shops,result=failed,type=ini}":              1,
		"vigente_sink_writes_total{result=failed,sink=shops/c001/till}":                    1,
		"vigente_sink_state{sink=shops/c002/till,state=behind}":                            1,
		"vigente_credential_state{credential=shops/c099,provider=tss,state=failing}":       1,
		"vigente_renewals_total{credential=shops/c000,provider=tss,result=failed}":         0,
		"vigente_fleet_rows{fleet=shops,state=good}":                                       many,
		"vigente_fleet_rows{fleet=shops,state=bad}":                                        2,
		"vigente_fleet_rows{fleet=gone,state=bad}":                                         1,
		"vigente_listener_limit_timestamp_seconds{kind=certificate}":                       sec,
	} {
		if value, ok := got[key]; !ok || value != want {
			t.Errorf("%s: got %v (present: %v), want %v", key, value, ok, want)
		}
	}
	detailed := map[string]int{}
	for key := range got {
		name, labels, _ := strings.Cut(key, "{")
		if strings.Contains(labels, "credential=shops/") || strings.Contains(labels, "sink=shops/") {
			detailed[name]++
		}
	}
	if n := detailed["vigente_credential_generation"]; n != mostUrgent {
		t.Errorf("got series for %d credentials, want the %d most urgent", n, mostUrgent)
	}
	if n := detailed["vigente_sink_state"]; n != 3*len(engine.SinkStates) {
		t.Errorf("got %d series of sink states", n)
	}
	eng.limit = many + 1 // each has its own series now
	if got := series(t, registry); got["vigente_renewals_total{credential=shops/c499,provider=tss,result=renewed}"] != 1 {
		t.Error("an outcome counted in the totals is not counted for its credential")
	}
}

// movedCase is an outcome and the series that it moves.
type movedCase struct {
	name    string
	outcome engine.Outcome
	moved   map[string]float64
}

func (tt movedCase) check(t *testing.T) {
	m, registry := newMetrics(t, &fakeEngine{view: mixed()})
	before := series(t, registry)
	m.Observe(tt.outcome)
	moved := map[string]float64{}
	for key, value := range series(t, registry) {
		old, ok := before[key]
		if !ok {
			t.Errorf("%s does not start at zero", key)
		}
		if value != old {
			moved[key] = value - old
		}
	}
	if len(moved) > 0 { // the totals change too
		sum := map[engine.TaskKind]string{
			engine.Obtain:  "vigente_fleet_renewals_total{fleet=,provider=tss,result=%s}",
			engine.Deliver: "vigente_fleet_sink_writes_total{fleet=,result=%s,type=" + map[string]string{"till": "ini", "plain": "file"}[tt.outcome.Name] + "}",
		}[tt.outcome.Kind]
		results := renewalResults
		if tt.outcome.Kind == engine.Deliver {
			results = writeResults
		}
		key := fmt.Sprintf(sum, results[indexOf(tt.outcome.Result)])
		if sum != "" && moved[key] != 1 {
			t.Errorf("%s changed by %v, want no change", key, moved[key])
		}
		delete(moved, key)
	}
	for key, value := range moved {
		if tt.moved[key] != value {
			t.Errorf("%s changed by %v, want %v", key, value, tt.moved[key])
		}
	}
	for key := range tt.moved {
		if moved[key] == 0 {
			t.Errorf("%s did not change", key)
		}
	}
}

// TestEveryOutcomeMovesItsSeries checks for each outcome all series that it changes.
func TestEveryOutcomeMovesItsSeries(t *testing.T) {
	fault := func(r credential.Reason) *credential.Fault { return &credential.Fault{Reason: r} }
	obtain := func(r schedule.Outcome, f *credential.Fault) engine.Outcome {
		return engine.Outcome{Kind: engine.Obtain, Name: "loja", Provider: "tss", Result: r, Fault: f}
	}
	for _, tt := range []movedCase{
		{"renewed", engine.Outcome{
			Kind: engine.Obtain, Name: "loja", Provider: "tss", Result: schedule.Renewed, Called: true,
			DueAt: at, StartedAt: at.Add(250 * time.Millisecond), Took: 2 * time.Second,
		}, map[string]float64{
			"vigente_renewals_total{credential=loja,provider=tss,result=renewed}": 1,
			"vigente_renewal_duration_seconds{provider=tss}count":                 1,
			"vigente_renewal_duration_seconds{provider=tss}sum":                   2,
			"vigente_scheduler_lag_seconds{}count":                                1,
			"vigente_scheduler_lag_seconds{}sum":                                  .25,
		}},
		{"started before it was due counts as no lag", engine.Outcome{
			Kind: engine.Deliver, Name: "till", Result: schedule.Renewed, DueAt: at, StartedAt: at.Add(-time.Hour),
		}, map[string]float64{
			"vigente_sink_writes_total{result=written,sink=till}": 1,
			"vigente_scheduler_lag_seconds{}count":                1,
		}},
		{"unchanged", obtain(schedule.Unchanged, nil), map[string]float64{
			"vigente_renewals_total{credential=loja,provider=tss,result=unchanged}": 1,
		}},
		{"failed without a call", obtain(schedule.Failed, fault(credential.ReasonTLS)), map[string]float64{
			"vigente_renewals_total{credential=loja,provider=tss,result=failed}": 1,
			"vigente_renewal_failures_total{provider=tss,reason=tls}":            1,
		}},
		{"a reason outside the set", obtain(schedule.Failed, fault("odd")), map[string]float64{
			"vigente_renewals_total{credential=loja,provider=tss,result=failed}": 1,
			"vigente_renewal_failures_total{provider=tss,reason=internal}":       1,
		}},
		{"panicked", engine.Outcome{Kind: engine.Obtain, Name: "loja", Provider: "tss", Result: schedule.Failed, Panicked: true}, map[string]float64{
			"vigente_renewals_total{credential=loja,provider=tss,result=failed}": 1,
			"vigente_renewal_failures_total{provider=tss,reason=internal}":       1,
			"vigente_panics_total{}": 1,
		}},
		{"sink unchanged", engine.Outcome{Kind: engine.Deliver, Name: "plain", Result: schedule.Unchanged}, map[string]float64{
			"vigente_sink_writes_total{result=unchanged,sink=plain}": 1,
		}},
		{"sink failed", engine.Outcome{Kind: engine.Deliver, Name: "plain", Result: schedule.Failed}, map[string]float64{
			"vigente_sink_writes_total{result=failed,sink=plain}": 1,
		}},
		{"hook ran", engine.Outcome{Kind: engine.RunHook, Name: "till", Result: schedule.Renewed}, map[string]float64{
			"vigente_hook_runs_total{result=ok,sink=till}": 1,
		}},
		{"hook failed", engine.Outcome{Kind: engine.RunHook, Name: "till", Result: schedule.Failed}, map[string]float64{
			"vigente_hook_runs_total{result=failed,sink=till}": 1,
		}},
		{"an unknown credential", engine.Outcome{Kind: engine.Obtain, Name: "gone", Provider: "tss", Result: schedule.Renewed, Called: true}, nil},
		{"a credential that changed its provider", engine.Outcome{Kind: engine.Obtain, Name: "loja", Provider: "old", Result: schedule.Failed}, nil},
		{"an unknown sink", engine.Outcome{Kind: engine.Deliver, Name: "gone", Result: schedule.Renewed}, nil},
		{"a hook that is not configured", engine.Outcome{Kind: engine.RunHook, Name: "plain", Result: schedule.Renewed}, nil},
	} {
		t.Run(tt.name, tt.check)
	}
}

func TestEveryReasonIsBornAndCounts(t *testing.T) {
	m, registry := newMetrics(t, &fakeEngine{})
	for _, reason := range credential.Reasons {
		key := "vigente_renewal_failures_total{provider=tss,reason=" + string(reason) + "}"
		if value, ok := series(t, registry)[key]; !ok || value != 0 {
			t.Errorf("%s: got %v (present: %v), want 0 at the start", key, value, ok)
		}
		m.Observe(engine.Outcome{
			Kind: engine.Obtain, Name: "loja", Provider: "tss", Result: schedule.Failed, Fault: &credential.Fault{Reason: reason},
		})
		if value := series(t, registry)[key]; value != 1 {
			t.Errorf("%s is %v", key, value)
		}
	}
}

func TestClockOffset(t *testing.T) {
	m, registry := newMetrics(t, &fakeEngine{})
	m.ObserveClock("tss", -1500*time.Millisecond)
	m.ObserveClock("gone", time.Second)
	got := series(t, registry)
	if got["vigente_clock_offset_seconds{provider=tss}"] != -1.5 {
		t.Error("the offset has no series")
	}
	if _, ok := got["vigente_clock_offset_seconds{provider=gone}"]; ok {
		t.Error("an unknown provider has a series")
	}
}

func TestSeriesGoWithTheirObject(t *testing.T) {
	m, registry := newMetrics(t, &fakeEngine{})
	m.ObserveClock("tss", time.Second)
	m.ObserveClock("vault", time.Second)
	for _, o := range []engine.Outcome{
		{Kind: engine.Obtain, Name: "loja", Provider: "tss", Result: schedule.Failed, Called: true},
		{Kind: engine.Obtain, Name: "cofre", Provider: "vault", Result: schedule.Renewed, Called: true},
		{Kind: engine.Deliver, Name: "till", Result: schedule.Renewed},
		{Kind: engine.RunHook, Name: "till", Result: schedule.Renewed},
		{Kind: engine.Deliver, Name: "plain", Result: schedule.Renewed},
	} {
		m.Observe(o)
	}
	m.Install(plan.Between(planned(), &plan.Plan{
		Providers:   []plan.Provider{{Name: "vault"}},
		Credentials: []plan.Credential{{Name: "loja", Provider: "vault"}, {Name: "cofre", Provider: "vault"}},
		Sinks:       []plan.Sink{{Name: "till"}},
	}))
	got := series(t, registry)
	for key, value := range got {
		for _, gone := range []string{"provider=tss", "sink=plain", "hook_runs_total"} {
			if strings.Contains(key, gone) {
				t.Errorf("%s still exists (%v)", key, value)
			}
		}
	}
	for key, want := range map[string]float64{
		"vigente_renewals_total{credential=cofre,provider=vault,result=renewed}": 1, // an unchanged credential keeps its counter
		"vigente_renewals_total{credential=loja,provider=vault,result=failed}":   0, // a moved credential starts again
		"vigente_sink_writes_total{result=written,sink=till}":                    1,
		"vigente_clock_offset_seconds{provider=vault}":                           1,
		"vigente_renewal_duration_seconds{provider=vault}count":                  1,
	} {
		if value, ok := got[key]; !ok || value != want {
			t.Errorf("%s: got %v (present: %v), want %v", key, value, ok, want)
		}
	}
}

func TestReloadTrio(t *testing.T) {
	m, registry := newMetrics(t, &fakeEngine{})
	check := func(ok, stamp, hash float64) {
		t.Helper()
		got := series(t, registry)
		for key, want := range map[string]float64{
			"vigente_config_last_reload_successful{}":                ok,
			"vigente_config_last_reload_success_timestamp_seconds{}": stamp,
			"vigente_config_hash{}":                                  hash,
		} {
			if got[key] != want {
				t.Errorf("%s: got %v, want %v", key, got[key], want)
			}
		}
	}
	check(0, 0, 0)
	m.SetReload(true, at, "00000000ff01aaaa")
	check(1, 1795348800.5, 0xff01)
	m.SetReload(false, at.Add(time.Hour), "ffffffffffffffff")
	check(0, 1795348800.5, 0xff01)
	m.SetReload(true, at.Add(time.Hour), "no hash")
	check(1, 1795348800.5+3600, 0)
}
