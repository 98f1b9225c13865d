package turnstile

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func never() bool { return false }

// TestManyCallersTakeAFifth has fifty callers ask for work without a pause.
func TestManyCallersTakeAFifth(t *testing.T) {
	const took = 20 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		gate := New()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var callers sync.WaitGroup
		var mu sync.Mutex
		working, worst := 0, 0
		var total time.Duration
		for range 50 {
			callers.Go(func() {
				for gate.Do(ctx, never, func() {
					mu.Lock()
					working++
					worst = max(worst, working)
					total += took
					mu.Unlock()
					pass(took)
					mu.Lock()
					working--
					mu.Unlock()
				}) == nil {
				}
			})
		}
		callers.Wait()
		if worst != 1 {
			t.Errorf("%d worked at once", worst)
		}
		if total > 2*time.Second+took || total < time.Second {
			t.Errorf("the work took %s of 10s, want a fifth at most, and not much less", total)
		}
	})
}

func TestRestIsBoundedAndShortWorkHasNone(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{time.Minute: longestRest, tooShort: 0, 100 * time.Millisecond: 400 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			gate := New()
			if err := gate.Do(t.Context(), never, func() { pass(took) }); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			if err := gate.Do(t.Context(), never, func() {}); err != nil {
				t.Fatal(err)
			}
			if got := time.Since(begun); got != want {
				t.Errorf("after %s of work the next one waited %s, want %s", took, got, want)
			}
		})
	}
}

func TestWhatIsDoneNeedsNoRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := New()
		_ = gate.Do(t.Context(), never, func() { pass(time.Second) })
		begun := time.Now()
		err := gate.Do(t.Context(), func() bool { return true }, func() { t.Error("it was done already") })
		if took := time.Since(begun); err != nil || took != 0 {
			t.Errorf("returned after %s with %v", took, err)
		}
	})
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	enough := errors.New("enough")
	synctest.Test(t, func(t *testing.T) {
		gate := New()
		_ = gate.Do(t.Context(), never, func() { pass(time.Second) })
		ctx, giveUp := context.WithCancelCause(t.Context())
		ended := make(chan error, 2)
		for range 2 { // one rests, the other waits for its turn
			go func() { ended <- gate.Do(ctx, never, func() { t.Error("nobody waits any more") }) }()
		}
		synctest.Wait()
		giveUp(enough)
		for range 2 {
			if err := <-ended; err != enough { //nolint:errorlint // itself, not something around it
				t.Error(err)
			}
		}
	})
}

// A panic of the work leaves the turn to the next.
func TestPanicLeavesTheTurn(t *testing.T) {
	gate := New()
	func() {
		defer func() { _ = recover() }()
		_ = gate.Do(t.Context(), never, func() { panic("x") })
	}()
	done := false
	if err := gate.Do(t.Context(), never, func() { done = true }); err != nil || !done {
		t.Error("nobody got a turn after a panic")
	}
}

// pass lets time pass.
func pass(d time.Duration) { <-time.After(d) }
