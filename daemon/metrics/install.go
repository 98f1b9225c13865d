package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
)

// Install makes the counters of every object of the plan exist at zero, keeps
// those that count already, and deletes those of objects that are gone. A
// credential that moved to another provider starts at zero there.
func (c *outcomes) Install(specs *plan.Plan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	providers, credentials, sinks := named(specs)
	for name := range c.providers {
		if !providers[name] {
			c.failures.DeletePartialMatch(prometheus.Labels{"provider": name})
			c.duration.DeleteLabelValues(name)
			c.clockOffset.DeleteLabelValues(name)
		}
	}
	for name, provider := range c.credentials {
		if now, ok := credentials[name]; !ok || now != provider {
			c.renewals.DeletePartialMatch(prometheus.Labels{"credential": name, "provider": provider})
		}
	}
	for name := range c.sinks {
		hook, ok := sinks[name]
		if !ok {
			c.writes.DeletePartialMatch(prometheus.Labels{"sink": name})
		}
		if !hook {
			c.hooks.DeletePartialMatch(prometheus.Labels{"sink": name})
		}
	}
	c.providers, c.credentials, c.sinks = providers, credentials, sinks
	c.bearLocked()
}

// bearLocked touches every series of the installed plan; one that counts
// already keeps its value.
func (c *outcomes) bearLocked() {
	for name := range c.providers {
		for _, reason := range credential.Reasons {
			c.failures.WithLabelValues(name, string(reason))
		}
		c.duration.WithLabelValues(name)
	}
	for name, provider := range c.credentials {
		for _, result := range renewalResults {
			c.renewals.WithLabelValues(name, provider, result)
		}
	}
	for name, hook := range c.sinks {
		for _, result := range writeResults {
			c.writes.WithLabelValues(name, result)
		}
		for _, result := range hookResults {
			if hook {
				c.hooks.WithLabelValues(name, result)
			}
		}
	}
}

func named(specs *plan.Plan) (providers map[string]bool, credentials map[string]string, sinks map[string]bool) {
	providers, credentials, sinks = map[string]bool{}, map[string]string{}, map[string]bool{}
	for _, p := range specs.Providers {
		providers[p.Name] = true
	}
	for _, c := range specs.Credentials {
		credentials[c.Name] = c.Provider
	}
	for _, s := range specs.Sinks {
		sinks[s.Name] = s.Hook != nil
	}
	return providers, credentials, sinks
}
