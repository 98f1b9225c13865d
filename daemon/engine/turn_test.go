package engine

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// stuck is a keeper whose writes block until an instant; with a name, only the writes
// of that name.
type stuck struct {
	*keeper
	until time.Time
	only  string
}

func (s *stuck) Save(ctx context.Context, key schedule.Key, r schedule.Record) error {
	if s.only == "" || s.only == key.Name {
		time.Sleep(time.Until(s.until))
	}
	return s.keeper.Save(ctx, key, r)
}

// crowd returns a plan with n credentials of one backend.
func crowd(n int, b *backend) *plan.Plan {
	backends := map[string]*backend{}
	for i := range n {
		backends[fmt.Sprintf("c%02d", i)] = b
	}
	return planOf(backends, nil)
}

// TestWhatASlowDiskHeldUpDoesNotArriveTogether counts calls at the backend: a slow disk
// may release attempts together that were started one by one.
func TestWhatASlowDiskHeldUpDoesNotArriveTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := living(time.Hour)
		specs := crowd(40, b)
		specs.Providers[0].Rates = []schedule.Rate{{Calls: 10, Per: time.Second}}
		specs.Providers[0].Concurrency = 40
		e := New(Options{Ledger: onDisk{&stuck{newKeeper(), time.Now().Add(5 * time.Second), ""}}, Observer: &witness{}})
		e.Install(plan.Between(&plan.Plan{}, specs), schedule.Memory{})
		_, stop := startEngine(t, e)
		pass(time.Minute)
		calls := b.times()
		slices.SortFunc(calls, time.Time.Compare)
		if len(calls) != 40 {
			t.Errorf("%d calls, want 40", len(calls))
		}
		for i := 10; i < len(calls); i++ {
			if within := calls[i].Sub(calls[i-10]); within < time.Second {
				t.Fatalf("11 calls within %s under a rate of 10 a second", within)
			}
		}
		stop()
	})
}

// TestAForwardStepOfTheClockGivesNoFreshBurst: the rate is enforced in elapsed time.
func TestAForwardStepOfTheClockGivesNoFreshBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := living(time.Hour)
		specs := crowd(60, b)
		specs.Providers[0].Rates = []schedule.Rate{{Calls: 20, Per: time.Minute}}
		clock := &settable{}
		e := New(Options{Ledger: onDisk{newKeeper()}, Observer: &witness{}})
		clock.give(e)
		var calls []time.Time
		answer := b.answer
		b.answer = func(ctx context.Context, n int, req credential.Request) (credential.Credential, error) {
			calls = append(calls, wall())
			return answer(ctx, n, req)
		}
		e.Install(plan.Between(&plan.Plan{}, specs), schedule.Memory{})
		_, stop := startEngine(t, e)
		for range 30 {
			pass(5 * time.Second)
			clock.step(time.Minute)
		}
		pass(2 * time.Minute)
		for i := 20; i < len(calls); i++ {
			if within := calls[i].Sub(calls[i-20]); within < time.Minute {
				t.Fatalf("21 calls within %s under a rate of 20 a minute", within)
			}
		}
		if len(calls) < 60 {
			t.Errorf("%d calls, want 60 at least", len(calls))
		}
		stop()
	})
}

// TestACallThatWasHeldUpKeepsOutOfAPause: while the intent of one call was being saved,
// the answer to another one asked all callers to wait.
func TestACallThatWasHeldUpKeepsOutOfAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, from := living(time.Hour), wall()
		tired := &backend{answer: func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
			if n > 1 {
				return token(n, req, time.Hour), nil
			}
			return credential.Credential{}, &credential.Fault{Reason: credential.ReasonThrottled, RetryAfter: req.At.Add(10 * time.Minute)}
		}}
		k, w := &stuck{newKeeper(), from.Add(5 * time.Second), "held"}, &witness{}
		e := New(Options{Ledger: onDisk{k}, Observer: w})
		e.Install(plan.Between(&plan.Plan{}, planOf(map[string]*backend{"held": b, "tired": tired}, nil)), schedule.Memory{})
		_, stop := startEngine(t, e)
		pass(9 * time.Minute)
		if n := b.count(); n != 0 {
			t.Errorf("%d calls within the pause", n)
		}
		if r := k.record(schedule.Obtaining, "held"); r.Past.Open || r.Past.Failures > 0 || len(w.of(Obtain, "held")) > 0 {
			t.Errorf("a call that was not made left its trace: %+v", r.Past)
		}
		pass(2 * time.Minute)
		if at := b.times(); len(at) != 1 || at[0].Sub(from) != 10*time.Minute {
			t.Errorf("calls at %v, want one at the end of the pause", at)
		}
		stop()
	})
}

// TestACallThatWasHeldUpComesNotOnTopOfOthers: the disk hung for so long that another
// attempt was started instead.
func TestACallThatWasHeldUpComesNotOnTopOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		b := living(time.Hour)
		answer := b.answer
		b.answer = func(ctx context.Context, n int, req credential.Request) (credential.Credential, error) {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			time.Sleep(25 * time.Second)
			return answer(ctx, n, req)
		}
		specs := planOf(map[string]*backend{"a": b, "b": b, "c": b}, nil)
		specs.Providers[0].Concurrency = 1
		k := &stuck{newKeeper(), wall().Add(time.Minute), "a"}
		e := New(Options{Ledger: onDisk{k}, Observer: &witness{}})
		e.Install(plan.Between(&plan.Plan{}, specs), schedule.Memory{})
		_, stop := startEngine(t, e)
		pass(3 * time.Minute)
		if most.Load() != 1 || b.count() != 3 {
			t.Errorf("%d calls, %d of them at once, want 3 one after the other", b.count(), most.Load())
		}
		stop()
	})
}
