package cluster

import (
	"context"
	"fmt"
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

// A call of a machine that died in it is known to the one that leaves, whenever that
// happens: without the cluster, nothing else would keep it from sending the seed again.
func TestLeaveTakesCallsWithoutAnEndAlong(t *testing.T) {
	for _, ability := range []Ability{Plain, Revokes, SpendsElse, Spends} {
		t.Run(fmt.Sprint(ability), func(t *testing.T) {
			play(t, ability, func(t *testing.T, w *testCluster, a, b *node) {
				must(t, b.renew(nil))
				pass(time.Second)
				_ = b.renew(func() error { b.kill(); return errDied })
				pass(presenceSeconds*time.Second + 2*time.Second) // it is not there any more, and its call may still run
				begun := time.Now()
				must(t, a.cluster.Leave(t.Context()))
				took := time.Since(begun)
				r := a.record()
				known := r.Past.Open || parkedAmbiguous(r)
				if known != (ability != Plain) {
					t.Errorf("left after %s with %+v", took, r.Past)
				}
				if took > timeout+callGrace {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// Leaving says which call it waited for in vain.
func TestLeaveSaysWhatItWaitsFor(t *testing.T) {
	play(t, Spends, func(t *testing.T, w *testCluster, a, b *node) {
		must(t, b.renew(nil))
		pass(time.Second)
		_ = b.renew(func() error { b.kill(); return errDied })
		pass(presenceSeconds*time.Second + 2*time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := a.cluster.Leave(ctx); err == nil || !strings.Contains(err.Error(), "the call of b for u6 has no known end yet") {
			t.Errorf("left with %v", err)
		}
	})
}

// A machine that left and comes back with another key does not remove its own note.
func TestAnotherKeyDoesNotJoinAgain(t *testing.T) {
	play(t, Spends, func(t *testing.T, w *testCluster, a, b *node) {
		must(t, a.renew(nil))
		b.kill()
		pass(15 * time.Second)
		must(t, a.cluster.Leave(t.Context()))
		a.kill()
		before := len(w.kv.writes)
		a = w.start("a", func(o *Options) { o.Key = [32]byte{2} })
		pass(20 * time.Second)
		a.kill()
		if _, there := w.kv.copy()["l/a"]; !there || len(w.kv.writes) != before {
			t.Errorf("it wrote %v; is the note there: %v", w.kv.writes[before:], there)
		}
	})
}
