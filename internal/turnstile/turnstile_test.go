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

// TestManyCallersTakeAFifth runs fifty callers that request work without pause.
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
			t.Errorf("got %d callers working at once, want 1", worst)
		}
		if total > 2*time.Second+took || total < time.Second {
			t.Errorf("the work took %s of 10s, want a little less than a fifth", total)
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
				t.Errorf("after %s of work: waited %s, want %s", took, got, want)
			}
		})
	}
}

func TestWhatIsDoneNeedsNoRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := New()
		_ = gate.Do(t.Context(), never, func() { pass(time.Second) })
		begun := time.Now()
		err := gate.Do(t.Context(), func() bool { return true }, func() { t.Error("the work ran although it was done") })
		if took := time.Since(begun); err != nil || took != 0 {
			t.Errorf("got %v after %s", err, took)
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
		for range 2 { // one waits for the pause, the other for its turn
			go func() { ended <- gate.Do(ctx, never, func() { t.Error("the work ran after its caller left") }) }()
		}
		synctest.Wait()
		giveUp(enough)
		for range 2 {
			if err := <-ended; err != enough { //nolint:errorlint // the cause itself
				t.Error(err)
			}
		}
	})
}

// TestPanicLeavesTheTurn: after a panic in the work the next caller gets its turn.
func TestPanicLeavesTheTurn(t *testing.T) {
	gate := New()
	func() {
		defer func() { _ = recover() }()
		_ = gate.Do(t.Context(), never, func() { panic("x") })
	}()
	done := false
	if err := gate.Do(t.Context(), never, func() { done = true }); err != nil || !done {
		t.Error("no caller got a turn after a panic")
	}
}

// pass waits on the fake clock.
func pass(d time.Duration) { <-time.After(d) }
