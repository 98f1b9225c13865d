package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

func TestCredentialIsShownWithItsValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := launch(t, planOf(map[string]*backend{"a": living(time.Hour)}, nil), nil)
		c, spec, err := r.Credential(t.Context(), "a")
		if v, ok := c.Field("token"); err != nil || !ok || v.Reveal() != "value-1" || spec.Name != "a" {
			t.Errorf("shown as %v of %q, %v", ok, spec.Name, err)
		}
		if _, _, err := r.Credential(t.Context(), "b"); err == nil || !strings.Contains(err.Error(), `"b"`) {
			t.Errorf("an unknown name gives %v", err)
		}
		r.stop()
		if _, _, err := r.Credential(t.Context(), "a"); !errors.Is(err, ErrEnded) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestAskingEndsWithItsContext(t *testing.T) {
	e := New(Options{Ledger: onDisk{newKeeper()}, Observer: &witness{}}) // nobody conducts it
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if err := e.Suspect(ctx, nil); !errors.Is(err, cause) {
		t.Errorf("gives %v", err)
	}
}

// failingTwice is a backend that fails twice and then succeeds.
func failingTwice() *backend {
	b := living(time.Hour)
	good := b.answer
	b.answer = func(ctx context.Context, n int, req credential.Request) (credential.Credential, error) {
		if n < 3 {
			return credential.Credential{}, errDown
		}
		return good(ctx, n, req)
	}
	return b
}

func TestAwaitReturnsWhenTheConditionHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := failingTwice()
		r := launch(t, planOf(map[string]*backend{"a": b}, nil), nil)
		defer r.stop()
		begun := time.Now()
		valid := func(v View) bool { return v.Credentials[0].State == Valid }
		if err := r.Await(t.Context(), Query{}, valid); err != nil || b.count() != 3 {
			t.Errorf("returned after %d calls with %v", b.count(), err)
		}
		if took := time.Since(begun); took < 90*time.Second || took > 91*time.Second {
			t.Errorf("took %s, want both waits", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := r.Await(ctx, Query{}, func(View) bool { return false }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a condition that never holds ends with %v", err)
		}
	})
}

func TestRenewTellsWhyNothingCanCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pair, child := living(time.Hour), living(time.Hour)
		pair.answer = func(context.Context, int, credential.Request) (credential.Credential, error) {
			return credential.Credential{}, &credential.Fault{Reason: credential.ReasonRejected, Message: "wrong password"}
		}
		specs := planOf(map[string]*backend{"pair": pair, "child": child}, nil)
		for i := range specs.Credentials {
			if specs.Credentials[i].Name == "child" {
				specs.Credentials[i].Needs = []string{"pair"}
			}
		}
		r := launch(t, specs, nil)
		defer r.stop()
		ends := map[string]string{}
		err := r.Renew(t.Context(), []string{"pair", "child", "gone"}, func(e RenewResult) { ends[e.Name] = e.Failure })
		if err != nil || ends["pair"] != "wrong password" || !strings.Contains(ends["child"], "waits for a credential") || !strings.Contains(ends["gone"], "removed") {
			t.Errorf("told %q, %v", ends, err)
		}
		if child.count() != 0 {
			t.Error("called without its input")
		}
	})
}

func TestRuleOfTheNextAttemptIsNamedByItsKey(t *testing.T) {
	keys := map[string]string{"max_age": schedule.OwnTable, "timeout": "providers.p"}
	spec := &plan.Credential{Name: "a", Provider: "p", Common: &plan.Common{Policy: schedule.Policy{Keys: keys}}}
	for rule, want := range map[string]string{
		"": "", "rate": "providers.p.rate", "concurrency": "providers.p.concurrency",
		"max_age": "credentials.a.max_age", "timeout": "providers.p.timeout", "renew_before": "renewal.renew_before",
	} {
		if got := ruleKey(spec, rule); got != want {
			t.Errorf("%q is named %q, want %q", rule, got, want)
		}
	}
}

func TestStoredRecordsOfAnOlderConfigurationGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper()
		old := schedule.Key{Kind: schedule.Delivering, Name: "old"}
		k.records[old] = schedule.Record{Part: schedule.Delivery{Changes: 1}}
		r := launch(t, planOf(map[string]*backend{"a": living(time.Hour)}, nil), k)
		defer r.stop()
		pass(time.Second)
		if _, found := k.memory().Records[old]; found {
			t.Error("still stored")
		}
	})
}

func TestSuspendedPlaySleepsThroughAndWakesAfterwards(t *testing.T) {
	b := living(time.Hour)
	e := New(Options{Ledger: onDisk{newKeeper()}, Observer: &witness{}, Seed: 7})
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	night := Span{From: from.Add(2 * time.Hour), To: from.Add(10 * time.Hour)}
	course := &Course{From: from, Until: from.Add(12 * time.Hour), Suspended: []Span{night}}
	e.Begin(course)
	e.Install(plan.Between(&plan.Plan{}, planOf(map[string]*backend{"a": b}, nil)), schedule.Memory{})
	e.Play(t.Context(), course)
	for _, at := range b.times() {
		if night.Holds(at) {
			t.Errorf("called at %s, asleep", at)
		}
	}
	if n := b.count(); n < 5 || n > 8 {
		t.Errorf("%d calls around a night's sleep", n)
	}
}
