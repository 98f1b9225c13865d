package metrics

import "github.com/prometheus/client_golang/prometheus"

// configured are the series that depend only on the configuration: the expiry of the
// listener's own certificates, and the rows of fleets.
type configured struct {
	viewer       Viewer
	limits, rows *prometheus.Desc
}

func newConfigured(viewer Viewer) *configured {
	return &configured{
		viewer: viewer,
		limits: desc("listener_limit_timestamp_seconds", "The known end of something the listener depends on, such as its certificate.", "kind"),
		rows:   desc("fleet_rows", "Rows of a fleet's table that are in use, or that cannot be used.", "fleet", "state"),
	}
}

// Describe implements prometheus.Collector.
func (c *configured) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.limits
	ch <- c.rows
}

// Collect implements prometheus.Collector.
func (c *configured) Collect(ch chan<- prometheus.Metric) {
	if c.viewer == nil {
		return
	}
	e := emitter{ch}
	config := c.viewer.Config()
	for _, l := range config.Limits {
		e.instant(c.limits, l.EndsAt.Time, l.Kind)
	}
	for _, f := range config.Fleets {
		e.value(c.rows, float64(f.Good), f.Name, "good")
		bad := f.Bad
		if f.Problem != "" {
			bad++ // so that the alert tells of a table that cannot be used
		}
		e.value(c.rows, float64(bad), f.Name, "bad")
	}
}
