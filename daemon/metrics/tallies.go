package metrics

import (
	"slices"
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

// tallies count the results of attempts for each credential and sink, and in total.
// They are small, since there may be a hundred thousand of them: labels are added at
// the scrape, and only for objects that have their own series.
type tallies struct {
	viewer Viewer

	renewals, writes, hooks, fleetRenewals, fleetWrites *prometheus.Desc

	mu          sync.Mutex
	credentials map[string]credentialTally
	sinks       map[string]sinkTally
	byProvider  map[group]*sum
	byType      map[group]*sum
}

// group is a provider or a type of sink, with a fleet.
type group struct{ of, fleet string }

// sum counts the results of the members of a group. It is deleted with the last
// member.
type sum struct {
	of      group
	members int
	ends    [3]uint64
}

// credentialTally counts for one credential. It stands in the map itself and counts to
// four billion only, which is a call a second for a hundred years.
type credentialTally struct {
	sum  *sum
	ends [len(renewalResults)]uint32
}

// sinkTally is credentialTally for a sink.
type sinkTally struct {
	sum    *sum
	writes [len(writeResults)]uint32
	hooks  [len(hookResults)]uint32
	hook   bool
}

func newTallies(viewer Viewer) *tallies {
	return &tallies{
		viewer:        viewer,
		renewals:      desc("renewals_total", "Attempts to renew a credential, by how they ended.", "credential", "provider", "result"),
		writes:        desc("sink_writes_total", "Deliveries to a sink, by how they ended.", "sink", "result"),
		hooks:         desc("hook_runs_total", "Runs of a sink's on_change command, by how they ended.", "sink", "result"),
		fleetRenewals: desc("fleet_renewals_total", "Attempts to renew the credentials of a provider and a fleet, by how they ended.", "provider", "fleet", "result"),
		fleetWrites:   desc("fleet_sink_writes_total", "Deliveries to the sinks of a type and a fleet, by how they ended.", "type", "fleet", "result"),
		credentials:   map[string]credentialTally{}, sinks: map[string]sinkTally{},
		byProvider: map[group]*sum{}, byType: map[group]*sum{},
	}
}

// install creates tallies for new objects and deletes those of removed ones. A
// credential that moved to another provider starts at zero there.
func (t *tallies) install(change plan.Change) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range change.Credentials.Removed {
		t.dropCredentialLocked(name)
	}
	for _, name := range change.Sinks.Removed {
		t.dropSinkLocked(name)
	}
	for _, c := range slices.Concat(change.Credentials.Added, change.Credentials.Changed) {
		if one, found := t.credentials[c.Name]; found && one.sum.of.of == c.Provider {
			continue
		}
		t.dropCredentialLocked(c.Name)
		t.credentials[c.Name] = credentialTally{sum: join(t.byProvider, group{c.Provider, engine.FleetOf(c.Name)})}
	}
	for _, s := range slices.Concat(change.Sinks.Added, change.Sinks.Changed) {
		was := t.sinks[s.Name]
		one := sinkTally{sum: join(t.byType, group{s.Type, engine.FleetOf(s.Name)}), hook: s.Hook != nil, writes: was.writes}
		if one.hook {
			one.hooks = was.hooks
		}
		t.dropSinkLocked(s.Name)
		t.sinks[s.Name] = one
	}
}

func (t *tallies) dropCredentialLocked(name string) {
	if one, found := t.credentials[name]; found {
		part(t.byProvider, one.sum)
		delete(t.credentials, name)
	}
}

func (t *tallies) dropSinkLocked(name string) {
	if one, found := t.sinks[name]; found {
		part(t.byType, one.sum)
		delete(t.sinks, name)
	}
}

// join adds a member to a group.
func join(sums map[group]*sum, key group) *sum {
	s := sums[key]
	if s == nil {
		s = &sum{of: key}
		sums[key] = s
	}
	s.members++
	return s
}

// part removes a member from a group.
func part(sums map[group]*sum, s *sum) {
	if s.members--; s.members == 0 {
		delete(sums, s.of)
	}
}

// planned reports whether the plan has a credential of that name.
func (t *tallies) planned(credential string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, found := t.credentials[credential]
	return found
}

// plannedUpTo returns the names of the credentials, or nil if there are more than
// limit.
func (t *tallies) plannedUpTo(limit int) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.credentials) > limit {
		return nil
	}
	return keys(t.credentials)
}

// countLocked counts an outcome and reports whether the plan has its object. The
// outcome of a removed object must not bring its series back.
func (t *tallies) countLocked(o engine.Outcome) bool {
	switch o.Kind {
	case engine.Obtain:
		one, found := t.credentials[o.Name]
		if !found || one.sum.of.of != o.Provider {
			return false
		}
		end := indexOf(o.Result)
		one.ends[end]++
		one.sum.ends[end]++
		t.credentials[o.Name] = one
	case engine.Deliver:
		one, found := t.sinks[o.Name]
		if !found {
			return false
		}
		end := indexOf(o.Result)
		one.writes[end]++
		one.sum.ends[end]++
		t.sinks[o.Name] = one
	case engine.RunHook:
		one, found := t.sinks[o.Name]
		if !found || !one.hook {
			return false
		}
		one.hooks[hookIndex(o.Result)]++
		t.sinks[o.Name] = one
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
		if one, found := t.credentials[name]; found {
			for i, result := range renewalResults {
				e.counter(t.renewals, uint64(one.ends[i]), name, one.sum.of.of, result)
			}
		}
	}
	for _, name := range sinks {
		t.sinkLocked(e, name)
	}
	for key, sum := range t.byProvider {
		for i, result := range renewalResults {
			e.counter(t.fleetRenewals, sum.ends[i], key.of, key.fleet, result)
		}
	}
	for key, sum := range t.byType {
		for i, result := range writeResults {
			e.counter(t.fleetWrites, sum.ends[i], key.of, key.fleet, result)
		}
	}
}

func (t *tallies) sinkLocked(e emitter, name string) {
	one, found := t.sinks[name]
	if !found {
		return
	}
	for i, result := range writeResults {
		e.counter(t.writes, uint64(one.writes[i]), name, result)
	}
	for i, result := range hookResults {
		if one.hook {
			e.counter(t.hooks, uint64(one.hooks[i]), name, result)
		}
	}
}

// named returns the objects that have their own series. Before the engine runs, and
// up to the limit, those are all objects of the plan.
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
