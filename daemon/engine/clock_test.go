package engine

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// wall returns the bubble's clock.
func wall() time.Time { return time.Now().Round(0) }

// settable is a wall clock that can be set, and a steady clock.
type settable struct {
	mu     sync.Mutex
	offset time.Duration
	began  time.Time
}

// give replaces the engine's clock before it runs.
func (c *settable) give(e *Engine) {
	c.began = wall()
	e.clock = func() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return wall().Add(c.offset) }
	e.steady = func() time.Duration { return wall().Sub(c.began) }
}

func (c *settable) step(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += by
}

// hourly answers with tokens that expire an hour after the request, by its clock.
func hourly() *backend {
	b := living(time.Hour)
	b.answer = func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
		c := token(n, req, time.Hour)
		c.CountedExpiry = true
		return c, nil
	}
	return b
}

// TestNoTokenLapsesWhenTheClockIsSet counts the calls by true time.
func TestNoTokenLapsesWhenTheClockIsSet(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, -48 * time.Hour, -30 * time.Minute, -5 * time.Second, time.Hour, 48 * time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clock, b, k := &settable{}, hourly(), newKeeper()
				var calls []time.Time // as it really is
				answer := b.answer
				b.answer = func(ctx context.Context, n int, req credential.Request) (credential.Credential, error) {
					calls = append(calls, wall())
					return answer(ctx, n, req)
				}
				e := New(Options{Ledger: onDisk{k}, Observer: &witness{}, Seed: 7})
				clock.give(e)
				e.Install(plan.Between(&plan.Plan{}, planOf(map[string]*backend{"a": b}, nil)), schedule.Memory{})
				_, stop := startEngine(t, e)
				time.Sleep(10 * time.Minute)
				clock.step(by)
				time.Sleep(time.Minute + time.Second)
				synctest.Wait()
				// The stored record is right too: a restart begins with it.
				stored := k.record(schedule.Obtaining, "a")
				if left := stored.Token().ExpiresAt.Sub(e.wall()); by < 0 && left > 50*time.Minute {
					t.Errorf("stored with %s to go", left)
				}
				time.Sleep(4 * time.Hour)
				stop()
				for i := 1; i < len(calls); i++ {
					if gap := calls[i].Sub(calls[i-1]); gap > time.Hour || gap < 30*time.Second {
						t.Errorf("call %d came %s after the one before", i, gap)
					}
				}
				// Every 45 minutes, and at most once more for the step.
				if n := len(calls); n < 6 || n > 7 {
					t.Errorf("%d calls in four hours", n)
				}
			})
		})
	}
}

// TestASetBackDelaysNothingOnThisMachine: checks of targets, hanging tasks and saves
// wait for the rest of their time, and no longer.
func TestASetBackDelaysNothingOnThisMachine(t *testing.T) {
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	steady := time.Duration(0)
	e := New(Options{Ledger: onDisk{newKeeper()}, Observer: &witness{}, Seed: 7})
	e.clock, e.steady = func() time.Time { return now }, func() time.Duration { return steady }
	e.now()
	e.running[schedule.Key{Name: "a"}] = &attempt{at: now}
	s := &sink{place: -1, repaired: momentOf(now)}
	e.sinks["s"] = s
	e.suspects.plan(s, now.Add(3*time.Second))
	e.unsaved.retryAt = now.Add(10 * time.Second)
	now, steady = now.Add(-time.Hour), time.Second
	got := e.now()
	late := func(what string, at time.Time, want time.Duration) {
		if left := at.Sub(got); left != want {
			t.Errorf("%s: %s from now, want %s", what, left, want)
		}
	}
	late("the start of a task", e.running[schedule.Key{Name: "a"}].at, -time.Second)
	late("the look at a sink", s.lookAt.time(), 2*time.Second)
	late("the last repair", s.repaired.time(), -time.Second)
	late("the next save", e.unsaved.retryAt, 9*time.Second)
}

func TestSmallStepsAddUp(t *testing.T) {
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	steady := time.Duration(0)
	b := hourly()
	e := New(Options{Ledger: onDisk{newKeeper()}, Observer: &witness{}, Seed: 7})
	course := &Course{From: now, Until: now}
	e.Begin(course)
	e.Install(plan.Between(&plan.Plan{}, planOf(map[string]*backend{"a": b}, nil)), schedule.Memory{})
	e.Play(t.Context(), course)
	e.clock, e.steady = func() time.Time { return now }, func() time.Duration { return steady }
	before, _ := e.board.Token("a")
	for range 1000 {
		now, steady = now.Add(time.Millisecond), steady+4*time.Millisecond
		e.now()
	}
	after, _ := e.board.Token("a")
	if by := before.ExpiresAt.Sub(after.ExpiresAt); by < 2990*time.Millisecond || by > 3*time.Second {
		t.Errorf("three seconds in steps of three milliseconds moved the life by %s", by)
	}
}

// TestAStepBackInsideASuspendIsSeen: the step is as long as the suspend, so that the
// wall clock alone shows neither.
func TestAStepBackInsideASuspendIsSeen(t *testing.T) {
	for slept, since := range map[time.Duration]time.Duration{
		time.Hour:        20 * time.Millisecond, // and just after the last reading
		30 * time.Minute: time.Second,
		2 * time.Hour:    time.Second,
	} {
		now, awake, asleep := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), time.Duration(0), time.Duration(0)
		e := New(Options{Ledger: onDisk{newKeeper()}, Observer: &witness{}})
		e.clock = func() time.Time { return now }
		e.steady = func() time.Duration { return awake }
		e.slept = func() time.Duration { return asleep }
		e.now()
		s := &sink{place: -1}
		e.sinks["s"] = s
		e.suspects.plan(s, now.Add(3*time.Hour))
		now, awake, asleep = now.Add(slept-time.Hour+since), since, slept
		got := e.now()
		if left, want := s.lookAt.time().Sub(got), 3*time.Hour-slept-since; left != want {
			t.Errorf("slept %s: due in %s, want %s", slept, left, want)
		}
	}
}

// TestASuspendDoesNotMakeACallLookAsIfItHung: its timeout does not advance either.
func TestASuspendDoesNotMakeACallLookAsIfItHung(t *testing.T) {
	now, awake, asleep := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), time.Duration(0), time.Duration(0)
	b := living(time.Hour)
	specs := planOf(map[string]*backend{"a": b, "b": b}, nil)
	specs.Providers[0].Concurrency = 1
	e := New(Options{Ledger: onDisk{newKeeper()}, Observer: &witness{}})
	e.clock = func() time.Time { return now }
	e.steady = func() time.Duration { return awake }
	e.slept = func() time.Duration { return asleep }
	started := 0
	step := func() {
		todo, _ := e.step(e.now())
		started += len(todo)
	}
	e.Install(plan.Between(&plan.Plan{}, specs), schedule.Memory{})
	step()
	now, awake, asleep = now.Add(9*time.Hour), time.Second, 8*time.Hour // slept for eight, and set forward by one
	step()
	if started != 1 {
		t.Errorf("%d calls at once after a suspend, allowed is one", started)
	}
	now, awake = now.Add(time.Hour), time.Hour
	if step(); started != 2 {
		t.Errorf("%d calls after one hung for an hour, want 2", started)
	}
}

// TestTheKernelTellsASuspend: without a suspend the kernel's clocks show none.
func TestTheKernelTellsASuspend(t *testing.T) {
	slept := sleeps()
	first := slept()
	for range 10_000 {
		if is := slept(); is != first {
			t.Fatalf("suspended for %s and then for %s, without a suspend", first, is)
		}
	}
}
