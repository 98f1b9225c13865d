package cluster

import (
	"testing"
	"time"
)

// What a name means at the backend is changed on one machine after the other. Until all
// agree, only those that mean what the record is of renew it, and the others take
// nothing from them; afterwards everything goes on.
func TestAnIdentityIsChangedOnAllMachines(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		play(t, Plain, func(t *testing.T, w *testCluster, a, b *node) {
			must(t, a.renew(nil))
			pass(time.Second)
			another := "another"
			a.is.Store(&another)
			if restarted {
				a.kill()
				w.start("a")
			}
			pass(10 * time.Second)
			refused(t, a.renew(nil), "the machines differ in what u6 is")
			must(t, b.renew(nil))
			pass(10 * time.Second)
			if g := a.record().Token().Generation; g != 1 {
				t.Errorf("the machine that means another thing took over generation %d", g)
			}
			b.is.Store(&another)
			if restarted {
				b.kill()
				w.start("b")
			}
			pass(15 * time.Second)
			w.same(2) // until there is a value of the new one
			must(t, a.renew(nil))
			pass(time.Second)
			w.same(3)
			if is := b.record().Token().Identity; is != another {
				t.Errorf("b holds a value of %q", is)
			}
			must(t, b.renew(nil))
			pass(time.Second)
			w.same(4)
		})
	}
}
