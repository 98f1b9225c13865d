package cluster

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Clocks that differ decide nothing: a value that was obtained with another is newer,
// whatever the clocks say, and its seed is sent once.
func TestClocksDoNotDecideWhatIsNewer(t *testing.T) {
	for _, ability := range []Ability{Plain, Revokes, SpendsElse, Spends} {
		synctest.Test(t, func(t *testing.T) {
			w := newTestCluster(t, ability)
			defer w.end()
			w.nodes["a"] = &node{w: w, name: "a", secret: "1", skew: time.Hour}
			a, b := w.start("a"), w.start("b")
			pass(5 * time.Second)
			for generation := uint64(1); generation < 7; {
				for _, n := range []*node{a, b, b, a, b} {
					must(t, n.renew(nil))
					pass(time.Second)
					generation = n.record().Token().Generation
					w.same(generation)
				}
			}
			if g := b.record().Token().Generation; g != 10 || w.issued != 10 {
				t.Errorf("ability %d: got generation %d after %d calls, want 10 of 10", ability, g, w.issued)
			}
		})
	}
}

// Nor is a failure undone by the earlier record of a machine whose clock is ahead.
func TestClocksDoNotUndoAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTestCluster(t, Plain)
		defer w.end()
		w.nodes["a"] = &node{w: w, name: "a", secret: "1", skew: time.Hour}
		a, b := w.start("a"), w.start("b")
		pass(5 * time.Second)
		must(t, a.renew(nil))
		pass(time.Minute)
		if err := b.renew(func() error { return errRefused }); !errors.Is(err, errRefused) {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		for _, n := range []*node{a, b, w.start("c")} {
			pass(5 * time.Second)
			if !n.record().Past.Parked {
				t.Errorf("%s does not know of the refusal: %+v", n.name, n.record().Past)
			}
		}
	})
}
