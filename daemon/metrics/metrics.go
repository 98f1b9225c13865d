// Package metrics turns the engine's outcomes and views into Prometheus series.
//
// Gauges are computed at scrape time from queries to the engine, so a series
// disappears together with its object. Counters and histograms are updated by
// outcomes. They start at zero when a plan is installed, so that increase() sees the
// first failure, and are deleted with the object. Sums always exist. Up to a limit,
// each credential and sink has its own series; above it, only the most urgent ones
// that have a problem. Label values are names from the configuration or fixed words.
// The package makes no decisions, and nothing in the daemon depends on its numbers.
package metrics

import (
	"fmt"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/view"
)

// namespace is the prefix of all our series.
const namespace = "vigente"

// Viewer returns the state of the engine and the configuration. It does not block.
type Viewer interface {
	// Begun reports whether there is a state to show.
	Begun() bool
	Select(q engine.Query) engine.View
	Summary() engine.Summary
	Config() view.Config
	// DetailLimit returns the number of credentials and of sinks up to which each has
	// its own series.
	DetailLimit() int
}

// Options are the options of New. Registerer and Viewer are required.
type Options struct {
	Registerer        prometheus.Registerer
	Viewer            Viewer
	Version, Revision string
	// LogLinesDropped returns the number of dropped log lines. It may be nil.
	LogLinesDropped func() uint64
}

// Metrics holds all series of the daemon and is an engine.Observer. Its methods are
// safe for concurrent use and do not block.
type Metrics struct {
	*outcomes
	*reload
	*clusterParts
}

var _ engine.Observer = (*Metrics)(nil)

// New registers all series, including those of the Go runtime and of the process.
func New(opt Options) (*Metrics, error) {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info",
		Help:        "Always 1; the labels say which build is running.",
		ConstLabels: prometheus.Labels{"version": opt.Version, "revision": opt.Revision, "goversion": runtime.Version()},
	})
	build.Set(1)
	dropped := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Namespace: namespace, Name: "log_lines_dropped_total",
		Help: "Lines of the log that were dropped because its reader stalled.",
	}, func() float64 {
		if opt.LogLinesDropped == nil {
			return 0
		}
		return float64(opt.LogLinesDropped())
	})
	m := &Metrics{outcomes: newOutcomes(opt.Viewer), reload: newReload(), clusterParts: newClusterParts(opt.Registerer)}
	parts := []prometheus.Collector{
		build, dropped, newGauges(opt.Viewer), newConfigured(opt.Viewer), m.outcomes, m.reload,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}
	for _, part := range parts {
		if err := opt.Registerer.Register(part); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}
