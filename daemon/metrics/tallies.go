package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/plan"
)

// Values of the label result.
const (
	resultRenewed   = "renewed"
	resultWritten   = "written"
	resultUnchanged = "unchanged"
	resultFailed    = "failed"
	resultOK        = "ok"
)

var (
	renewalResults = [...]string{resultRenewed, resultUnchanged, resultFailed}
	writeResults   = [...]string{resultWritten, resultUnchanged, resultFailed}
	hookResults    = [...]string{resultOK, resultFailed}
)

// tallies count the ends of attempts for each credential and sink, and in sum.
// They are kept small, since there may be a hundred thousand of them: labels are
// put on at a scrape, for those alone that have series of their own.
type tallies struct {
	viewer Viewer

	renewals, writes, hooks, fleetRenewals, fleetWrites *prometheus.Desc

	mu          sync.Mutex
	credentials map[string]*credentialTally
	sinks       map[string]*sinkTally
	byProvider  map[group]*[len(renewalResults)]uint64
	byType      map[group]*[len(writeResults)]uint64
}

// group is a provider or a type of sinks, with a fleet.
type group struct{ of, fleet string }

type credentialTally struct {
	provider string
	ends     [len(renewalResults)]uint64
}

type sinkTally struct {
	kind   string
	hook   bool
	writes [len(writeResults)]uint64
	hooks  [len(hookResults)]uint64
}

func newTallies(viewer Viewer) *tallies {
	return &tallies{
		viewer:        viewer,
		renewals:      desc("renewals_total", "Attempts to renew a credential, by how they ended.", "credential", "provider", "result"),
		writes:        desc("sink_writes_total", "Deliveries to a sink, by how they ended.", "sink", "result"),
		hooks:         desc("hook_runs_total", "Runs of a sink's on_change command, by how they ended.", "sink", "result"),
		fleetRenewals: desc("fleet_renewals_total", "Attempts to renew the credentials of a provider and a fleet, by how they ended.", "provider", "fleet", "result"),
		fleetWrites:   desc("fleet_sink_writes_total", "Deliveries to the sinks of a type and a fleet, by how they ended.", "type", "fleet", "result"),
		credentials:   map[string]*credentialTally{}, sinks: map[string]*sinkTally{},
		byProvider: map[group]*[len(renewalResults)]uint64{}, byType: map[group]*[len(writeResults)]uint64{},
	}
}

// install makes tallies for the objects of the plan at zero, keeps those that
// count already, and drops those of objects that are gone. A credential that
// moved to another provider starts at zero there.
func (t *tallies) install(specs *plan.Plan) {
	t.mu.Lock()
	defer t.mu.Unlock()
	credentials, sinks := make(map[string]*credentialTally, len(specs.Credentials)), make(map[string]*sinkTally, len(specs.Sinks))
	providers, types := map[group]*[len(renewalResults)]uint64{}, map[group]*[len(writeResults)]uint64{}
	for i := range specs.Credentials {
		c := &specs.Credentials[i]
		one := t.credentials[c.Name]
		if one == nil || one.provider != c.Provider {
			one = &credentialTally{provider: c.Provider}
		}
		credentials[c.Name] = one
		keep(providers, t.byProvider, group{c.Provider, engine.FleetOf(c.Name)})
	}
	for i := range specs.Sinks {
		s := &specs.Sinks[i]
		one := t.sinks[s.Name]
		if one == nil {
			one = &sinkTally{}
		}
		one.kind, one.hook = s.Type, s.Hook != nil
		if !one.hook {
			one.hooks = [len(hookResults)]uint64{}
		}
		sinks[s.Name] = one
		keep(types, t.byType, group{s.Type, engine.FleetOf(s.Name)})
	}
	t.credentials, t.sinks, t.byProvider, t.byType = credentials, sinks, providers, types
}

// keep takes a sum over into the new ones, or begins it at zero.
func keep[S any](now, before map[group]*S, key group) {
	switch {
	case now[key] != nil:
	case before[key] != nil:
		now[key] = before[key]
	default:
		now[key] = new(S)
	}
}

// countLocked counts an outcome and reports whether the plan names its object:
// an outcome of one that has left must not bring its series back.
func (t *tallies) countLocked(o engine.Outcome) bool {
	switch o.Kind {
	case engine.Obtain:
		one := t.credentials[o.Name]
		if one == nil || one.provider != o.Provider {
			return false
		}
		end := indexOf(o.Result)
		one.ends[end]++
		t.byProvider[group{one.provider, engine.FleetOf(o.Name)}][end]++
	case engine.Deliver:
		one := t.sinks[o.Name]
		if one == nil {
			return false
		}
		end := indexOf(o.Result)
		one.writes[end]++
		t.byType[group{one.kind, engine.FleetOf(o.Name)}][end]++
	case engine.RunHook:
		one := t.sinks[o.Name]
		if one == nil || !one.hook {
			return false
		}
		one.hooks[hookIndex(o.Result)]++
	}
	return true
}

// Describe implements prometheus.Collector.
func (t *tallies) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{t.renewals, t.writes, t.hooks, t.fleetRenewals, t.fleetWrites} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (t *tallies) Collect(ch chan<- prometheus.Metric) {
	names, sinks := t.named()
	t.mu.Lock()
	defer t.mu.Unlock()
	e := emitter{ch}
	for _, name := range names {
		if one := t.credentials[name]; one != nil {
			for i, result := range renewalResults {
				e.counter(t.renewals, one.ends[i], name, one.provider, result)
			}
		}
	}
	for _, name := range sinks {
		t.sinkLocked(e, name)
	}
	for key, ends := range t.byProvider {
		for i, result := range renewalResults {
			e.counter(t.fleetRenewals, ends[i], key.of, key.fleet, result)
		}
	}
	for key, ends := range t.byType {
		for i, result := range writeResults {
			e.counter(t.fleetWrites, ends[i], key.of, key.fleet, result)
		}
	}
}

func (t *tallies) sinkLocked(e emitter, name string) {
	one := t.sinks[name]
	if one == nil {
		return
	}
	for i, result := range writeResults {
		e.counter(t.writes, one.writes[i], name, result)
	}
	for i, result := range hookResults {
		if one.hook {
			e.counter(t.hooks, one.hooks[i], name, result)
		}
	}
}

// named returns what has series of its own: before the engine runs, and up to
// the limit, all that is planned.
func (t *tallies) named() (credentials, sinks []string) {
	limit := t.viewer.DetailLimit()
	t.mu.Lock()
	allCredentials, allSinks := len(t.credentials) <= limit, len(t.sinks) <= limit
	if allCredentials {
		credentials = keys(t.credentials)
	}
	if allSinks {
		sinks = keys(t.sinks)
	}
	t.mu.Unlock()
	if allCredentials && allSinks || !t.viewer.Begun() {
		return credentials, sinks
	}
	troubled, undelivered := detailed(t.viewer, t.viewer.Summary().Totals)
	if !allCredentials {
		for i := range troubled {
			credentials = append(credentials, troubled[i].Name)
		}
	}
	if !allSinks {
		for i := range undelivered {
			sinks = append(sinks, undelivered[i].Name)
		}
	}
	return credentials, sinks
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for name := range m {
		out = append(out, name)
	}
	return out
}
