// Package metrics turns the engine's outcomes and views into Prometheus series.
//
// Gauges are computed at scrape time from queries to the engine, so that a
// series goes with its object and never goes stale on its own. Counters and
// histograms are fed by outcomes; they exist at zero from the moment a plan is
// installed, so that increase() sees the first failure, and they are deleted
// with the object. Sums are there at every size; up to a limit each credential
// and each sink has series of its own, above it only the most urgent of those
// that are not in order. Labels are names of the configuration and fixed words.
// The package decides nothing, and nothing reads its numbers back.
package metrics

import (
	"fmt"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/view"
)

// namespace begins the name of every series of ours.
const namespace = "vigente"

// Viewer shows the engine's state and the configuration, and waits for nobody.
type Viewer interface {
	// Begun reports whether there is a state to show.
	Begun() bool
	Select(q engine.Query) engine.View
	Summary() engine.Summary
	Config() view.Config
	// DetailLimit is the number of credentials, and of sinks, up to which each
	// has series of its own.
	DetailLimit() int
}

// Options are what New needs; Registerer and Viewer are required.
type Options struct {
	Registerer        prometheus.Registerer
	Viewer            Viewer
	Version, Revision string
	// LogLinesDropped counts the lines of the log that nobody read; nil for none.
	LogLinesDropped func() uint64
}

// Metrics holds every series of the daemon. It is a engine.Observer. All its
// methods are safe for concurrent use and do not block.
type Metrics struct {
	*outcomes
	*reload
	*clusterParts
}

var _ engine.Observer = (*Metrics)(nil)

// New registers every series, those of the Go runtime and of the process
// included.
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
