package cluster

import (
	"testing"
	"time"
)

// Machines that asked in vain before a person took over on one of them keep nothing of
// that: the credential is parked on none of them afterwards, and the machine that died
// learns the new value.
func TestATakeoverEndsAllDoubt(t *testing.T) {
	for _, asked := range []int{0, 1, 3} {
		play(t, Spends, func(t *testing.T, w *testCluster, a, b *node) {
			c := w.start("c")
			must(t, a.renew(nil))
			pass(time.Second)
			_ = a.renew(func() error { a.kill(); return errDied })
			pass(timeout + callGrace + 15*time.Second)
			for range asked {
				refused(t, b.renew(nil), "--take-over")
				refused(t, c.renew(nil), "--take-over")
				pass(time.Second)
			}
			w.shown = map[string]int{} // the backend never saw the call
			withdraw := b.cluster.TakeOver([]string{key.Name})
			must(t, b.renew(nil))
			withdraw()
			for range 10 {
				pass(time.Second)
				for _, n := range []*node{b, c} {
					if r := n.record(); r.Past.Parked || r.Past.Open || r.Token().Generation != 2 {
						t.Fatalf("%s, after %d requests: parked %v, open %v, generation %d", n.name, asked, r.Past.Parked, r.Past.Open, r.Token().Generation)
					}
				}
			}
			a = w.start("a")
			pass(10 * time.Second)
			if r := a.record(); r.Past.Parked || r.Past.Open {
				t.Errorf("the machine that died: parked %v, open %v", r.Past.Parked, r.Past.Open)
			}
			w.same(2)
			must(t, a.renew(nil))
			pass(time.Second)
			w.same(3)
		})
	}
}
