package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
)

// TestHurryCallsBeforeTheBackendsWaitHasPassed requests one credential of a backend that
// asked to wait an hour: only this credential is renewed.
func TestHurryCallsBeforeTheBackendsWaitHasPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, other := living(time.Hour), living(time.Hour)
		one.answer = func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
			if n == 1 {
				return credential.Credential{}, &credential.Fault{Reason: credential.ReasonThrottled, RetryAfter: req.At.Add(time.Hour)}
			}
			return token(n, req, time.Hour), nil
		}
		specs := planOf(map[string]*backend{"one": one, "other": other}, nil)
		for i := range specs.Credentials {
			specs.Credentials[i].Provider = specs.Credentials[0].Provider
		}
		r := launch(t, specs, nil)
		defer r.stop()
		pass(time.Minute)
		before := other.count()
		var ends []RenewResult
		if err := r.Hurry(t.Context(), []string{"one"}, func(end RenewResult) { ends = append(ends, end) }); err != nil {
			t.Fatal(err)
		}
		if one.count() != 2 || len(ends) != 1 || !ends[0].Good() {
			t.Errorf("%d calls, ends %+v; want the second call, good", one.count(), ends)
		}
		if pass(time.Minute); other.count() != before {
			t.Errorf("the other one was called %d times more: its success ended the wait for all", other.count()-before)
		}
	})
}
