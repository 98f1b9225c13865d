package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// bornAtMost is the number of credentials up to which the counter of on_failure exists
// from the start. Beyond it, it exists once on_failure has run for a credential.
const bornAtMost = 2000

// notices counts the runs of on_failure. A run for a credential that was removed from
// the configuration must not bring its series back.
type notices struct {
	runs *prometheus.CounterVec

	mu    sync.Mutex
	all   bool
	own   map[string]bool
	shown map[string]bool // credentials that have series
}

func newNotices() *notices {
	return &notices{shown: map[string]bool{}, runs: prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "on_failure_runs_total",
		Help: "Runs of a credential's on_failure command, by how they ended.",
	}, []string{"credential", "result"})}
}

// InstallOnFailure sets which credentials have on_failure: all, or those that define
// their own. It creates their counters and deletes all others. It must be called
// after Install.
func (m *Metrics) InstallOnFailure(all bool, own []string) {
	n := m.outcomes.notices
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all, n.own = all, map[string]bool{}
	for _, name := range own {
		n.own[name] = true
	}
	for name := range n.shown {
		if !m.noticedLocked(name) {
			delete(n.shown, name)
			for _, result := range hookResults {
				n.runs.DeleteLabelValues(name, result)
			}
		}
	}
	names := own
	if all {
		names = m.plannedUpTo(bornAtMost)
	}
	if len(names) > bornAtMost {
		return
	}
	for _, name := range names {
		n.shown[name] = true
		for _, result := range hookResults {
			n.runs.WithLabelValues(name, result)
		}
	}
}

// noticedLocked reports whether a credential exists and has on_failure.
func (m *Metrics) noticedLocked(credential string) bool {
	n := m.outcomes.notices
	return (n.all || n.own[credential]) && m.planned(credential)
}

// CountOnFailure counts a run of on_failure for a credential.
func (m *Metrics) CountOnFailure(credential string, ok bool) {
	n := m.outcomes.notices
	n.mu.Lock()
	defer n.mu.Unlock()
	if !m.noticedLocked(credential) {
		return
	}
	n.shown[credential] = true
	result := resultFailed
	if ok {
		result = resultOK
	}
	n.runs.WithLabelValues(credential, result).Inc()
}
