package cluster

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
)

func contains(text, words string) bool { return strings.Contains(text, words) }

// play runs a story in a bubble.
func play(t *testing.T, ability Ability, story func(t *testing.T, w *world, a, b *node)) {
	t.Helper()
	playGraced(t, ability, 0, story)
}

// playGraced is play with a backend that takes a seed again for a while.
func playGraced(t *testing.T, ability Ability, grace time.Duration, story func(t *testing.T, w *world, a, b *node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, ability)
		w.grace = grace
		defer w.end()
		a, b := w.start("a"), w.start("b")
		settle(5 * time.Second)
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
	play(t, Spends, func(t *testing.T, w *world, a, b *node) {
		must(t, a.renew(nil))
		settle(time.Second)
		w.same(1)
		must(t, b.renew(nil))
		settle(time.Second)
		w.same(2)
		c := w.start("c") // Joins later, with an empty disk.
		settle(5 * time.Second)
		w.same(2)
		must(t, c.renew(nil))
		settle(time.Second)
		w.same(3)
	})
}

// While one calls, the others do not.
func TestOneCallAtATime(t *testing.T) {
	for _, ability := range []Ability{Plain, Revokes, SpendsElse, Spends} {
		play(t, ability, func(t *testing.T, w *world, a, b *node) {
			must(t, a.renew(nil))
			settle(time.Second)
			must(t, a.renew(func() error {
				refused(t, b.renew(nil), "a is renewing it")
				settle(20 * time.Second)
				refused(t, b.renew(nil), "a is renewing it")
				return nil
			}))
			settle(time.Second)
			w.same(2)
			must(t, b.renew(nil))
		})
	}
}

// What was judged before another machine's intent was seen does not replace it:
// the compare-and-swap is against the revision that was judged.
func TestAJudgementDoesNotReplaceWhatCameAfterIt(t *testing.T) {
	for _, ability := range []Ability{Plain, Spends} {
		play(t, ability, func(t *testing.T, w *world, a, b *node) {
			must(t, a.renew(nil))
			settle(time.Second)
			s := b.cluster.shareOf(key.Name)
			spec, _ := b.cluster.opt.Spec(key.Name)
			next, verdict, err := b.cluster.judge(s, spec, b.board, "late")
			if verdict != Granted || err != nil {
				t.Fatalf("judged %v, %v", verdict, err)
			}
			must(t, a.renew(func() error {
				settle(time.Second) // b sees the intent of a.
				done, err := b.cluster.put(t.Context(), s, next)
				if s.granted(done) || err != nil {
					t.Errorf("the intent of a was replaced: %v, %v", done, err)
				}
				refused(t, b.renew(nil), "a is renewing it")
				return nil
			}))
			settle(time.Second)
			w.same(2)
		})
	}
}

// A machine that died in its call: the others go on as the kind allows.
func TestTakeover(t *testing.T) {
	for _, ability := range []Ability{Plain, Revokes, SpendsElse, Spends} {
		play(t, ability, func(t *testing.T, w *world, a, b *node) {
			must(t, a.renew(nil))
			settle(time.Second)
			if err := a.renew(func() error { a.stop(); <-a.ended; return errDied }); !errors.Is(err, errDied) {
				t.Fatal(err)
			}
			settle(timeout)
			refused(t, b.renew(nil), "a is renewing it")
			settle(callGrace + 15*time.Second)
			for range 10 {
				err := b.renew(nil)
				settle(time.Second)
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
				// Nor does the holder show the seed again when it is back.
				a = w.start("a")
				settle(5 * time.Second)
				refused(t, a.renew(nil), "--take-over")
				settle(time.Second)
				w.shown = map[string]int{} // The backend never saw the call.
				b.cluster.TakeOver([]string{key.Name})
				must(t, b.renew(nil))
				settle(5 * time.Second)
				w.same(2)
				return
			}
			if b.board.Token().Generation != 2 {
				t.Errorf("ability %d: b holds generation %d", ability, b.board.Token().Generation)
			}
			w.start("a")
			settle(5 * time.Second)
			w.same(2)
		})
	}
}

// A machine that was stopped for longer than every deadline makes no call.
func TestAStoppedMachineIsTooLate(t *testing.T) {
	play(t, Plain, func(t *testing.T, _ *world, a, _ *node) {
		ticket, err := a.cluster.Begin(t.Context(), key, a.board)
		must(t, err)
		late := ticket.(interface{ Lapsed() bool })
		if late.Lapsed() {
			t.Error("too late at once")
		}
		settle(callGrace + time.Second)
		if !late.Lapsed() {
			t.Error("it may still call")
		}
		must(t, ticket.Commit(t.Context(), a.board))
	})
}

func TestTheEngineIsAway(t *testing.T) {
	play(t, Plain, func(t *testing.T, w *world, a, b *node) {
		must(t, a.renew(nil))
		settle(time.Second)
		w.kv.setAway("a", true)
		w.kv.setAway("b", true)
		settle(10 * time.Second)
		if a.cluster.Up() || a.cluster.AloneSince().IsZero() {
			t.Error("it is not known to be away")
		}
		must(t, a.renew(nil)) // Plain ones are renewed alone.
		settle(time.Second)
		must(t, b.renew(nil))
		settle(time.Second)
		must(t, b.renew(nil))
		settle(time.Second)
		must(t, a.renew(nil)) // Issued last, with a lower generation than b's next.
		w.kv.setAway("a", false)
		w.kv.setAway("b", false)
		settle(15 * time.Second)
		w.same(4)
		if v := b.board.Token().Values["v"].Reveal(); v != "value of s5" {
			t.Errorf("after healing all hold %q, want what was issued last", v)
		}
	})
	for _, ability := range []Ability{Revokes, SpendsElse, Spends} {
		play(t, ability, func(t *testing.T, w *world, a, b *node) {
			must(t, a.renew(nil))
			settle(time.Second)
			w.kv.setAway("a", true)
			settle(10 * time.Second)
			refused(t, a.renew(nil), "the cluster's engine is away")
			must(t, b.renew(nil))
			w.kv.setAway("a", false)
			settle(15 * time.Second)
			w.same(2)
			must(t, a.renew(nil))
		})
	}
}

// An answer that could not be shared is shared when the engine is back.
func TestAnAnswerIsSharedLater(t *testing.T) {
	play(t, Spends, func(t *testing.T, w *world, a, b *node) {
		must(t, a.renew(nil))
		settle(time.Second)
		must(t, a.renew(func() error { w.kv.setAway("a", true); return nil }))
		settle(2 * time.Minute)
		refused(t, b.renew(nil), "--take-over") // Nobody can know.
		w.kv.setAway("a", false)
		settle(15 * time.Second)
		w.same(2)
		must(t, b.renew(nil))
		settle(time.Second)
		w.same(3)
	})
}

// A write whose answer is lost is read back.
func TestLostAnswersOfTheEngine(t *testing.T) {
	for _, f := range []fate{lostRequest, lostAnswer} {
		play(t, Spends, func(t *testing.T, w *world, a, b *node) {
			must(t, a.renew(nil))
			settle(time.Second)
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
				settle(3 * time.Second)
			}
			settle(5 * time.Second)
			w.same(2)
			must(t, b.renew(nil))
		})
	}
}

// A backup of the engine that is brought back is written over.
func TestARestoredBackup(t *testing.T) {
	for _, gone := range []bool{false, true} {
		play(t, Spends, func(t *testing.T, w *world, a, b *node) {
			must(t, a.renew(nil))
			settle(time.Second)
			old := w.kv.copy()
			if gone {
				old = map[string]Entry{}
			}
			must(t, b.renew(nil))
			settle(time.Second)
			must(t, a.renew(func() error {
				settle(time.Second)
				w.kv.restore(old, 3)
				settle(5 * time.Second)
				refused(t, b.renew(nil), "a is renewing it") // The intent is known.
				return nil
			}))
			settle(15 * time.Second)
			w.same(3)
			said := strings.Join(append(a.said, b.said...), "\n")
			if !strings.Contains(said, "older than what is held") {
				t.Errorf("it is not said:\n%s", said)
			}
			must(t, b.renew(nil))
		})
	}
}

func TestAnotherKey(t *testing.T) {
	play(t, Plain, func(t *testing.T, w *world, a, _ *node) {
		must(t, a.renew(nil))
		settle(time.Second)
		before := w.kv.copy()
		c := w.start("c", func(o *Options) { o.Key = [32]byte{2} })
		settle(20 * time.Second)
		refused(t, c.renew(nil), "key of this machine differs")
		after := w.kv.copy()
		for k, e := range after {
			if old, there := before[k]; !there || string(old.Value) != string(e.Value) {
				t.Errorf("it wrote %s", k)
			}
		}
		if !strings.Contains(strings.Join(c.said, "\n"), "cluster key differs") {
			t.Errorf("it is not said: %v", c.said)
		}
		c.kill()
		delete(w.nodes, "c")
		// Rotation: the old key opens, the new one seals.
		d := w.start("d", func(o *Options) { o.Key, o.OldKeys = [32]byte{2}, [][32]byte{{1}} })
		settle(5 * time.Second)
		if d.board.Token().Generation != 1 {
			t.Error("the old key does not open")
		}
	})
}

// One record that was forged is written anew by who holds it.
func TestAForgedRecord(t *testing.T) {
	play(t, Spends, func(t *testing.T, w *world, a, b *node) {
		must(t, a.renew(nil))
		settle(time.Second)
		w.kv.mu.Lock()
		w.kv.set(Entry{Key: "c/u6", Value: []byte("\x01 rubbish that is long enough to be a record of something")}, 1)
		w.kv.mu.Unlock()
		settle(5 * time.Second)
		var s Shared
		if err := a.cluster.keys.open("c/u6", w.kv.copy()["c/u6"].Value, &s); err != nil || s.Generation != 1 {
			t.Errorf("it holds %+v, %v", s, err)
		}
		must(t, b.renew(nil))
		settle(time.Second)
		w.same(2)
	})
}
