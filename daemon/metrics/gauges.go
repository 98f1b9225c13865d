package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vigented/vigente/daemon/engine"
)

// mostUrgent is how many credentials, and how many sinks, have their own series above
// the detail limit.
const mostUrgent = 100

// gauges computes its series from queries to the engine at each scrape.
type gauges struct {
	viewer Viewer

	expiry, renewBy, issued, next, lastUseful, paused, state, generation, limit *prometheus.Desc
	sinkGeneration, sinkState, sinkSuccess, cooldown, stateSaved                *prometheus.Desc
	sums                                                                        sums
}

// desc describes one of our series.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

func newGauges(viewer Viewer) *gauges {
	return &gauges{
		viewer: viewer,
		expiry: desc("credential_expiry_timestamp_seconds",
			"When the values in force end; absent when there are none or the server states no end.", "credential", "provider"),
		renewBy: desc("credential_renew_by_timestamp_seconds",
			"When values whose server states no end should have been renewed; absent where it states one.", "credential", "provider"),
		issued: desc("credential_issued_timestamp_seconds",
			"When the values in force were issued; absent when there are none.", "credential", "provider"),
		next: desc("credential_next_attempt_timestamp_seconds",
			"When the next attempt to renew is planned; absent when none is, because the credential is parked.", "credential", "provider"),
		lastUseful: desc("credential_last_useful_attempt_timestamp_seconds",
			"The instant after which a renewal can no longer arrive before the expiry; absent without an expiry.", "credential", "provider"),
		paused: desc("credential_paused_until_timestamp_seconds",
			"Until when no attempt is made, by somebody's decision; absent when the credential is not paused.", "credential", "provider"),
		state: desc("credential_state",
			"1 for the state the credential is in, 0 for the others.", "credential", "provider", "state"),
		generation: desc("credential_generation",
			"How many distinct values have been obtained.", "credential", "provider"),
		limit: desc("credential_limit_timestamp_seconds",
			"The known end of something the credential depends on, such as a certificate.", "credential", "provider", "kind"),
		sinkGeneration: desc("sink_generation",
			"The generation of the credential that the sink was seen to hold; 0 for something else or nothing.", "sink", "credential"),
		sinkState: desc("sink_state",
			"1 for the state the sink is in, 0 for the others.", "sink", "state"),
		sinkSuccess: desc("sink_last_success_timestamp_seconds",
			"When the sink was last known to hold what it should; absent when it never did.", "sink"),
		cooldown: desc("provider_cooldown_until_timestamp_seconds",
			"The instant before which no credential of this provider is asked for; 0 when it is free.", "provider"),
		stateSaved: desc("state_saved",
			"1 when the state on disk is up to date, 0 when saving it failed."),
		sums: newSums(),
	}
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range append(g.sums.all(),
		g.expiry, g.renewBy, g.issued, g.next, g.lastUseful, g.paused, g.state, g.generation, g.limit,
		g.sinkGeneration, g.sinkState, g.sinkSuccess, g.cooldown, g.stateSaved,
	) {
		ch <- d
	}
}

// Collect implements prometheus.Collector. It emits nothing until the engine runs.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	if !g.viewer.Begun() {
		return
	}
	e := emitter{ch}
	sum := g.viewer.Summary()
	credentials, sinks := detailed(g.viewer, sum.Totals)
	for i := range credentials {
		g.credential(e, &credentials[i])
	}
	for i := range sinks {
		g.sink(e, &sinks[i])
	}
	for _, p := range sum.Providers {
		e.value(g.cooldown, seconds(p.CooldownUntil), p.Name)
	}
	e.value(g.stateSaved, oneIf(sum.StateError == ""))
	g.sums.collect(e, sum)
}

// detailed returns the credentials and sinks that have their own series: all of them
// up to the limit, and above it the most urgent ones that have a problem.
func detailed(v Viewer, totals engine.Totals) ([]engine.CredentialView, []engine.SinkView) {
	limit := v.DetailLimit()
	allCredentials, allSinks := count(totals.Credentials) <= limit, count(totals.Sinks) <= limit
	if !allCredentials && !allSinks && healthy(totals) {
		return nil, nil // to search a fleet takes as long as it is large
	}
	q := engine.Query{Worst: true, Limit: mostUrgent}
	if allCredentials || allSinks {
		q = engine.Query{Worst: true, Limit: max(limit, mostUrgent)}
	}
	found := v.Select(q)
	credentials, sinks := found.Credentials, found.Sinks
	if !allCredentials {
		credentials = urgent(credentials, func(c *engine.CredentialView) bool { return c.State != engine.Valid })
	}
	if !allSinks {
		sinks = urgent(sinks, func(s *engine.SinkView) bool { return s.State != engine.Delivered })
	}
	return credentials, sinks
}

// healthy reports whether nothing has a problem.
func healthy(totals engine.Totals) bool {
	return count(totals.Credentials) == totals.Credentials[engine.Valid] && count(totals.Sinks) == totals.Sinks[engine.Delivered]
}

// urgent returns the leading elements that have a problem, at most mostUrgent. The
// list must begin with the worst.
func urgent[T any](all []T, troubled func(*T) bool) []T {
	n := 0
	for n < min(len(all), mostUrgent) && troubled(&all[n]) {
		n++
	}
	return all[:n]
}

func count(states map[engine.State]int) (n int) {
	for _, more := range states {
		n += more
	}
	return n
}

func (g *gauges) credential(e emitter, c *engine.CredentialView) {
	e.instant(g.expiry, c.ExpiresAt, c.Name, c.Provider)
	e.instant(g.renewBy, c.RenewBy, c.Name, c.Provider)
	e.instant(g.issued, c.IssuedAt, c.Name, c.Provider)
	e.instant(g.next, c.NextAttemptAt, c.Name, c.Provider)
	e.instant(g.lastUseful, c.LastUsefulAttemptAt, c.Name, c.Provider)
	e.instant(g.paused, c.PausedUntil, c.Name, c.Provider)
	e.value(g.generation, float64(c.Generation), c.Name, c.Provider)
	for _, state := range engine.CredentialStates {
		e.value(g.state, oneIf(c.State == state), c.Name, c.Provider, string(state))
	}
	ends := map[string]time.Time{} // the earliest of each kind: labels must not repeat
	for _, limit := range c.Limits {
		if end, ok := ends[limit.Kind]; !ok || limit.EndsAt.Before(end) {
			ends[limit.Kind] = limit.EndsAt
		}
	}
	for kind, end := range ends {
		e.instant(g.limit, end, c.Name, c.Provider, kind)
	}
}

func (g *gauges) sink(e emitter, s *engine.SinkView) {
	for _, name := range s.Needs {
		e.value(g.sinkGeneration, float64(s.Delivered[name]), s.Name, name)
	}
	for _, state := range engine.SinkStates {
		e.value(g.sinkState, oneIf(s.State == state), s.Name, string(state))
	}
	e.instant(g.sinkSuccess, s.LastDeliveredAt, s.Name)
}

// emitter sends constant metrics.
type emitter struct{ ch chan<- prometheus.Metric }

func (e emitter) value(d *prometheus.Desc, value float64, labels ...string) {
	e.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (e emitter) counter(d *prometheus.Desc, value uint64, labels ...string) {
	e.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
}

// instant emits a time, unless it is unknown.
func (e emitter) instant(d *prometheus.Desc, at time.Time, labels ...string) {
	if !at.IsZero() {
		e.value(d, seconds(at), labels...)
	}
}

// seconds returns a time as Prometheus seconds, or 0 if it is unknown.
func seconds(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return float64(at.Unix()) + float64(at.Nanosecond())/1e9
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
