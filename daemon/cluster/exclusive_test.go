package cluster

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// One command of a name runs at a time on all machines, and none while the engine is
// away.
func TestOneCommandAtATime(t *testing.T) {
	play(t, Plain, func(t *testing.T, w *testCluster, a, b *node) {
		ran := 0
		command := func(context.Context) error { ran++; return nil }
		failed := errors.New("the command failed")
		err := a.cluster.Exclusive(t.Context(), "reload", time.Minute, func(context.Context) error {
			if err := b.cluster.Exclusive(t.Context(), "reload", time.Minute, command); err == nil || !strings.Contains(err.Error(), "waits for a") {
				t.Errorf("beside another one: %v", err)
			}
			must(t, b.cluster.Exclusive(t.Context(), "other", time.Minute, command))
			return failed
		})
		if !errors.Is(err, failed) || ran != 1 {
			t.Errorf("ended with %v after %d", err, ran)
		}
		must(t, b.cluster.Exclusive(t.Context(), "reload", time.Minute, command))
		w.kv.setAway("b", true)
		pass(10 * time.Second)
		if err := b.cluster.Exclusive(t.Context(), "reload", time.Minute, command); err == nil || ran != 2 {
			t.Errorf("while the engine is away: %v, %d", err, ran)
		}
	})
}

// The lock of a machine that died during its command outlasts the command's timeout, and
// ends by itself.
func TestALockOutlastsItsCommand(t *testing.T) {
	play(t, Plain, func(t *testing.T, w *testCluster, a, b *node) {
		const longest = time.Minute
		ran := 0
		command := func(context.Context) error { ran++; return nil }
		_ = a.cluster.Exclusive(t.Context(), "reload", longest, func(context.Context) error {
			w.kv.setAway("a", true)
			a.stop()
			<-a.ended
			return errDied
		})
		pass(longest)
		if err := b.cluster.Exclusive(t.Context(), "reload", longest, command); err == nil || !strings.Contains(err.Error(), "waits for a") {
			t.Errorf("within the timeout of the command of a machine that died: %v", err)
		}
		pass(exclusiveSlack + 2*time.Second)
		must(t, b.cluster.Exclusive(t.Context(), "reload", longest, command))
		if ran != 1 {
			t.Errorf("ran %d times, want once", ran)
		}
	})
}

// A lock whose release did not reach the engine is released once the engine is back,
// although its machine lives and runs no further command.
func TestAReleaseThatIsLostIsMadeUpFor(t *testing.T) {
	play(t, Plain, func(t *testing.T, w *testCluster, a, b *node) {
		const longest = 10 * time.Minute
		ran := 0
		must(t, a.cluster.Exclusive(t.Context(), "reload", longest, func(context.Context) error {
			w.kv.setAway("a", true)
			ran++
			return nil
		}))
		pass(10 * time.Second)
		w.kv.setAway("a", false)
		pass(10 * time.Second)
		must(t, b.cluster.Exclusive(t.Context(), "reload", longest, func(context.Context) error { ran++; return nil }))
		if ran != 2 {
			t.Errorf("ran %d times, want twice", ran)
		}
	})
}

// A release that is late does not end the lock of the command after it.
func TestALateReleaseEndsNoOtherLock(t *testing.T) {
	play(t, Plain, func(t *testing.T, w *testCluster, a, b *node) {
		nothing := func(context.Context) error { return nil }
		lost := atomic.Bool{}
		lost.Store(true)
		w.kv.mu.Lock()
		w.kv.fate = func(_, op, _ string) fate {
			if op == "remove" && lost.Load() {
				return lostRequest
			}
			return answeredFate
		}
		w.kv.mu.Unlock()
		must(t, a.cluster.Exclusive(t.Context(), "reload", time.Minute, nothing))
		must(t, a.cluster.Exclusive(t.Context(), "reload", time.Minute, func(context.Context) error {
			lost.Store(false)
			pass(10 * time.Second)
			if err := b.cluster.Exclusive(t.Context(), "reload", time.Minute, nothing); err == nil {
				t.Error("two commands ran at once")
			}
			return nil
		}))
		must(t, b.cluster.Exclusive(t.Context(), "reload", time.Minute, nothing))
	})
}
