package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// bornAtMost is up to how many credentials the counter of on_failure exists at
// zero; with more of them it exists for those of which anybody was told.
const bornAtMost = 2000

// notices counts the runs of on_failure. A credential that has left the
// configuration must not bring its series back.
type notices struct {
	runs *prometheus.CounterVec

	mu          sync.Mutex
	credentials map[string]bool
}

func newNotices() *notices {
	return &notices{runs: prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "on_failure_runs_total",
		Help: "Runs of a credential's on_failure command, by how they ended.",
	}, []string{"credential", "result"})}
}

// InstallOnFailure makes the counters of credentials that have on_failure exist,
// and deletes those of all others.
func (m *Metrics) InstallOnFailure(credentials []string) {
	n := m.outcomes.notices
	n.mu.Lock()
	defer n.mu.Unlock()
	was := n.credentials
	n.credentials = make(map[string]bool, len(credentials))
	for _, name := range credentials {
		n.credentials[name] = true
		if len(credentials) <= bornAtMost {
			for _, result := range hookResults {
				n.runs.WithLabelValues(name, result)
			}
		}
	}
	for name := range was {
		if !n.credentials[name] {
			n.runs.DeletePartialMatch(prometheus.Labels{"credential": name})
		}
	}
}

// CountOnFailure counts a run of on_failure for a credential.
func (m *Metrics) CountOnFailure(credential string, ok bool) {
	n := m.outcomes.notices
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.credentials[credential] {
		return
	}
	result := resultFailed
	if ok {
		result = resultOK
	}
	n.runs.WithLabelValues(credential, result).Inc()
}
