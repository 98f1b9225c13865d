package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

func TestRenewsAheadOfExpiryAndDeliversForTwoDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := living(time.Hour), &place{}
		r := launch(t, planOf(map[string]*backend{"a": b}, map[string]*place{"a": s}), nil)
		defer r.stop()
		for range 48 * 60 {
			pass(time.Minute)
			v := r.mustView(t)
			if c := v.Credentials[0]; c.State != Valid {
				t.Fatalf("state %s at %s", c.State, v.At)
			}
			if v.Sinks[0].State != Delivered {
				t.Fatalf("sink %s at %s", v.Sinks[0].State, v.At)
			}
		}
		// 45 minutes apart: 48 h give 64 renewals after the first.
		if n := b.count(); n < 64 || n > 66 {
			t.Errorf("%d calls in two days, want about 65", n)
		}
		if want := fmt.Sprintf("a=value-%d\n", b.count()); s.holds() != want {
			t.Errorf("sink holds %q, want %q", s.holds(), want)
		}
	})
}

func TestOutageIsOutlivedAndRecoveredFromWithinOneBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down time.Time
		b := living(time.Hour)
		good := b.answer
		b.answer = func(ctx context.Context, n int, req credential.Request) (credential.Credential, error) {
			if !down.IsZero() && req.At.After(down) && req.At.Before(down.Add(6*time.Hour)) {
				return credential.Credential{}, errDown
			}
			return good(ctx, n, req)
		}
		r := launch(t, planOf(map[string]*backend{"a": b}, nil), nil)
		defer r.stop()
		down = time.Now()
		pass(44 * time.Minute)
		if c := r.mustView(t).Credentials[0]; c.State != Valid || c.Failures != 0 {
			t.Fatalf("before the margin: %+v", c)
		}
		pass(10 * time.Minute)
		c := r.mustView(t).Credentials[0]
		if c.State != Failing || c.Failures < 4 || c.LastError == nil || c.LastError.Reason != credential.ReasonNetwork {
			t.Fatalf("in the margin: %s, %d failures, %+v", c.State, c.Failures, c.LastError)
		}
		pass(10 * time.Minute)
		if c := r.mustView(t).Credentials[0]; c.State != Expired || c.NextAttemptAt.IsZero() {
			t.Fatalf("after expiry: %s, next %s", c.State, c.NextAttemptAt)
		}
		times := b.times()
		for i := 1; i < len(times); i++ {
			if d := times[i].Sub(times[i-1]); d < testPolicy.MinInterval {
				t.Fatalf("calls %d and %d are %s apart", i, i+1, d)
			}
		}
		pass(5*time.Hour + 1*time.Minute) // the outage ended a minute or more ago
		pass(5 * time.Minute)
		if c := r.mustView(t).Credentials[0]; c.State != Valid || c.Failures != 0 || c.LastError != nil {
			t.Fatalf("after recovery: %s, %d failures, %+v", c.State, c.Failures, c.LastError)
		}
		outcomes := r.witness.of(Obtain, "a")
		recovered := 0
		for _, o := range outcomes {
			recovered += min(o.Recovered, 1)
		}
		if recovered != 1 {
			t.Errorf("recovery told %d times, want once", recovered)
		}
	})
}

func TestShutdownLetsACallFinishAndCutsAHangingOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quick, stuck := living(time.Hour), living(time.Hour)
		quick.answer = func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
			<-time.After(2 * time.Second)
			return token(n, req, time.Hour), nil
		}
		stuck.answer = func(ctx context.Context, _ int, _ credential.Request) (credential.Credential, error) {
			<-ctx.Done()
			return credential.Credential{}, &credential.Fault{Reason: credential.ReasonCancelled, Lost: true, Err: ctx.Err()}
		}
		sink := &place{}
		r := launch(t, planOf(map[string]*backend{"quick": quick, "stuck": stuck}, map[string]*place{"quick": sink}), nil)
		begun := time.Now()
		r.stop()
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("stopping took %s", took)
		}
		if sink.holds() != "quick=value-1\n" {
			t.Errorf("the token that arrived during the stop was not delivered: %q", sink.holds())
		}
		if rec := r.keeper.record(schedule.Obtaining, "stuck"); !rec.Past.Open {
			t.Error("the cut call is not remembered as open")
		}
	})
}

func TestSuspendIsSeenWithinAMinuteAndCostsOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var offset time.Duration
		b := living(time.Hour)
		k, w := newKeeper(), &witness{}
		e := New(Options{Ledger: onDisk{k}, Observer: w})
		e.clock = func() time.Time { mu.Lock(); defer mu.Unlock(); return wall().Add(offset) }
		e.slept = func() time.Duration { mu.Lock(); defer mu.Unlock(); return offset }
		began := wall()
		e.steady = func() time.Duration { return wall().Sub(began) }
		e.Install(plan.Between(&plan.Plan{}, planOf(map[string]*backend{"a": b}, nil)), schedule.Memory{})
		_, cancel := startEngine(t, e)
		pass(10 * time.Minute)
		mu.Lock()
		offset = 8 * time.Hour
		mu.Unlock()
		pass(61 * time.Second)
		if n := b.count(); n != 2 {
			t.Errorf("%d calls a minute after an eight-hour suspend, want 2", n)
		}
		cancel()
	})
}

func TestSinkOfSeveralCredentialsGetsOneConsistentSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, s := living(time.Hour), living(time.Hour), &place{}
		b.answer = func(ctx context.Context, n int, req credential.Request) (credential.Credential, error) {
			if n == 1 {
				return credential.Credential{}, errDown
			}
			return token(n, req, time.Hour), nil
		}
		specs := planOf(map[string]*backend{"a": a, "b": b}, nil)
		specs.Sinks = []plan.Sink{{Name: "both", Needs: []string{"a", "b"}, Target: "1", Sink: s}}
		r := launch(t, specs, nil)
		defer r.stop()
		pass(10 * time.Second)
		if s.writes != 0 || r.mustView(t).Sinks[0].State != Pending {
			t.Fatal("written before every credential had a value")
		}
		pass(30 * time.Second)
		if s.holds() != "a=value-1\nb=value-2\n" {
			t.Errorf("holds %q", s.holds())
		}
	})
}

func TestRunOnceTriesEachDueThingOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good, bad, s, broken := living(time.Hour), living(time.Hour), &place{}, &place{fail: errors.New("full")}
		bad.answer = func(context.Context, int, credential.Request) (credential.Credential, error) {
			return credential.Credential{}, errDown
		}
		specs := planOf(map[string]*backend{"good": good, "bad": bad}, map[string]*place{"good": s})
		specs.Sinks = append(specs.Sinks, plan.Sink{Name: "broken", Needs: []string{"good"}, Target: "1", Sink: broken})
		w := &witness{}
		e := New(Options{Ledger: onDisk{newKeeper()}, Observer: w})
		e.Install(plan.Between(&plan.Plan{}, specs), schedule.Memory{})
		begun := time.Now()
		e.RunOnce(t.Context())
		if took := time.Since(begun); took > 0 {
			t.Errorf("took %s of virtual time, want none", took)
		}
		if good.count() != 1 || bad.count() != 1 || s.holds() != "good=value-1\n" || len(w.of(Deliver, "broken")) != 1 {
			t.Errorf("calls %d and %d, sink %q, broken tried %d times", good.count(), bad.count(), s.holds(), len(w.of(Deliver, "broken")))
		}
	})
}

func TestRenewWaitsForTheFloorAndForDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := living(time.Hour), &place{}
		r := launch(t, planOf(map[string]*backend{"a": b}, map[string]*place{"a": s}), nil)
		defer r.stop()
		begun := time.Now()
		var ends []RenewResult
		if err := r.Renew(t.Context(), []string{"a"}, func(e RenewResult) { ends = append(ends, e) }); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < 30*time.Second || took > 31*time.Second {
			t.Errorf("took %s, want the minimum interval", took)
		}
		if len(ends) != 1 || !ends[0].Good() || ends[0].Generation != 2 || s.holds() != "a=value-2\n" {
			t.Errorf("ends %+v, sink %q", ends, s.holds())
		}
		s.set(func(p *place) { p.fail = errors.New("full") })
		ends = nil
		if err := r.Renew(t.Context(), []string{"a"}, func(e RenewResult) { ends = append(ends, e) }); err != nil {
			t.Fatal(err)
		}
		if len(ends) != 1 || ends[0].Good() || ends[0].Sink != "a" {
			t.Errorf("a failed delivery is told as %+v", ends)
		}
	})
}

func TestDependentWaitsForItsInputAndRenewsAStaleOneOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pair, child := living(time.Hour), living(12*time.Hour)
		child.answer = func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
			v, _ := req.Inputs["pair"].Field("token")
			if v.Reveal() == "value-1" {
				return credential.Credential{}, &credential.Fault{Reason: credential.ReasonServer, Message: "401", StaleInput: "pair"}
			}
			return token(n, req, 12*time.Hour), nil
		}
		specs := planOf(map[string]*backend{"pair": pair, "child": child}, nil)
		for i := range specs.Credentials {
			if specs.Credentials[i].Name == "child" {
				specs.Credentials[i].Needs = []string{"pair"}
			}
		}
		r := launch(t, specs, nil)
		defer r.stop()
		pass(10 * time.Minute)
		if pair.count() != 2 || child.count() != 2 {
			t.Errorf("pair called %d times, child %d times; want 2 and 2", pair.count(), child.count())
		}
		if v := r.mustView(t); v.Credentials[0].State != Valid {
			t.Errorf("child is %s", v.Credentials[0].State)
		}
	})
}

// TestServerThatHandsOutTheLivingTokenCostsASecond simulates a server that returns the
// same token with its remaining lifetime in whole seconds until it expires. The gap
// between two tokens must be seconds, not a minimum interval.
func TestServerThatHandsOutTheLivingTokenCostsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const life = time.Hour
		begun := time.Now().Add(-17*time.Minute - 700*time.Millisecond)
		b := living(0)
		b.answer = func(_ context.Context, _ int, req credential.Request) (credential.Credential, error) {
			age := req.At.Sub(begun)
			c := token(int(age/life), req, (life - age%life).Truncate(time.Second))
			return c, nil
		}
		r := launch(t, planOf(map[string]*backend{"a": b}, nil), nil)
		defer r.stop()
		var gap time.Duration
		for range 24 * 60 * 60 {
			pass(time.Second)
			if r.mustView(t).Credentials[0].State != Valid {
				gap += time.Second
			}
		}
		if gap > 24*3*time.Second {
			t.Errorf("out of force for %s in a day of 24 tokens", gap)
		}
		if n := b.count(); n > 24*8 {
			t.Errorf("%d calls in a day", n)
		}
	})
}
