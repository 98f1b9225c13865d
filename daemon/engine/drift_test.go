package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// watched is a guard of a place. Its values are their own digests.
type watched struct{ *place }

func (w watched) Values(set credential.Set) (map[string]string, error) {
	v, _ := set["a"].Field("token")
	return map[string]string{"it": "a=" + v.Reveal() + "\n"}, nil
}

func (w watched) Inspect(_ context.Context, set credential.Set, issued func(name, digest string) bool) (plan.Drift, error) {
	want, _ := w.Values(set)
	switch held := w.holds(); {
	case held == want["it"]:
		return plan.InPlace, nil
	case held == "" || issued("it", held):
		return plan.Lost, nil
	case strings.HasPrefix(held, "unreadable"):
		return plan.Lost, errors.New("unreadable")
	}
	return plan.Foreign, nil
}

// guarded launches a plan with one credential and one guarded sink.
func guarded(t *testing.T) (*rig, *backend, *place) {
	t.Helper()
	b, p := living(time.Hour), &place{}
	specs := planOf(map[string]*backend{"a": b}, map[string]*place{"a": p})
	specs.Sinks[0].Guard = watched{p}
	r := launch(t, specs, nil)
	pass(time.Second)
	return r, b, p
}

func (r *rig) mustSuspect(t *testing.T) {
	t.Helper()
	if err := r.Suspect(t.Context(), []string{"a"}); err != nil {
		t.Fatal(err)
	}
}

func TestLostValuesAreRepairedWithoutACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, b, p := guarded(t)
		defer r.stop()
		pass(50 * time.Minute) // a second generation, so that there is an older one
		if b.count() != 2 {
			t.Fatalf("%d calls, want 2", b.count())
		}
		told := len(r.witness.of(Deliver, "a"))
		for _, held := range []string{"", "a=value-1\n"} {
			p.set(func(p *place) { p.held = held })
			r.mustSuspect(t)
			pass(4 * time.Second)
			if p.holds() != "a=value-2\n" || b.count() != 2 {
				t.Errorf("after %q the sink holds %q with %d calls", held, p.holds(), b.count())
			}
		}
		if n := len(r.witness.of(Deliver, "a")); n != told+2 {
			t.Errorf("%d deliveries told of, want the 2 repairs", n-told)
		}
		r.mustSuspect(t)
		pass(4 * time.Second)
		if n := len(r.witness.of(Deliver, "a")); n != told+2 {
			t.Error("a look at a target in order is told of as a delivery")
		}
	})
}

func TestForeignValueIsReportedAndLeftUntilTheNextRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, p := guarded(t)
		defer r.stop()
		p.set(func(p *place) { p.held = "somebody else's" })
		r.mustSuspect(t)
		pass(5 * time.Second)
		v := r.mustView(t).Sinks[0]
		if p.holds() != "somebody else's" || v.State != Behind || v.LastError == nil || v.LastError.Message != foreignMessage {
			t.Errorf("holds %q, shown %s %+v", p.holds(), v.State, v.LastError)
		}
		if len(v.Delivered) > 0 {
			t.Errorf("said to hold %v, though something else was seen", v.Delivered)
		}
		r.mustSuspect(t)
		pass(5 * time.Second)
		if got := r.witness.drifts(); !slices.Equal(got, []string{"a: " + foreignMessage}) {
			t.Errorf("told of %q", got)
		}
		p.set(func(p *place) { p.held = "a=value-1\n" })
		r.mustSuspect(t)
		pass(5 * time.Second)
		if v := r.mustView(t).Sinks[0]; v.State != Delivered || v.LastError != nil || v.Delivered["a"] != 1 {
			t.Errorf("after it went away: %s %+v, holds %v", v.State, v.LastError, v.Delivered)
		}
		if got := r.witness.drifts(); len(got) != 2 || got[1] != "a: " {
			t.Errorf("told of %q", got)
		}
		p.set(func(p *place) { p.held = "somebody else's" })
		r.mustSuspect(t)
		pass(50 * time.Minute)
		if v := r.mustView(t).Sinks[0]; p.holds() != "a=value-2\n" || v.State != Delivered {
			t.Errorf("after a renewal it holds %q and is %s", p.holds(), v.State)
		}
	})
}

func TestStubbornWriterIsAnsweredTwentyTimesAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, b, p := guarded(t)
		defer r.stop()
		writes := p.writes
		for range 60 * 10 {
			p.set(func(p *place) { p.held = "" })
			r.mustSuspect(t)
			pass(100 * time.Millisecond)
		}
		if n := p.writes - writes; n > 20 || n < 15 {
			t.Errorf("%d repairs in a minute, want at most 20 and nearly as many", n)
		}
		if b.count() != 1 {
			t.Errorf("%d calls to the backend", b.count())
		}
	})
}

func TestFailedRepairIsTriedUntilItSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, p := guarded(t)
		defer r.stop()
		p.set(func(p *place) { p.held, p.fail = "", errors.New("gone") })
		r.mustSuspect(t)
		pass(time.Minute)
		if v := r.mustView(t).Sinks[0]; v.State != Failing || v.LastError == nil || len(v.Delivered) > 0 {
			t.Errorf("shown %s %+v, holds %v", v.State, v.LastError, v.Delivered)
		}
		p.set(func(p *place) { p.fail = nil })
		pass(30 * time.Second)
		if v := r.mustView(t).Sinks[0]; v.State != Delivered || p.holds() != "a=value-1\n" || v.Delivered["a"] != 1 {
			t.Errorf("after the fix: state %s, holds %q", v.State, p.holds())
		}
	})
}

func TestIssuedValuesAreRememberedOverARestartAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, b, p := guarded(t)
		pass(40 * time.Hour)
		r.stop()
		held := r.keeper.record(schedule.Delivering, "a").Delivery().Issued.Of("it")
		if len(held) != rememberedValues || held[len(held)-1] != p.holds() {
			t.Errorf("%d values remembered, the last %q", len(held), held[len(held)-1])
		}
		specs := planOf(map[string]*backend{"a": b}, map[string]*place{"a": p})
		specs.Sinks[0].Guard = watched{p}
		older := held[0]
		want := p.holds()
		r = launch(t, specs, r.keeper)
		defer r.stop()
		p.set(func(p *place) { p.held = older })
		r.mustSuspect(t)
		pass(4 * time.Second)
		if p.holds() != want {
			t.Errorf("an older value of ours is left in place: %q", p.holds())
		}
	})
}

// TestOnceLooksAtTheTargets: a target that lost its value since the last run is written
// again, and one changed by someone else is not shown as delivered.
func TestOnceLooksAtTheTargets(t *testing.T) {
	for held, want := range map[string]struct {
		state State
		holds string
	}{
		"":        {Delivered, "a=value-1\n"},
		"foreign": {Behind, "foreign"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, b, p := guarded(t)
			r.stop()
			p.set(func(p *place) { p.held = held })
			specs := planOf(map[string]*backend{"a": b}, map[string]*place{"a": p})
			specs.Sinks[0].Guard = watched{p}
			e := New(Options{Ledger: onDisk{r.keeper}, Observer: r.witness, Seed: 7})
			e.Install(plan.Between(&plan.Plan{}, specs), r.keeper.memory())
			view := e.RunOnce(t.Context())
			if got := view.Sinks[0].State; got != want.state || p.holds() != want.holds || b.count() != 1 {
				t.Errorf("held %q: %s with %q and %d calls, want %s with %q", held, got, p.holds(), b.count(), want.state, want.holds)
			}
		})
	}
}

// TestOlderValueIsToldFromAForeignOne: behind says which of the two it is.
func TestOlderValueIsToldFromAForeignOne(t *testing.T) {
	spec := &plan.Sink{Name: "a", Needs: []string{"a"}}
	held := schedule.Pack(schedule.Record{Part: schedule.Delivery{Delivered: schedule.Marks{{Name: "a", Mark: schedule.Mark{Generation: 1}}}}})
	for message, row := range map[string]*sinkRow{
		olderMessage: {spec: spec, record: held, owed: true},
		lostMessage:  {spec: spec, record: held, lost: true},
		"foreign":    {spec: spec, record: held, lost: true, foreign: &schedule.Note{Message: "foreign"}},
	} {
		if state, note, _ := row.stateAt(time.Unix(0, 0)); state != Behind || note == nil || note.Message != message {
			t.Errorf("%s: shown %s %+v", message, state, note)
		}
	}
}
