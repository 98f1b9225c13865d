package cluster

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

func (n *node) record() schedule.Record {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.board
}

// If a machine dies during a renewal, another one completes it unprompted, although its
// own value is not due for a long time.
func TestAnotherMachineIsWoken(t *testing.T) {
	for _, ability := range []Ability{Plain, Revokes, SpendsElse, Spends} {
		play(t, ability, func(t *testing.T, _ *testCluster, a, b *node) {
			must(t, a.renew(nil))
			pass(time.Second)
			if err := a.renew(func() error { a.stop(); <-a.ended; return errDied }); !errors.Is(err, errDied) {
				t.Fatal(err)
			}
			pass(timeout)
			if r := b.record(); r.Past.Open || r.Past.Parked {
				t.Errorf("ability %d: woken while the call may be under way: %+v", ability, r.Past)
			}
			pass(callGrace + 15*time.Second)
			switch r := b.record(); {
			case ability == Spends && !parkedAmbiguous(r):
				t.Errorf("not parked as ambiguous: %+v", r.Past)
			case ability != Spends && (!r.Past.Open || r.Past.Parked):
				t.Errorf("ability %d: not told that the last answer was lost: %+v", ability, r.Past)
			}
		})
	}
}

// Within the backend's grace any machine sends the seed again; after it, none does.
func TestGraceHoldsAcrossMachines(t *testing.T) {
	for _, grace := range []time.Duration{3 * time.Minute, 40 * time.Second} {
		playGraced(t, Spends, grace, func(t *testing.T, w *testCluster, a, b *node) {
			must(t, a.renew(nil))
			pass(time.Second)
			if err := a.renew(func() error { a.stop(); <-a.ended; return errDied }); !errors.Is(err, errDied) {
				t.Fatal(err)
			}
			pass(timeout + callGrace + 15*time.Second)
			if grace < timeout+callGrace+15*time.Second {
				refused(t, b.renew(nil), "--take-over")
				return
			}
			if r := b.record(); !r.Past.Open || r.Past.Parked {
				t.Errorf("within the grace: %+v", r.Past)
			}
			w.shown = map[string]int{} // the backend accepts it again
			// Its answer is lost too; the grace counts from the first call.
			if err := b.renew(func() error { return errors.New("the answer is lost") }); err == nil {
				t.Error("a lost answer is not an answer")
			}
			pass(time.Second)
			w.shown = map[string]int{}
			must(t, b.renew(nil))
			pass(time.Second)
			c := w.start("c")
			pass(5 * time.Second)
			if r := c.record(); r.Token().Generation != 2 {
				t.Errorf("c holds %d", r.Token().Generation)
			}
		})
	}
	playGraced(t, Spends, 2*time.Minute, func(t *testing.T, w *testCluster, a, b *node) {
		must(t, a.renew(nil))
		pass(time.Second)
		for range 2 { // two calls within the grace, a minute apart
			if err := a.renew(func() error { return errors.New("the answer is lost") }); err == nil {
				t.Error("a lost answer is not an answer")
			}
			pass(time.Minute)
			w.shown = map[string]int{}
		}
		pass(5 * time.Second)
		refused(t, b.renew(nil), "--take-over")
		if !parkedAmbiguous(b.record()) || !parkedAmbiguous(a.record()) {
			t.Error("after the grace of the first call it is not parked")
		}
	})
}

// Machines report that their configurations differ when either changes.
func TestMachinesSayThatTheyDiffer(t *testing.T) {
	play(t, Plain, func(t *testing.T, w *testCluster, a, b *node) {
		var changed atomic.Bool
		c := w.start("c", func(o *Options) {
			o.Hash = func() string {
				if changed.Load() {
					return "other"
				}
				return "same"
			}
		})
		pass(5 * time.Second)
		for _, n := range []*node{a, b, c} {
			if d := n.cluster.Differing(); len(d) > 0 || len(n.said) > 1 {
				t.Errorf("%s says %v, %v", n.name, d, n.said)
			}
		}
		changed.Store(true)
		pass(10 * time.Second)
		for _, n := range []*node{a, b, c} {
			n.mu.Lock()
			said := n.said[len(n.said)-1]
			n.mu.Unlock()
			if !contains(said, "machines differ") {
				t.Errorf("%s said last %q", n.name, said)
			}
		}
	})
}
