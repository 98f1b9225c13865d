package cluster

import (
	"strings"
	"testing"
	"time"
)

// Leaving is refused while another machine is there; afterwards what spends is
// renewed on this machine alone, until it joins again.
func TestLeaveTakesEverythingBack(t *testing.T) {
	play(t, Spends, func(t *testing.T, w *world, a, b *node) {
		must(t, b.renew(nil))
		if err := a.cluster.Leave(t.Context()); err == nil || !strings.Contains(err.Error(), "b is there") {
			t.Errorf("beside another machine: %v", err)
		}
		b.kill()
		settle(15 * time.Second)
		must(t, a.cluster.Leave(t.Context()))
		if v := a.record().Token().Generation; v < 1 {
			t.Errorf("a holds generation %d", v)
		}
		if _, there := w.kv.copy()["l/a"]; !there {
			t.Error("no mark is left")
		}
		w.kv.setAway("a", true)
		must(t, a.renew(nil)) // Without the engine, too.
		w.kv.setAway("a", false)
		settle(10 * time.Second)
		c := w.start("c")
		settle(10 * time.Second)
		refused(t, c.renew(nil), "a has taken it back (cluster leave)")
		if s := c.cluster.Status(); len(s.Machines) != 3 {
			t.Errorf("the machines are %+v", s.Machines)
		}
		a.kill()
		a = w.start("a") // With [cluster] still in its configuration: it joins again.
		delete(w.nodes, "b")
		settle(15 * time.Second)
		w.same(a.record().Token().Generation)
		must(t, c.renew(nil))
		settle(time.Second)
		w.same(a.record().Token().Generation)
	})
}

// What spends nothing is not named by the mark.
func TestOthersGoOnWithWhatSpendsNothing(t *testing.T) {
	play(t, Plain, func(t *testing.T, w *world, a, b *node) {
		must(t, a.renew(nil))
		b.kill()
		settle(15 * time.Second)
		must(t, a.cluster.Leave(t.Context()))
		b = w.start("b")
		settle(5 * time.Second)
		must(t, b.renew(nil))
	})
}

// Nothing is left while the engine is away.
func TestLeaveWantsTheEngine(t *testing.T) {
	play(t, Spends, func(t *testing.T, w *world, a, b *node) {
		b.kill()
		settle(15 * time.Second)
		w.kv.setAway("a", true)
		settle(10 * time.Second)
		if err := a.cluster.Leave(t.Context()); err == nil || !strings.Contains(err.Error(), "the engine is not reached") {
			t.Errorf("left with %v", err)
		}
	})
}
