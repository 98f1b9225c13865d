package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
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

	// The buckets of a renewal reach the longest usual time-out; those of the
	// lag tell a busy minute from a stuck daemon.
	renewalBuckets = []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30, 45, 60}
	lagBuckets     = []float64{.001, .005, .01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}
)

// outcomes are the series that outcomes move.
type outcomes struct {
	renewals    *prometheus.CounterVec
	failures    *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	writes      *prometheus.CounterVec
	hooks       *prometheus.CounterVec
	lag         prometheus.Histogram
	panics      prometheus.Counter
	clockOffset *prometheus.GaugeVec

	// mu guards what the installed plan names. An outcome or an offset of an
	// object that has left must not bring its series back.
	mu          sync.Mutex
	providers   map[string]bool
	credentials map[string]string // name to provider
	sinks       map[string]bool   // name to whether it has a hook
}

func newOutcomes() *outcomes {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	}
	return &outcomes{
		renewals: counter("renewals_total", "Attempts to renew a credential, by how they ended.", "credential", "provider", "result"),
		failures: counter("renewal_failures_total", "Failed attempts to renew a credential of this provider, by reason.", "provider", "reason"),
		writes:   counter("sink_writes_total", "Deliveries to a sink, by how they ended.", "sink", "result"),
		hooks:    counter("hook_runs_total", "Runs of a sink's on_change command, by how they ended.", "sink", "result"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "renewal_duration_seconds",
			Help: "How long the backend took to answer an attempt, successful or not.", Buckets: renewalBuckets,
		}, []string{"provider"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "scheduler_lag_seconds",
			Help: "Time from the instant an attempt was due until it was started.", Buckets: lagBuckets,
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "panics_total",
			Help: "Attempts that ended in a programming error that was contained; each is worth a bug report.",
		}),
		clockOffset: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: namespace, Name: "clock_offset_seconds",
			Help: "The clock of the provider's server, from its Date header, minus ours.",
		}, []string{"provider"}),
		providers:   map[string]bool{},
		credentials: map[string]string{},
		sinks:       map[string]bool{},
	}
}

func (c *outcomes) parts() []prometheus.Collector {
	return []prometheus.Collector{c.renewals, c.failures, c.duration, c.writes, c.hooks, c.lag, c.panics, c.clockOffset}
}

// Describe implements prometheus.Collector.
func (c *outcomes) Describe(ch chan<- *prometheus.Desc) {
	for _, part := range c.parts() {
		part.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (c *outcomes) Collect(ch chan<- prometheus.Metric) {
	for _, part := range c.parts() {
		part.Collect(ch)
	}
}

// Observe counts one outcome.
func (c *outcomes) Observe(o engine.Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.knownLocked(o) {
		return
	}
	if !o.DueAt.IsZero() && !o.StartedAt.IsZero() {
		c.lag.Observe(max(0, o.StartedAt.Sub(o.DueAt)).Seconds())
	}
	if o.Panicked {
		c.panics.Inc()
	}
	switch o.Kind {
	case engine.Obtain:
		c.renewals.WithLabelValues(o.Name, o.Provider, result(o.Result, resultRenewed, resultUnchanged)).Inc()
		if o.Called {
			c.duration.WithLabelValues(o.Provider).Observe(o.Took.Seconds())
		}
		if o.Result == schedule.Failed {
			c.failures.WithLabelValues(o.Provider, string(reason(o.Fault))).Inc()
		}
	case engine.Deliver:
		c.writes.WithLabelValues(o.Name, result(o.Result, resultWritten, resultUnchanged)).Inc()
	case engine.RunHook:
		c.hooks.WithLabelValues(o.Name, result(o.Result, resultOK, resultOK)).Inc()
	}
}

// knownLocked reports whether the installed plan names the object.
func (c *outcomes) knownLocked(o engine.Outcome) bool {
	if o.Kind == engine.Obtain {
		provider, ok := c.credentials[o.Name]
		return ok && provider == o.Provider
	}
	hook, ok := c.sinks[o.Name]
	return ok && (hook || o.Kind == engine.Deliver)
}

func result(r schedule.Outcome, changed, unchanged string) string {
	switch r {
	case schedule.Failed:
		return resultFailed
	case schedule.Unchanged:
		return unchanged
	case schedule.Renewed:
	}
	return changed
}

// reason keeps the label inside the fixed set, whatever the fault says.
func reason(f *credential.Fault) credential.Reason {
	if f == nil {
		return credential.ReasonInternal
	}
	for _, known := range credential.Reasons {
		if f.Reason == known {
			return known
		}
	}
	return credential.ReasonInternal
}

// ObserveClock records how far the clock of a provider's server is ahead of
// ours.
func (c *outcomes) ObserveClock(provider string, offset time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.providers[provider] {
		c.clockOffset.WithLabelValues(provider).Set(offset.Seconds())
	}
}
