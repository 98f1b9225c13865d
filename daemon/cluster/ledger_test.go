package cluster

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
)

func contains(text, words string) bool { return strings.Contains(text, words) }

// play runs a test in a synctest bubble.
func play(t *testing.T, ability Ability, story func(t *testing.T, w *testCluster, a, b *node)) {
	t.Helper()
	playGraced(t, ability, 0, story)
}

// playGraced is play with a backend that accepts a seed again for a while.
func playGraced(t *testing.T, ability Ability, grace time.Duration, story func(t *testing.T, w *testCluster, a, b *node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newTestCluster(t, ability)
		w.grace = grace
		defer w.end()
		a, b := w.start("a"), w.start("b")
		pass(5 * time.Second)
		story(t, w, a, b)
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOneRenewsAllReceive(t *testing.T) {
	play(t, Spends, func(t *testing.T, w *testCluster, a, b *node) {
		must(t, a.renew(nil))
		pass(time.Second)
		w.same(1)
		must(t, b.renew(nil))
		pass(time.Second)
		w.same(2)
		c := w.start("c") // joins later, with an empty disk
		pass(5 * time.Second)
		w.same(2)
		must(t, c.renew(nil))
		pass(time.Second)
		w.same(3)
	})
}

// While one machine calls, the others do not.
func TestOneCallAtATime(t *testing.T) {
	for _, ability := range []Ability{Plain, Revokes, SpendsElse, Spends} {
		play(t, ability, func(t *testing.T, w *testCluster, a, b *node) {
			must(t, a.renew(nil))
			pass(time.Second)
			must(t, a.renew(func() error {
				refused(t, b.renew(nil), "a is renewing it")
				pass(20 * time.Second)
				refused(t, b.renew(nil), "a is renewing it")
				return nil
			}))
			pass(time.Second)
			w.same(2)
			must(t, b.renew(nil))
		})
	}
}

// A decision made before another machine's intent was seen does not replace that intent:
// the compare-and-swap uses the revision of the decision.
func TestAJudgementDoesNotReplaceWhatCameAfterIt(t *testing.T) {
	for _, ability := range []Ability{Plain, Spends} {
		play(t, ability, func(t *testing.T, w *testCluster, a, b *node) {
			must(t, a.renew(nil))
			pass(time.Second)
			s := b.cluster.shareOf(key.Name)
			spec, _ := b.cluster.opt.Spec(key.Name)
			next, decision, err := b.cluster.decide(s, spec, b.board, "late")
			if decision != Granted || err != nil {
				t.Fatalf("got decision %v, %v, want granted", decision, err)
			}
			must(t, a.renew(func() error {
				pass(time.Second) // b sees the intent of a.
				done, err := b.cluster.put(t.Context(), s, next)
				if s.granted(done) || err != nil {
					t.Errorf("the intent of a was replaced: %v, %v", done, err)
				}
				refused(t, b.renew(nil), "a is renewing it")
				return nil
			}))
			pass(time.Second)
			w.same(2)
		})
	}
}

// A machine died during its call: the others continue as the kind allows.
func TestTakeover(t *testing.T) {
	for _, ability := range []Ability{Plain, Revokes, SpendsElse, Spends} {
		play(t, ability, func(t *testing.T, w *testCluster, a, b *node) {
			must(t, a.renew(nil))
			pass(time.Second)
			if err := a.renew(func() error { a.stop(); <-a.ended; return errDied }); !errors.Is(err, errDied) {
				t.Fatal(err)
			}
			pass(timeout)
			refused(t, b.renew(nil), "a is renewing it")
			pass(callGrace + 15*time.Second)
			for range 10 {
				err := b.renew(nil)
				pass(time.Second)
				if ability == Spends {
					refused(t, err, "--take-over")
				} else if err == nil {
					break
				}
			}
			if ability == Spends {
				b.mu.Lock()
				r := b.board
				b.mu.Unlock()
				if !r.Past.Parked || r.Past.Last == nil || r.Past.Last.Reason != credential.ReasonAmbiguous || r.Token().Generation != 1 {
					t.Errorf("%+v is not parked as ambiguous with what it holds", r.Past)
				}
				// The holder does not send the seed again either when it is back.
				a = w.start("a")
				for range 50 {
					if pass(100 * time.Millisecond); !parkedAmbiguous(b.record()) {
						t.Fatal("it is not parked any more, since the holder is back that knows no end either")
					}
				}
				refused(t, a.renew(nil), "--take-over")
				pass(time.Second)
				w.shown = map[string]int{} // the backend never saw the call
				b.cluster.TakeOver([]string{key.Name})
				must(t, b.renew(nil))
				pass(5 * time.Second)
				w.same(2)
				return
			}
			if b.board.Token().Generation != 2 {
				t.Errorf("ability %d: b holds generation %d", ability, b.board.Token().Generation)
			}
			w.start("a")
			pass(5 * time.Second)
			w.same(2)
		})
	}
}

// A machine that was stopped for longer than every deadline makes no call.
func TestAStoppedMachineIsTooLate(t *testing.T) {
	play(t, Plain, func(t *testing.T, _ *testCluster, a, _ *node) {
		ticket, err := a.cluster.Begin(t.Context(), key, a.board)
		must(t, err)
		late := ticket.(interface{ Lapsed() bool })
		if late.Lapsed() {
			t.Error("too late at once")
		}
		pass(callGrace + time.Second)
		if !late.Lapsed() {
			t.Error("it may still call")
		}
		must(t, ticket.Commit(t.Context(), a.board))
	})
}

func TestTheEngineIsAway(t *testing.T) {
	play(t, Plain, func(t *testing.T, w *testCluster, a, b *node) {
		must(t, a.renew(nil))
		pass(time.Second)
		w.kv.setAway("a", true)
		w.kv.setAway("b", true)
		pass(10 * time.Second)
		if a.cluster.Up() || a.cluster.AloneSince().IsZero() {
			t.Error("it is not known to be away")
		}
		must(t, a.renew(nil)) // plain ones are renewed alone
		pass(time.Second)
		must(t, b.renew(nil))
		pass(time.Second)
		must(t, b.renew(nil))
		pass(time.Second)
		must(t, a.renew(nil)) // issued last, with a lower generation than b's next
		w.kv.setAway("a", false)
		w.kv.setAway("b", false)
		pass(15 * time.Second)
		w.same(4)
		if v := b.board.Token().Values["v"].Reveal(); v != "value of s5" {
			t.Errorf("after healing all hold %q, want what was issued last", v)
		}
	})
	for _, ability := range []Ability{Revokes, SpendsElse, Spends} {
		play(t, ability, func(t *testing.T, w *testCluster, a, b *node) {
			must(t, a.renew(nil))
			pass(time.Second)
			w.kv.setAway("a", true)
			pass(10 * time.Second)
			refused(t, a.renew(nil), "the cluster's engine is away")
			must(t, b.renew(nil))
			w.kv.setAway("a", false)
			pass(15 * time.Second)
			w.same(2)
			must(t, a.renew(nil))
		})
	}
}

// An answer that could not be shared is shared when the engine is back.
func TestAnAnswerIsSharedLater(t *testing.T) {
	play(t, Spends, func(t *testing.T, w *testCluster, a, b *node) {
		must(t, a.renew(nil))
		pass(time.Second)
		must(t, a.renew(func() error { w.kv.setAway("a", true); return nil }))
		pass(2 * time.Minute)
		refused(t, b.renew(nil), "--take-over") // the outcome is unknown
		w.kv.setAway("a", false)
		pass(15 * time.Second)
		w.same(2)
		must(t, b.renew(nil))
		pass(time.Second)
		w.same(3)
	})
}

// A machine that crashed after its answer was durable knows the end of its call. Nobody
// has to decide anything, and nothing is renewed again.
func TestAnAnswerIsSharedAfterACrash(t *testing.T) {
	for _, ability := range []Ability{Plain, Spends} {
		play(t, ability, func(t *testing.T, w *testCluster, a, b *node) {
			must(t, a.renew(nil))
			pass(time.Second)
			must(t, a.renew(func() error { w.kv.setAway("a", true); return nil }))
			a.kill()
			w.kv.setAway("a", false)
			a = w.start("a")
			pass(5 * time.Second)
			w.same(2)
			if in := a.cluster.Status().Intents; len(in) > 0 {
				t.Errorf("the intents %v are left", in)
			}
			must(t, b.renew(nil))
			pass(time.Minute)
			w.same(3)
		})
	}
}

// A write whose answer is lost is read back.
func TestLostAnswersOfTheEngine(t *testing.T) {
	for _, f := range []fate{lostRequest, lostAnswer} {
		play(t, Spends, func(t *testing.T, w *testCluster, a, b *node) {
			must(t, a.renew(nil))
			pass(time.Second)
			times := 0
			w.kv.mu.Lock()
			w.kv.fate = func(node, op, k string) fate {
				if node == "a" && op == "swap" && strings.HasPrefix(k, credentialPrefix) && times < 2 {
					times++
					return f
				}
				return answeredFate
			}
			w.kv.mu.Unlock()
			for range 5 {
				if a.renew(nil) == nil {
					break
				}
				pass(3 * time.Second)
			}
			pass(5 * time.Second)
			w.same(2)
			must(t, b.renew(nil))
		})
	}
}

// A restored backup of the engine is overwritten.
func TestARestoredBackup(t *testing.T) {
	for _, gone := range []bool{false, true} {
		play(t, Spends, func(t *testing.T, w *testCluster, a, b *node) {
			must(t, a.renew(nil))
			pass(time.Second)
			old := w.kv.copy()
			if gone {
				old = map[string]Entry{}
			}
			must(t, b.renew(nil))
			pass(time.Second)
			must(t, a.renew(func() error {
				pass(time.Second)
				w.kv.restore(old, 3)
				pass(5 * time.Second)
				refused(t, b.renew(nil), "a is renewing it") // the intent is known
				return nil
			}))
			pass(15 * time.Second)
			w.same(3)
			said := strings.Join(append(a.said, b.said...), "\n")
			if !strings.Contains(said, "older than what is held") {
				t.Errorf("no warning about the older record:\n%s", said)
			}
			must(t, b.renew(nil))
		})
	}
}

func TestAnotherKey(t *testing.T) {
	play(t, Plain, func(t *testing.T, w *testCluster, a, _ *node) {
		must(t, a.renew(nil))
		pass(time.Second)
		before := w.kv.copy()
		c := w.start("c", func(o *Options) { o.Key = [32]byte{2} })
		pass(20 * time.Second)
		refused(t, c.renew(nil), "key of this machine differs")
		if err := c.cluster.Exclusive(t.Context(), "reload", time.Minute, func(context.Context) error { return nil }); err == nil || !contains(err.Error(), "key of this machine differs") {
			t.Errorf("a command with another key: %v", err)
		}
		after := w.kv.copy()
		for k, e := range after {
			if old, there := before[k]; !there || string(old.Value) != string(e.Value) {
				t.Errorf("it wrote %s", k)
			}
		}
		if !strings.Contains(strings.Join(c.said, "\n"), "cluster key differs") {
			t.Errorf("no warning about the key: %v", c.said)
		}
		c.kill()
		delete(w.nodes, "c")
		// Rotation: the old key still opens, the new one seals.
		d := w.start("d", func(o *Options) { o.Key, o.OldKeys = [32]byte{2}, [][32]byte{{1}} })
		pass(5 * time.Second)
		if d.board.Token().Generation != 1 {
			t.Error("the old key does not open")
		}
	})
}

// A forged record is overwritten by a machine that holds the real one.
func TestAForgedRecord(t *testing.T) {
	play(t, Spends, func(t *testing.T, w *testCluster, a, b *node) {
		must(t, a.renew(nil))
		pass(time.Second)
		w.kv.mu.Lock()
		w.kv.set(Entry{Key: "c/u6", Value: []byte("\x01 rubbish that is long enough to be a record of something")}, 1)
		w.kv.mu.Unlock()
		pass(5 * time.Second)
		var s Shared
		if err := a.cluster.keys.open("c/u6", w.kv.copy()["c/u6"].Value, &s); err != nil || s.Generation != 1 {
			t.Errorf("it holds %+v, %v", s, err)
		}
		must(t, b.renew(nil))
		pass(time.Second)
		w.same(2)
	})
}
