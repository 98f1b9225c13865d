package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

func TestStateThatCannotBeSavedStopsSpendingButNotDelivering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plain, spender := living(time.Hour), living(time.Hour)
		spender.spends = true
		s := &place{}
		k := newKeeper()
		k.setFail(errors.New("no space"))
		r := launch(t, planOf(map[string]*backend{"plain": plain, "spender": spender}, map[string]*place{"plain": s}), k)
		pass(5 * time.Minute)
		v := r.mustView(t)
		if s.holds() != "plain=value-1\n" || plain.count() != 1 {
			t.Errorf("the sink holds %q after %d calls", s.holds(), plain.count())
		}
		if spender.count() != 0 {
			t.Errorf("%d seeds spent that could not be remembered", spender.count())
		}
		if v.StateError == "" {
			t.Error("StateError is empty, want the failed save")
		}
		k.setFail(nil)
		pass(time.Minute)
		v = r.mustView(t)
		if v.StateError != "" || spender.count() != 1 {
			t.Errorf("after the fix: StateError %q, %d calls", v.StateError, spender.count())
		}
		r.witness.mu.Lock()
		if n := len(r.witness.states); n < 2 || r.witness.states[n-1] != "" || slices.Contains(r.witness.states[:n-1], "") || r.witness.states[0] != "no space" {
			t.Errorf("the observer heard of the state: %q", r.witness.states)
		}
		r.witness.mu.Unlock()
		if got := k.record(schedule.Obtaining, "plain").Token().Values["token"]; got.Reveal() != "value-1" {
			t.Error("the token obtained meanwhile is not durable")
		}
		r.stop()
	})
}

func TestRestartDeliversWhatIsOwedWithoutACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s, h := living(time.Hour), &place{fail: errors.New("away")}, &reload{}
		specs := planOf(map[string]*backend{"a": b}, map[string]*place{"a": s})
		specs.Sinks[0].Hook = h
		k := newKeeper()
		r := launch(t, specs, k)
		pass(time.Second)
		r.stop()
		s.set(func(p *place) { p.fail = nil })
		r = launch(t, specs, k)
		defer r.stop()
		pass(30 * time.Second)
		if b.count() != 1 || s.holds() != "a=value-1\n" || h.count() != 1 {
			t.Errorf("%d calls, sink %q, hook ran %d times; want 1, the value, 1", b.count(), s.holds(), h.count())
		}
	})
}

func TestHookIsOwedAcrossACrashBetweenWriteAndRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s, h := living(time.Hour), &place{}, &reload{}
		specs := planOf(map[string]*backend{"a": b}, map[string]*place{"a": s})
		specs.Sinks[0].Hook = h
		k := newKeeper()
		// The machine dies right after the write: nothing more is saved.
		s.onDeliver = func() { k.setFail(errors.New("dead")) }
		r := launch(t, specs, k)
		h.mu.Lock()
		h.run = func(context.Context) error { return errors.New("never got that far") }
		h.mu.Unlock()
		r.stop()
		s.set(func(p *place) { p.onDeliver = nil })
		k.setFail(nil)
		h = &reload{}
		specs.Sinks[0].Hook = h
		writes := s.writes
		r = launch(t, specs, k)
		defer r.stop()
		pass(time.Minute)
		if s.writes != writes {
			t.Error("equal bytes were written again")
		}
		if h.count() != 1 {
			t.Errorf("the owed hook ran %d times, want once", h.count())
		}
	})
}

func TestHookIsOwedAfterAPanicBehindTheWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s, h := living(time.Hour), &place{}, &reload{}
		specs := planOf(map[string]*backend{"a": b}, map[string]*place{"a": s})
		specs.Sinks[0].Sink, specs.Sinks[0].Hook = &breaking{place: s}, h
		r := launch(t, specs, nil)
		defer r.stop()
		pass(time.Minute)
		if s.writes != 1 || r.mustView(t).Sinks[0].State != Delivered {
			t.Errorf("%d writes, the sink is %s", s.writes, r.mustView(t).Sinks[0].State)
		}
		if h.count() != 1 {
			t.Errorf("the hook ran %d times, want once: the sink had changed before the panic", h.count())
		}
	})
}

func TestCrashDuringACallIsToldToTheNextOneAfterTheFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := living(time.Hour)
		k := newKeeper()
		key := schedule.Key{Kind: schedule.Obtaining, Name: "a"}
		crashed := time.Now()
		k.records[key] = schedule.Begin(schedule.Record{Part: schedule.Token{Inputs: "1", Identity: "a"}}, crashed)
		r := launch(t, planOf(map[string]*backend{"a": b}, nil), k)
		defer r.stop()
		pass(29 * time.Second)
		if b.count() != 0 {
			t.Fatal("called again within the minimum interval of a call that a crash interrupted")
		}
		pass(2 * time.Second)
		if b.count() != 1 || !b.request(0).Lost {
			t.Errorf("%d calls; told of the lost answer: %v", b.count(), b.count() > 0 && b.request(0).Lost)
		}
		pass(time.Hour)
		if b.count() < 2 || b.request(1).Lost {
			t.Error("the answer that arrived is still told as lost")
		}
	})
}

// Many failing saves do not delay the next retry.
func TestUnsavedCrowdWaitsNoLongerThanOne(t *testing.T) {
	var u unsaved
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for i := range 1000 {
		u.keep(schedule.Key{Name: fmt.Sprint(i)}, schedule.Record{}, now, errors.New("no space"))
	}
	if got := u.retryAt.Sub(now); got != firstSaveRetry || u.failures != 1 {
		t.Errorf("after %d failures the next try comes after %s, want %s", u.failures, got, firstSaveRetry)
	}
	now = u.retryAt
	u.keep(schedule.Key{Name: "0"}, schedule.Record{}, now, errors.New("no space"))
	if got := u.retryAt.Sub(now); got != 2*firstSaveRetry {
		t.Errorf("the second wait is %s, want %s", got, 2*firstSaveRetry)
	}
	u.durable(schedule.Key{Name: "0"})
	if now.Before(u.retryAt) || u.failing == "" {
		t.Errorf("saving works again, and the others wait until %s", u.retryAt)
	}
}
