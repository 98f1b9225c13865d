package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
)

func TestThrottlingIsSharedAndKeptOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := living(time.Hour), living(time.Hour)
		throttle := func(ctx context.Context, n int, req credential.Request) (credential.Credential, error) {
			return credential.Credential{}, &credential.Fault{Reason: credential.ReasonThrottled, RetryAfter: req.At.Add(20 * time.Minute)}
		}
		a.answer = throttle
		specs := planOf(map[string]*backend{"a": a, "b": b}, nil)
		specs.Providers[0].Concurrency = 1
		k := newKeeper()
		start := time.Now()
		r := launch(t, specs, k)
		pass(time.Minute)
		if v := r.mustView(t); !v.Providers[0].CooldownUntil.Equal(start.Add(20 * time.Minute)) {
			t.Fatalf("cool-down until %s, want 20 minutes after %s", v.Providers[0].CooldownUntil, start)
		}
		before := b.count() // b may have been first in the queue
		r.stop()
		r = launch(t, specs, k)
		defer r.stop()
		pass(18 * time.Minute)
		if a.count() != 1 || b.count() != before {
			t.Fatalf("%d and %d calls during the cool-down, want 1 and %d", a.count(), b.count(), before)
		}
		a.mu.Lock()
		a.answer = living(time.Hour).answer
		a.mu.Unlock()
		pass(2 * time.Minute)
		if a.count() != 2 {
			t.Errorf("%d calls after the cool-down, want 2", a.count())
		}
	})
}

func TestHangingSinkHoldsNobodyBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := living(time.Hour)
		specs := planOf(map[string]*backend{"a": b}, nil)
		hang := make(chan struct{})
		var stuck []*place
		for i := range 200 {
			p := &place{hang: hang}
			stuck = append(stuck, p)
			specs.Sinks = append(specs.Sinks, plan.Sink{Name: fmt.Sprintf("stuck-%03d", i), Needs: []string{"a"}, Target: "1", Sink: p})
		}
		good := &place{}
		specs.Sinks = append(specs.Sinks, plan.Sink{Name: "z-good", Needs: []string{"a"}, Target: "1", Sink: good})
		r := launch(t, specs, nil)
		pass(2 * time.Minute)
		if good.holds() != "a=value-1\n" {
			t.Fatalf("the good sink holds %q beside hanging ones", good.holds())
		}
		pass(46 * time.Minute)
		if good.holds() != "a=value-2\n" {
			t.Fatalf("the good sink holds %q after a renewal beside hanging ones", good.holds())
		}
		for _, s := range r.mustView(t).Sinks {
			if s.Name != "z-good" && (s.State != Failing || s.LastError.Reason != credential.ReasonTimeout) {
				t.Fatalf("hanging sink %s is shown %s %+v", s.Name, s.State, s.LastError)
			}
		}
		close(hang)
		pass(time.Minute)
		for i, p := range stuck {
			if p.holds() != "a=value-2\n" {
				t.Fatalf("sink %d holds %q after it woke, want the newest value", i, p.holds())
			}
		}
		r.stop()
	})
}

// Sinks of one device wait for each other, but not for those of another.
func TestSinksOfADeviceShareABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		specs, hang := planOf(map[string]*backend{"a": living(time.Hour)}, nil), make(chan struct{})
		for i := range 20 {
			specs.Sinks = append(specs.Sinks, plan.Sink{Name: fmt.Sprintf("stuck-%02d", i), Device: "0:50", Needs: []string{"a"}, Target: "1", Sink: &place{hang: hang}})
		}
		good := &place{}
		specs.Sinks = append(specs.Sinks, plan.Sink{Name: "z-good", Device: "8:1", Needs: []string{"a"}, Target: "1", Sink: good})
		r := launch(t, specs, nil)
		pass(time.Second)
		if good.holds() != "a=value-1\n" {
			t.Errorf("the good sink holds %q beside another device", good.holds())
		}
		if got := len(r.running); got != sinksOnADevice {
			t.Errorf("%d deliveries under way on the device, want %d", got, sinksOnADevice)
		}
		close(hang)
		r.stop()
	})
}

func TestPanicsAreContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad, good := living(time.Hour), living(time.Hour)
		bad.answer = func(context.Context, int, credential.Request) (credential.Credential, error) {
			panic("canary-in-a-panic")
		}
		r := launch(t, planOf(map[string]*backend{"bad": bad, "good": good}, map[string]*place{"good": {}}), nil)
		defer r.stop()
		pass(10 * time.Minute)
		v := r.mustView(t)
		if v.Credentials[0].State != Pending || v.Credentials[0].LastError.Reason != credential.ReasonInternal {
			t.Errorf("the panicking one: %+v", v.Credentials[0])
		}
		if v.Credentials[1].State != Valid || v.Sinks[0].State != Delivered {
			t.Errorf("the other one: %s, sink %s", v.Credentials[1].State, v.Sinks[0].State)
		}
		outcomes := r.witness.of(Obtain, "bad")
		if len(outcomes) < 3 || len(outcomes) > 6 {
			t.Errorf("%d attempts in 10 minutes, want a backoff", len(outcomes))
		}
		for _, o := range outcomes {
			if !o.Panicked || o.Stack == "" {
				t.Errorf("outcome does not tell of the panic: %+v", o)
			}
			if text := fmt.Sprintf("%+v %s", o, o.Fault.Error()); containsCanary(text) {
				t.Error("the outcome shows the value of the panic")
			}
		}
	})
}

func containsCanary(text string) bool {
	for i := range len(text) - len("canary") + 1 {
		if text[i:i+len("canary")] == "canary" {
			return true
		}
	}
	return false
}

func TestPreflightKeepsALiveTokenFromBeingKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := living(time.Hour), &place{}
		b.revokes = true
		s.refuse = errors.New("read-only")
		r := launch(t, planOf(map[string]*backend{"a": b}, map[string]*place{"a": s}), nil)
		defer r.stop()
		pass(2 * time.Minute)
		v := r.mustView(t)
		if b.count() != 0 {
			t.Fatalf("%d calls though the sink cannot take the value", b.count())
		}
		if v.Credentials[0].LastError.Reason != credential.ReasonInternal || v.Sinks[0].State != Failing {
			t.Errorf("shown as %+v and %s", v.Credentials[0].LastError, v.Sinks[0].State)
		}
		attempts := len(r.witness.of(Obtain, "a"))
		if attempts < 6 || attempts > 10 {
			t.Errorf("%d preflights in two minutes, want 1 s doubling to 30 s", attempts)
		}
		s.set(func(p *place) { p.refuse = nil })
		pass(31 * time.Second)
		v = r.mustView(t)
		if b.count() != 1 || v.Sinks[0].State != Delivered || v.Credentials[0].State != Valid {
			t.Errorf("after the fix: %d calls, sink %s, credential %s", b.count(), v.Sinks[0].State, v.Credentials[0].State)
		}
	})
}

func TestFailedDeliveryIsRetriedAloneWithTheStoredToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, bad, good := living(time.Hour), &place{fail: errors.New("full")}, &place{}
		specs := planOf(map[string]*backend{"a": b}, map[string]*place{"a": bad})
		specs.Sinks = append(specs.Sinks, plan.Sink{Name: "other", Needs: []string{"a"}, Target: "1", Sink: good})
		r := launch(t, specs, nil)
		defer r.stop()
		pass(20 * time.Minute)
		if b.count() != 1 || good.holds() != "a=value-1\n" {
			t.Fatalf("%d calls, other sink holds %q", b.count(), good.holds())
		}
		if n := len(r.witness.of(Deliver, "a")); n < 40 || n > 46 {
			t.Errorf("%d tries in 20 minutes, want 1 s doubling to 30 s", n)
		}
		bad.set(func(p *place) { p.fail = nil })
		pass(30 * time.Second)
		if bad.holds() != "a=value-1\n" || b.count() != 1 {
			t.Errorf("after the fix: the sink holds %q after %d calls", bad.holds(), b.count())
		}
	})
}

// breaking is a place whose first delivery panics after the write.
type breaking struct {
	*place
	broken bool
}

func (b *breaking) Deliver(ctx context.Context, set credential.Set) (bool, error) {
	changed, err := b.place.Deliver(ctx, set)
	if !b.broken {
		b.broken = true
		panic("after the write")
	}
	return changed, err
}

func TestFailingHookDoesNotMakeTheSinkUndelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := living(time.Hour), &place{}
		fails := 3
		h := &reload{}
		h.run = func(context.Context) error {
			if fails--; fails >= 0 {
				return errors.New("exit 1")
			}
			return nil
		}
		specs := planOf(map[string]*backend{"a": b}, map[string]*place{"a": s})
		specs.Sinks[0].Hook = h
		r := launch(t, specs, nil)
		defer r.stop()
		pass(time.Second / 2)
		if v := r.mustView(t).Sinks[0]; v.State != Delivered || v.HookError == nil || !v.HookOwed {
			t.Errorf("while the hook fails: %+v", v)
		}
		pass(20 * time.Minute)
		if v := r.mustView(t).Sinks[0]; v.HookError != nil || v.HookOwed || h.count() != 4 {
			t.Errorf("after it healed: %+v, %d runs", v, h.count())
		}
	})
}

func TestRejectedParksUntilAnInputChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := living(time.Hour)
		good := b.answer
		b.answer = func(context.Context, int, credential.Request) (credential.Credential, error) {
			return credential.Credential{}, &credential.Fault{Reason: credential.ReasonRejected, Message: "wrong password"}
		}
		specs := planOf(map[string]*backend{"a": b}, nil)
		k := newKeeper()
		r := launch(t, specs, k)
		pass(24 * time.Hour)
		r.stop()
		r = launch(t, specs, k)
		defer r.stop()
		pass(24 * time.Hour)
		if v := r.mustView(t).Credentials[0]; b.count() != 1 || v.State != Parked || !v.NextAttemptAt.IsZero() {
			t.Fatalf("%d calls with a refused secret over a restart, state %s, next %s", b.count(), v.State, v.NextAttemptAt)
		}
		b.mu.Lock()
		b.answer = good
		b.mu.Unlock()
		changed := planOf(map[string]*backend{"a": b}, nil)
		changed.Credentials[0].Inputs = "2"
		if err := r.replace(t.Context(), changed); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if v := r.mustView(t).Credentials[0]; v.State != Valid || b.count() != 2 {
			t.Errorf("after the secret changed: %s after %d calls", v.State, b.count())
		}
	})
}
