package cluster

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// An intent whose call is not made, as when its machine stops, is released at once: the
// next machine calls without waiting for anything, and reads nothing back.
func TestAReleasedIntentHoldsNobodyUp(t *testing.T) {
	for _, ability := range []Ability{Plain, Revokes, SpendsElse, Spends} {
		play(t, ability, func(t *testing.T, w *testCluster, a, b *node) {
			must(t, a.renew(nil))
			pass(time.Second)
			before := a.record()
			ticket, err := a.cluster.Begin(t.Context(), key, schedule.Begin(before, time.Now()))
			must(t, err)
			refused(t, b.renew(nil), "a is renewing it")
			must(t, ticket.Commit(t.Context(), before))
			a.cluster.Flush(t.Context())
			a.kill()
			delete(w.nodes, "a")
			pass(300 * time.Millisecond)
			must(t, b.renew(nil))
			if w.lost > 0 || b.record().Token().Generation != 2 {
				t.Errorf("ability %d: got %d calls after a lost answer and generation %d, want none and 2", ability, w.lost, b.record().Token().Generation)
			}
		})
	}
}

// What revokes is read back, and what spends is replaced by a login, only after a call
// whose end is unknown: not after a success, a failure or a restart.
func TestOnlyAnUnknownCallIsReadBack(t *testing.T) {
	for _, ability := range []Ability{Revokes, SpendsElse} {
		play(t, ability, func(t *testing.T, w *testCluster, a, b *node) {
			lost := func(after string, want int) {
				t.Helper()
				if pass(time.Second); w.lost != want {
					t.Errorf("ability %d, after %s: got %d calls after a lost answer, want %d", ability, after, w.lost, want)
				}
			}
			must(t, b.renew(nil)) // the first one of all
			lost("the first renewal", 0)
			must(t, a.renew(nil))
			lost("one of another machine", 0)
			if err := a.renew(func() error { return errRefused }); !errors.Is(err, errRefused) {
				t.Fatal(err)
			}
			lost("a failure that the backend tells", 0)
			w.shown = map[string]int{} // it did not accept the seed
			must(t, b.renew(nil))
			lost("a failure that the backend tells", 0)
			a.kill()
			a = w.start("a")
			pass(5 * time.Second)
			must(t, a.renew(nil))
			lost("a restart", 0)
			if err := a.renew(func() error { return errors.New("the answer is lost") }); err == nil {
				t.Fatal("a lost answer is not an answer")
			}
			pass(5 * time.Second)
			if !b.record().Past.Open {
				t.Errorf("ability %d: b does not know of the lost answer", ability)
			}
			must(t, b.renew(nil))
			lost("a lost answer", 1)
			must(t, a.renew(nil))
			must(t, a.renew(nil))
			lost("a call after a lost answer", 1)
			w.same(b.record().Token().Generation)
		})
	}
}

// The answer is durable on the machine before it is shared.
func TestAnAnswerIsSavedBeforeItIsShared(t *testing.T) {
	play(t, Spends, func(t *testing.T, w *testCluster, a, b *node) {
		must(t, a.renew(nil))
		pass(time.Second)
		before := a.record()
		granted, err := a.cluster.Begin(t.Context(), key, schedule.Begin(before, time.Now()))
		must(t, err)
		saved := false
		own, ok := granted.(*ticket)
		if !ok {
			t.Fatalf("got a %T", granted)
		}
		own.local = savedFirst{func() {
			saved = true
			if s := w.shared(t); s.Generation != 1 || s.Intent.Node != "a" {
				t.Errorf("shared generation %d with the intent of %q before it is saved", s.Generation, s.Intent.Node)
			}
		}}
		r := before
		held := r.Token()
		held.Credential = credential.Credential{Generation: 2, IssuedAt: time.Now(), Values: held.Values, Seed: held.Seed}
		r.Part = held
		must(t, granted.Commit(t.Context(), r))
		if s := w.shared(t); !saved || s.Generation != 2 || !s.Intent.None() {
			t.Errorf("saved %v, shared generation %d, intent %+v", saved, s.Generation, s.Intent)
		}
	})
}

// savedFirst is a local ledger that looks around while it saves.
type savedFirst struct{ look func() }

func (s savedFirst) Commit(context.Context, schedule.Record) error { s.look(); return nil }

// shared returns what the engine holds of the credential.
func (w *testCluster) shared(t *testing.T) (s Shared) {
	t.Helper()
	k, err := newKeyring("/test", [32]byte{1})
	must(t, err)
	must(t, k.open("c/u6", w.kv.copy()["c/u6"].Value, &s))
	return s
}

// A person takes over a call whose end is unknown, but the machine stops before it calls:
// the end is still unknown, and no other machine sends the seed.
func TestAReleasedTakeoverLeavesTheEndUnknown(t *testing.T) {
	play(t, Spends, func(t *testing.T, w *testCluster, a, b *node) {
		must(t, a.renew(nil))
		pass(time.Second)
		if err := a.renew(func() error { a.stop(); <-a.ended; return errDied }); !errors.Is(err, errDied) {
			t.Fatal(err)
		}
		pass(timeout + callGrace + 15*time.Second)
		b.cluster.TakeOver([]string{key.Name})
		before := b.record()
		granted, err := b.cluster.Begin(t.Context(), key, schedule.Begin(before, b.now()))
		must(t, err)
		must(t, granted.Commit(t.Context(), before))
		pass(time.Second)
		c := w.start("c")
		pass(5 * time.Second)
		for _, n := range []*node{b, c} {
			refused(t, n.renew(nil), "--take-over")
		}
		w.shown = map[string]int{} // the backend never saw the first call
		c.cluster.TakeOver([]string{key.Name})
		must(t, c.renew(nil))
		pass(time.Second)
		must(t, b.renew(nil)) // and then it is known
	})
}

// A seed that a person brings on one machine is not replaced by the record of the machine
// that died in its call, when that comes back.
func TestASeedOfAPersonStays(t *testing.T) {
	play(t, Spends, func(t *testing.T, w *testCluster, a, b *node) {
		must(t, a.renew(nil))
		pass(time.Minute)
		if err := a.renew(func() error { a.stop(); <-a.ended; return errDied }); !errors.Is(err, errDied) {
			t.Fatal(err)
		}
		pass(timeout + callGrace + 15*time.Second)
		withdraw := b.cluster.TakeOver([]string{key.Name})
		before := b.record()
		granted, err := b.cluster.Begin(t.Context(), key, before)
		must(t, err)
		r := before
		held := r.Token()
		held.Seed = map[string]credential.Secret{"s": credential.NewSecret("brought")}
		r.Part, r.Past.Parked, r.Past.Last = held, false, nil
		must(t, granted.Commit(t.Context(), r))
		withdraw()
		b.mu.Lock()
		b.board = r
		b.mu.Unlock()
		pass(5 * time.Second)
		a = w.start("a")
		pass(5 * time.Second)
		for _, n := range []*node{a, b} {
			if got := n.record(); got.Token().Seed["s"].Reveal() != "brought" || got.Past.Parked || got.Past.Open {
				t.Errorf("%s holds the seed %q, parked %v, open %v", n.name, got.Token().Seed["s"].Reveal(), got.Past.Parked, got.Past.Open)
			}
		}
		must(t, a.renew(nil))
		pass(time.Second)
		w.same(2)
	})
}
