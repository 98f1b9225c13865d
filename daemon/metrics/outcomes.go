package metrics

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

var (
	// The buckets of a renewal reach the longest usual timeout. Those of the lag
	// distinguish a busy minute from a stuck daemon.
	renewalBuckets = []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30, 45, 60}
	lagBuckets     = []float64{.001, .005, .01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}
)

// outcomes are the series updated by outcomes.
type outcomes struct {
	*tallies

	failures    *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	lag         prometheus.Histogram
	panics      prometheus.Counter
	clockOffset *prometheus.GaugeVec
	notices     *notices

	// installed guards the names of the installed plan's providers.
	installed sync.Mutex
	providers map[string]bool
}

func newOutcomes(viewer Viewer) *outcomes {
	return &outcomes{
		tallies: newTallies(viewer),
		notices: newNotices(),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "renewal_failures_total",
			Help: "Failed attempts to renew a credential of this provider, by reason.",
		}, []string{"provider", "reason"}),
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
			Help: "The clock of the provider's server, from its Date header, minus ours; 0 while they agree within the second that the header tells.",
		}, []string{"provider"}),
		providers: map[string]bool{},
	}
}

func (c *outcomes) parts() []prometheus.Collector {
	return []prometheus.Collector{c.tallies, c.notices.runs, c.failures, c.duration, c.lag, c.panics, c.clockOffset}
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

// Install creates the counters of new objects and deletes those of removed ones.
func (c *outcomes) Install(change plan.Change) {
	c.install(change)
	c.installed.Lock()
	defer c.installed.Unlock()
	for _, p := range slices.Concat(change.Providers.Added, change.Providers.Changed) {
		c.providers[p.Name] = true
		for _, reason := range credential.Reasons {
			c.failures.WithLabelValues(p.Name, string(reason))
		}
		c.duration.WithLabelValues(p.Name)
	}
	for _, name := range change.Providers.Removed {
		delete(c.providers, name)
		c.failures.DeletePartialMatch(prometheus.Labels{"provider": name})
		c.duration.DeleteLabelValues(name)
		c.clockOffset.DeleteLabelValues(name)
	}
}

// Observe counts one outcome.
func (c *outcomes) Observe(o engine.Outcome) {
	c.mu.Lock()
	known := c.countLocked(o)
	c.mu.Unlock()
	if !known {
		return
	}
	if !o.DueAt.IsZero() && !o.StartedAt.IsZero() {
		c.lag.Observe(max(0, o.StartedAt.Sub(o.DueAt)).Seconds())
	}
	if o.Panicked {
		c.panics.Inc()
	}
	if o.Kind != engine.Obtain {
		return
	}
	c.installed.Lock()
	defer c.installed.Unlock()
	if !c.providers[o.Provider] {
		return
	}
	if o.Called {
		c.duration.WithLabelValues(o.Provider).Observe(o.Took.Seconds())
	}
	if o.Result == schedule.Failed {
		c.failures.WithLabelValues(o.Provider, string(reason(o.Fault))).Inc()
	}
}

// indexOf returns the index of an outcome in renewalResults and writeResults.
func indexOf(r schedule.Outcome) int {
	switch r {
	case schedule.Failed:
		return 2
	case schedule.Unchanged:
		return 1
	case schedule.Renewed:
	}
	return 0
}

// hookIndex returns the index of an outcome in hookResults.
func hookIndex(r schedule.Outcome) int {
	if r == schedule.Failed {
		return 1
	}
	return 0
}

// reason returns the fault's reason, limited to the fixed set of label values.
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
	c.installed.Lock()
	defer c.installed.Unlock()
	if c.providers[provider] {
		c.clockOffset.WithLabelValues(provider).Set(offset.Seconds())
	}
}
