package cluster

import (
	"testing"
	"time"
)

// A process that tries everything only once waits until it has joined, or knows that the
// engine is away.
func TestAPatientMachineJoinsFirst(t *testing.T) {
	for _, away := range []bool{false, true} {
		play(t, Plain, func(t *testing.T, w *testCluster, a, _ *node) {
			w.kv.setAway("c", away)
			refused(t, w.start("hasty").renew(nil), "is joining the cluster")
			c := w.startWith("c", "1", (*Cluster).Patient)
			begun := time.Now()
			must(t, c.renew(nil))
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("away %v: called after %s", away, took)
			}
		})
	}
}
