package engine

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
)

// outage returns a backend that fails between two instants.
func (b *backend) outage(from, to time.Time, fault credential.Fault) {
	good := b.answer
	b.answer = func(ctx context.Context, n int, req credential.Request) (credential.Credential, error) {
		if !req.At.Before(from) && req.At.Before(to) {
			f := fault
			return credential.Credential{}, &f
		}
		return good(ctx, n, req)
	}
}

// TestDaysOfOutageAreSpentAtTheSlowestPace has a backend answer 5xx for five days, with
// a daily restart, and checks the instant of every call.
func TestDaysOfOutageAreSpentAtTheSlowestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const day = 24 * time.Hour
		begun := time.Now().Round(0)
		end := begun.Add(5 * day)
		b := living(time.Hour)
		b.outage(begun.Add(time.Minute), end, credential.Fault{Reason: credential.ReasonServer, Message: "503"})
		specs, k := planOf(map[string]*backend{"a": b}, nil), newKeeper()
		recovered := 0
		r := launch(t, specs, k)
		for range 5 {
			pass(day)
			r.stop()
			r = launch(t, specs, k)
		}
		defer r.stop()
		pass(5*time.Minute + time.Second)
		if v := r.mustView(t).Credentials[0]; v.State != Valid || v.Generation != 2 {
			t.Errorf("one backoff after the end: %s, generation %d", v.State, v.Generation)
		}
		for _, o := range r.witness.of(Obtain, "a") {
			recovered += min(o.Recovered, 1)
		}
		if recovered != 1 {
			t.Errorf("the recovery is told %d times", recovered)
		}
		var waits []time.Duration
		times := b.times()
		for i := 1; i < len(times); i++ {
			waits = append(waits, times[i].Sub(times[i-1]))
		}
		// A quarter of an hour is left when the outage begins; an eighth of that is
		// the longest wait until expiry. One wait is shorter, so that an attempt
		// starts at the last useful instant.
		const eighth = 15 * time.Minute / attempts
		want := []time.Duration{45 * time.Minute, 30 * time.Second, time.Minute, eighth, eighth, eighth, eighth, eighth, eighth, 105 * time.Second, eighth}
		if len(waits) < 20 || !slices.Equal(waits[:len(want)], want) {
			t.Fatalf("waits %s, want %s at first", waits[:min(len(waits), 20)], want)
		}
		for _, wait := range waits[len(want):] {
			if wait != 5*time.Minute {
				t.Fatalf("a wait of %s in the long run, want five minutes", wait)
			}
		}
		t.Logf("%d calls in five days of outage, %d of them before the token was over", len(times)-2, len(want)-1)
	})
}

// attempts is how many attempts fit between the first failure and expiry.
const attempts = 8

// TestThrottledFleetCallsLittleTogether has a backend throttle three hundred
// credentials for two days without naming a wait, with restarts.
func TestThrottledFleetCallsLittleTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const fleet, length, atOnce = 300, 48 * time.Hour, 8
		begun := time.Now().Round(0)
		end := begun.Add(length)
		backends := map[string]*backend{}
		for i := range fleet {
			b := living(time.Hour)
			b.outage(begun.Add(time.Minute), end, credential.Fault{Reason: credential.ReasonThrottled, Message: "429"})
			backends[fmt.Sprintf("c%03d", i)] = b
		}
		calm := living(time.Hour)
		backends["calm"] = calm
		specs := planOf(backends, nil)
		for i := range specs.Credentials {
			if specs.Credentials[i].Name == "calm" {
				specs.Credentials[i].Provider = "q"
			}
		}
		specs.Providers = append(specs.Providers, plan.Provider{Name: "q", Type: "fake", Concurrency: atOnce})
		k := newKeeper()
		r := launch(t, specs, k)
		for range 4 {
			pass(length / 4)
			r.stop()
			r = launch(t, specs, k)
		}
		defer r.stop()
		pass(6 * time.Minute)
		for _, c := range r.mustView(t).Credentials {
			if c.State != Valid {
				t.Errorf("%s is %s six minutes after the end", c.Name, c.State)
			}
		}
		var calls []time.Time
		for name, b := range backends {
			for _, at := range b.times() {
				if name != "calm" && at.After(begun.Add(time.Minute)) && at.Before(end) {
					calls = append(calls, at)
				}
			}
		}
		slices.SortFunc(calls, time.Time.Compare)
		total, waves := len(calls), slices.Compact(calls)
		for i := 1; i < len(waves); i++ {
			if gap := waves[i].Sub(waves[i-1]); gap < 15*time.Second || i > 6 && gap < 5*time.Minute {
				t.Errorf("wave %d follows after %s", i, gap)
			}
		}
		if most := (int(length/(5*time.Minute)) + 6) * atOnce; total > most {
			t.Errorf("%d calls during the outage, want %d at most", total, most)
		}
		t.Logf("%d credentials made %d calls in two days of refusals", fleet, total)
		times := calm.times()
		for i := 1; i < len(times); i++ {
			if gap := times[i].Sub(times[i-1]); gap != 45*time.Minute {
				t.Errorf("the other backend was called after %s", gap)
			}
		}
	})
}
