package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// reload are the series about the configuration.
type reload struct{ ok, at, hash prometheus.Gauge }

func newReload() *reload {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
	}
	return &reload{
		ok:   gauge("config_last_reload_successful", "1 when the last reading of the configuration succeeded, 0 when the old one was kept."),
		at:   gauge("config_last_reload_success_timestamp_seconds", "When the running configuration was loaded."),
		hash: gauge("config_hash", "The first 48 bits of the running configuration's hash as a number, to compare hosts."),
	}
}

// SetReload records one load of the configuration. If it failed, only the success
// gauge changes, since the old configuration is still running. The hash is
// hexadecimal.
func (r *reload) SetReload(ok bool, at time.Time, hash string) {
	if !ok {
		r.ok.Set(0)
		return
	}
	r.ok.Set(1)
	r.at.Set(seconds(at))
	r.hash.Set(hashNumber(hash))
}

// hashNumber converts a hash as Alertmanager does: 48 bits, because a float64 holds 53
// exactly. Text that is not hexadecimal gives zero.
func hashNumber(hash string) float64 {
	n, err := strconv.ParseUint(hash[:min(12, len(hash))], 16, 48)
	if err != nil {
		return 0
	}
	return float64(n)
}

// Describe implements prometheus.Collector.
func (r *reload) Describe(ch chan<- *prometheus.Desc) {
	for _, g := range []prometheus.Gauge{r.ok, r.at, r.hash} {
		g.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (r *reload) Collect(ch chan<- prometheus.Metric) {
	for _, g := range []prometheus.Gauge{r.ok, r.at, r.hash} {
		g.Collect(ch)
	}
}
