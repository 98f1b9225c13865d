package cluster

import (
	"strings"
	"testing"
	"time"
)

// Leaving is refused while another machine is present. Afterwards, what spends a seed is
// renewed only on this machine, until it joins again.
func TestLeaveTakesEverythingBack(t *testing.T) {
	play(t, Spends, func(t *testing.T, w *testCluster, a, b *node) {
		must(t, b.renew(nil))
		if err := a.cluster.Leave(t.Context()); err == nil || !strings.Contains(err.Error(), "b is there") {
			t.Errorf("beside another machine: %v", err)
		}
		b.kill()
		pass(15 * time.Second)
		must(t, a.cluster.Leave(t.Context()))
		if v := a.record().Token().Generation; v < 1 {
			t.Errorf("a holds generation %d", v)
		}
		if _, there := w.kv.copy()["l/a"]; !there {
			t.Error("no mark is left")
		}
		w.kv.setAway("a", true)
		must(t, a.renew(nil)) // also without the engine
		w.kv.setAway("a", false)
		pass(10 * time.Second)
		c := w.start("c")
		pass(10 * time.Second)
		refused(t, c.renew(nil), "a has taken it back (cluster leave)")
		if s := c.cluster.Status(); len(s.Machines) != 3 {
			t.Errorf("the machines are %+v", s.Machines)
		}
		a.kill()
		a = w.start("a") // [cluster] is still configured, so it joins again
		delete(w.nodes, "b")
		pass(15 * time.Second)
		w.same(a.record().Token().Generation)
		must(t, c.renew(nil))
		pass(time.Second)
		w.same(a.record().Token().Generation)
	})
}

// The note does not name credentials that spend nothing.
func TestOthersGoOnWithWhatSpendsNothing(t *testing.T) {
	play(t, Plain, func(t *testing.T, w *testCluster, a, b *node) {
		must(t, a.renew(nil))
		b.kill()
		pass(15 * time.Second)
		must(t, a.cluster.Leave(t.Context()))
		b = w.start("b")
		pass(5 * time.Second)
		must(t, b.renew(nil))
	})
}

// Leaving is impossible while the engine is away.
func TestLeaveWantsTheEngine(t *testing.T) {
	play(t, Spends, func(t *testing.T, w *testCluster, a, b *node) {
		b.kill()
		pass(15 * time.Second)
		w.kv.setAway("a", true)
		pass(10 * time.Second)
		if err := a.cluster.Leave(t.Context()); err == nil || !strings.Contains(err.Error(), "the engine is not reached") {
			t.Errorf("left with %v", err)
		}
	})
}
