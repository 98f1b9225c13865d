package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/vigented/vigente/daemon/engine"
)

// sums are the series that count credentials by provider and sinks by type. They
// always exist.
type sums struct {
	credentials, sinks, expiry, lastUseful, failure *prometheus.Desc
}

func newSums() sums {
	return sums{
		credentials: desc("credentials",
			"How many credentials are in a state, by provider and fleet; the fleet is empty for what is written out.", "provider", "fleet", "state"),
		sinks: desc("sinks",
			"How many sinks are in a state, by type and fleet; the fleet is empty for what is written out.", "type", "fleet", "state"),
		expiry: desc("earliest_expiry_timestamp_seconds",
			"When the first of the values in force ends; absent without any.", "provider", "fleet"),
		lastUseful: desc("earliest_last_useful_attempt_timestamp_seconds",
			"The first instant after which a renewal can no longer arrive before the expiry; absent without any.", "provider", "fleet"),
		failure: desc("oldest_failure_timestamp_seconds",
			"Since when the credential fails that has failed for longest; absent while none fails.", "provider", "fleet"),
	}
}

func (s sums) all() []*prometheus.Desc {
	return []*prometheus.Desc{s.credentials, s.sinks, s.expiry, s.lastUseful, s.failure}
}

func (s sums) collect(e emitter, sum engine.Summary) {
	for i := range sum.Credentials {
		c := &sum.Credentials[i]
		for _, state := range engine.CredentialStates {
			e.value(s.credentials, float64(c.States[state]), c.Provider, c.Fleet, string(state))
		}
		e.instant(s.expiry, c.EarliestExpiry, c.Provider, c.Fleet)
		e.instant(s.lastUseful, c.EarliestLastUseful, c.Provider, c.Fleet)
		e.instant(s.failure, c.OldestFailure, c.Provider, c.Fleet)
	}
	for i := range sum.Sinks {
		k := &sum.Sinks[i]
		for _, state := range engine.SinkStates {
			e.value(s.sinks, float64(k.States[state]), k.Type, k.Fleet, string(state))
		}
	}
}
