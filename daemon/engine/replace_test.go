package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

func TestReplacingThePlanDisturbsNothingThatDidNotChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		slow := living(time.Hour)
		slow.answer = func(ctx context.Context, n int, req credential.Request) (credential.Credential, error) {
			select {
			case <-release:
				return token(n, req, time.Hour), nil
			case <-ctx.Done():
				return credential.Credential{}, ctx.Err()
			}
		}
		kept, gone := living(time.Hour), living(time.Hour)
		r := launch(t, planOf(map[string]*backend{"slow": slow, "kept": kept, "gone": gone}, map[string]*place{"kept": {}, "gone": {}}), nil)
		defer r.stop()
		pass(time.Second)
		added := living(time.Hour)
		next := planOf(map[string]*backend{"slow": slow, "kept": kept, "added": added}, map[string]*place{"kept": {}, "slow": {}})
		if err := r.replace(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		close(release)
		pass(time.Second)
		if slow.count() != 1 || kept.count() != 1 || added.count() != 1 {
			t.Errorf("calls: slow %d, kept %d, added %d; want 1 each", slow.count(), kept.count(), added.count())
		}
		for _, c := range r.mustView(t).Credentials {
			if c.State != Valid {
				t.Errorf("%s is %s after the reload", c.Name, c.State)
			}
		}
		stored := func() bool {
			_, found := r.keeper.memory().Records[schedule.Key{Kind: schedule.Obtaining, Name: "gone"}]
			return found
		}
		if pass(58 * time.Minute); !stored() {
			t.Error("the record of a removed credential is not kept for an hour")
		}
		if pass(3 * time.Minute); stored() {
			t.Error("the record of a removed credential is stored after an hour")
		}
	})
}

func TestRemovalWhileInFlightKeepsTheAnswerForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		slow := living(time.Hour)
		slow.answer = func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
			<-release
			return token(n, req, time.Hour), nil
		}
		r := launch(t, planOf(map[string]*backend{"slow": slow}, nil), nil)
		defer r.stop()
		if err := r.replace(t.Context(), planOf(nil, nil)); err != nil {
			t.Fatal(err)
		}
		close(release)
		pass(time.Second)
		if n := len(r.keeper.memory().Records); n != 1 {
			t.Errorf("%d records stored after removal, want the answer's", n)
		}
		pass(time.Hour)
		if n := len(r.keeper.memory().Records); n != 0 {
			t.Errorf("%d records stored an hour after removal, want none", n)
		}
	})
}

func TestHookThatIsAddedWaitsForTheNextChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s, h := living(time.Hour), &place{}, &reload{}
		r := launch(t, planOf(map[string]*backend{"a": b}, map[string]*place{"a": s}), nil)
		defer r.stop()
		pass(time.Minute)
		specs := planOf(map[string]*backend{"a": b}, map[string]*place{"a": s})
		specs.Sinks[0].Hook, specs.Sinks[0].Target = h, "with a hook"
		if err := r.replace(t.Context(), specs); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if h.count() != 0 {
			t.Errorf("the hook ran %d times though nothing changed", h.count())
		}
		pass(50 * time.Minute)
		if h.count() != 1 {
			t.Errorf("the hook ran %d times after one change", h.count())
		}
	})
}
