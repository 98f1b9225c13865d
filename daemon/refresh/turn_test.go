package refresh

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/daemon/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// stuck is a keeper whose disk takes no write until an instant.
type stuck struct {
	*keeper
	until time.Time
}

func (s *stuck) Save(ctx context.Context, key schedule.Key, r schedule.Record) error {
	time.Sleep(time.Until(s.until))
	return s.keeper.Save(ctx, key, r)
}

// crowd is a plan of so many credentials of one backend.
func crowd(n int, b *backend) *Plan {
	backends := map[string]*backend{}
	for i := range n {
		backends[fmt.Sprintf("c%02d", i)] = b
	}
	return planOf(backends, nil)
}

// TestWhatASlowDiskHeldUpDoesNotArriveTogether counts at the backend: attempts
// that were handed out one by one may go on together.
func TestWhatASlowDiskHeldUpDoesNotArriveTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := living(time.Hour)
		plan := crowd(40, b)
		plan.Providers[0].Rates = []schedule.Rate{{Calls: 10, Per: time.Second}}
		plan.Providers[0].Concurrency = 40
		e := New(Options{Keeper: &stuck{newKeeper(), time.Now().Add(5 * time.Second)}, Observer: &witness{}})
		e.Install(plan, schedule.Memory{})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); e.Run(ctx) }()
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
		<-ended
	})
}

// TestAForwardStepOfTheClockGivesNoFreshBurst: the rate is kept by the time that
// really passed.
func TestAForwardStepOfTheClockGivesNoFreshBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := living(time.Hour)
		plan := crowd(60, b)
		plan.Providers[0].Rates = []schedule.Rate{{Calls: 20, Per: time.Minute}}
		clock := &settable{}
		e := New(Options{Keeper: newKeeper(), Observer: &witness{}})
		clock.give(e)
		var calls []time.Time
		answer := b.answer
		b.answer = func(ctx context.Context, n int, req credential.Request) (credential.Credential, error) {
			calls = append(calls, wall())
			return answer(ctx, n, req)
		}
		e.Install(plan, schedule.Memory{})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); e.Run(ctx) }()
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
		<-ended
	})
}
