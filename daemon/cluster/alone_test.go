package cluster

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// While the engine is away, alone says what a machine may renew: nothing, what is plain,
// or everything. A refusal says why.
func TestAloneSaysWhatIsRenewed(t *testing.T) {
	for _, alone := range []Alone{AloneNone, AlonePlain, AloneAll} {
		for _, ability := range []Ability{Plain, Revokes, SpendsElse, Spends} {
			synctest.Test(t, func(t *testing.T) {
				w := newTestCluster(t, ability)
				defer w.end()
				a := w.start("a", func(o *Options) { o.Alone = alone })
				b := w.start("b")
				pass(5 * time.Second)
				must(t, b.renew(nil))
				pass(time.Second)
				w.kv.setAway("a", true)
				w.kv.setAway("b", true)
				pass(10 * time.Second)
				if alone == AloneNone || alone == AlonePlain && ability != Plain {
					refused(t, a.renew(nil), `cluster.alone = "`+string(alone)+`"`)
					if g := a.record().Token().Generation; g != 1 {
						t.Errorf("%s, ability %d: a holds generation %d, want 1", alone, ability, g)
					}
					return
				}
				for range 3 {
					must(t, a.renew(nil))
					pass(time.Second)
				}
				w.kv.setAway("a", false)
				w.kv.setAway("b", false)
				pass(15 * time.Second)
				w.same(4)
				must(t, b.renew(nil)) // with the newest seed
				pass(time.Second)
				w.same(5)
			})
		}
	}
}

// With alone = "all", a call of another machine that had no known end when the engine
// went away is not repeated: it is read back, replaced by a login, or left to a person.
func TestAloneDoesNotRepeatAnUnknownCall(t *testing.T) {
	for _, ability := range []Ability{Revokes, SpendsElse, Spends} {
		synctest.Test(t, func(t *testing.T) {
			w := newTestCluster(t, ability)
			defer w.end()
			a := w.start("a", func(o *Options) { o.Alone = AloneAll })
			b := w.start("b")
			pass(5 * time.Second)
			must(t, b.renew(nil))
			pass(time.Second)
			err := b.renew(func() error {
				pass(time.Second) // a sees the intent
				w.kv.setAway("a", true)
				b.stop()
				<-b.ended
				return errDied
			})
			if !errors.Is(err, errDied) {
				t.Fatal(err)
			}
			pass(10 * time.Second)
			refused(t, a.renew(nil), "b is renewing it")
			pass(timeout + callGrace)
			if ability == Spends {
				refused(t, a.renew(nil), "--take-over")
				pass(time.Second)
				if !parkedAmbiguous(a.record()) {
					t.Errorf("got %+v, want it parked as ambiguous", a.record().Past)
				}
				w.shown = map[string]int{} // the backend never saw the call
				a.cluster.TakeOver([]string{key.Name})
				must(t, a.renew(nil))
				must(t, a.renew(nil)) // the seed of its own call is known
				return
			}
			for range 20 { // it is told first that the last answer was lost
				if err = a.renew(nil); err == nil {
					break
				}
				pass(time.Second)
			}
			if g := a.record().Token().Generation; g != 2 {
				t.Errorf("ability %d: a holds generation %d (%v), want 2", ability, g, err)
			}
			if n := w.lost; n != 1 {
				t.Errorf("ability %d: got %d calls after a lost answer, want 1", ability, n)
			}
		})
	}
}
