package metrics

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ClusterState is the state of the cluster as this machine sees it.
type ClusterState struct {
	Up bool
	// Differing counts the live machines with another configuration.
	Differing int
	Seen      map[string]time.Time // by machine
	Intents   []ClusterIntent
}

// ClusterIntent is a call that is running, or whose result is unknown.
type ClusterIntent struct {
	Credential, Node string
	At               time.Time
}

// clusterParts are the series of a machine in a cluster. Other machines do not
// register them.
type clusterParts struct {
	registerer prometheus.Registerer
	requests   *prometheus.CounterVec
	durations  *prometheus.HistogramVec

	state                                     func() ClusterState
	up, alone, differing, lastSeen, intentsAt *prometheus.Desc
}

func newClusterParts(r prometheus.Registerer) *clusterParts {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
	}
	return &clusterParts{
		registerer: r,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "cluster_requests_total", Help: "Requests to the engine of the cluster, by operation and result.",
		}, []string{"op", "result"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "cluster_request_duration_seconds", Help: "How long the engine of the cluster took to answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, nil),
		up:        describe("cluster_engine_up", "Whether linearizable reads of the cluster's engine are answered."),
		alone:     describe("cluster_alone", "Whether this machine does not reach the cluster's engine."),
		differing: describe("cluster_machines_differing", "How many machines that are there run another configuration of providers, credentials or renewal than this one."),
		lastSeen:  describe("cluster_node_last_seen_timestamp_seconds", "When a machine of the cluster was last heard of.", "node"),
		intentsAt: describe("credential_intent_timestamp_seconds", "When a call was begun that has no known end yet.", "credential", "node"),
	}
}

// ObserveCluster counts one request to the engine of the cluster.
func (c *clusterParts) ObserveCluster(op, result string, took time.Duration) {
	c.requests.WithLabelValues(op, result).Inc()
	c.durations.WithLabelValues().Observe(took.Seconds())
}

// ShowCluster registers the series of the cluster.
func (c *clusterParts) ShowCluster(state func() ClusterState) error {
	c.state = state
	for _, op := range []string{"get", "list", "swap", "remove", "lease"} {
		for _, result := range []string{"ok", "away", "unknown", "refused"} {
			c.requests.WithLabelValues(op, result)
		}
	}
	for _, part := range []prometheus.Collector{c.requests, c.durations, c} {
		if err := c.registerer.Register(part); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}

// Describe implements prometheus.Collector.
func (c *clusterParts) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.up, c.alone, c.differing, c.lastSeen, c.intentsAt} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *clusterParts) Collect(out chan<- prometheus.Metric) {
	s := c.state()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	up := 0.0
	if s.Up {
		up = 1
	}
	gauge(c.up, up)
	gauge(c.alone, 1-up)
	gauge(c.differing, float64(s.Differing))
	for node, at := range s.Seen {
		gauge(c.lastSeen, float64(at.UnixNano())/1e9, node)
	}
	for _, i := range s.Intents {
		gauge(c.intentsAt, float64(i.At.UnixNano())/1e9, i.Credential, i.Node)
	}
}
