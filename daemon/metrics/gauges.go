package metrics

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vigented/vigente/daemon/engine"
)

// viewTimeout bounds how long a scrape waits for the engine.
const viewTimeout = 2 * time.Second

// gauges computes its series from one view of the engine at each scrape.
type gauges struct {
	viewer Viewer
	last   atomic.Pointer[engine.View] // the last good view; nil before the first

	expiry, issued, next, lastUseful, state, generation, limit *prometheus.Desc
	sinkGeneration, sinkSuccess, cooldown, stateSaved          *prometheus.Desc
}

func newGauges(viewer Viewer) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
	}
	return &gauges{
		viewer: viewer,
		expiry: desc("credential_expiry_timestamp_seconds",
			"When the values in force end; absent when there are none or no end is known.", "credential", "provider"),
		issued: desc("credential_issued_timestamp_seconds",
			"When the values in force were issued; absent when there are none.", "credential", "provider"),
		next: desc("credential_next_attempt_timestamp_seconds",
			"When the next attempt to renew is planned; absent when none is, because the credential is parked.", "credential", "provider"),
		lastUseful: desc("credential_last_useful_attempt_timestamp_seconds",
			"The instant after which a renewal can no longer arrive before the expiry; absent without an expiry.", "credential", "provider"),
		state: desc("credential_state",
			"1 for the state the credential is in, 0 for the others.", "credential", "provider", "state"),
		generation: desc("credential_generation",
			"How many distinct values have been obtained.", "credential", "provider"),
		limit: desc("credential_limit_timestamp_seconds",
			"The known end of something the credential depends on, such as a certificate.", "credential", "provider", "kind"),
		sinkGeneration: desc("sink_generation",
			"The generation of the credential that the sink holds; 0 for none.", "sink", "credential"),
		sinkSuccess: desc("sink_last_success_timestamp_seconds",
			"When the sink was last known to hold what it should; absent when it never did.", "sink"),
		cooldown: desc("provider_cooldown_until_timestamp_seconds",
			"The instant before which no credential of this provider is asked for; 0 when it is free.", "provider"),
		stateSaved: desc("state_saved",
			"1 when the state on disk is up to date, 0 when saving it failed."),
	}
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		g.expiry, g.issued, g.next, g.lastUseful, g.state, g.generation, g.limit,
		g.sinkGeneration, g.sinkSuccess, g.cooldown, g.stateSaved,
	} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector. It emits nothing before the engine
// has answered for the first time.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	view := g.view()
	if view == nil {
		return
	}
	e := emitter{ch}
	for i := range view.Credentials {
		g.credential(e, &view.Credentials[i])
	}
	for _, s := range view.Sinks {
		for _, name := range s.Needs {
			e.value(g.sinkGeneration, float64(s.Delivered[name]), s.Name, name)
		}
		e.instant(g.sinkSuccess, s.LastDeliveredAt, s.Name)
	}
	for _, p := range view.Providers {
		e.value(g.cooldown, seconds(p.CooldownUntil), p.Name)
	}
	e.value(g.stateSaved, oneIf(view.StateError == ""))
}

func (g *gauges) credential(e emitter, c *engine.CredentialView) {
	e.instant(g.expiry, c.ExpiresAt, c.Name, c.Provider)
	e.instant(g.issued, c.IssuedAt, c.Name, c.Provider)
	e.instant(g.next, c.NextAttemptAt, c.Name, c.Provider)
	e.instant(g.lastUseful, c.LastUsefulAttemptAt, c.Name, c.Provider)
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

// view asks the engine, and falls back to what it said last.
func (g *gauges) view() *engine.View {
	ctx, cancel := context.WithTimeout(context.Background(), viewTimeout)
	defer cancel()
	view, err := g.viewer.View(ctx)
	if err != nil {
		return g.last.Load()
	}
	g.last.Store(&view)
	return &view
}

// emitter sends constant metrics.
type emitter struct{ ch chan<- prometheus.Metric }

func (e emitter) value(desc *prometheus.Desc, value float64, labels ...string) {
	e.ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}

// instant leaves an unknown instant out.
func (e emitter) instant(desc *prometheus.Desc, at time.Time, labels ...string) {
	if !at.IsZero() {
		e.value(desc, seconds(at), labels...)
	}
}

// seconds is an instant as Prometheus counts them, 0 when unknown.
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
