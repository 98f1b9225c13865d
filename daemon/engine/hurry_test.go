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

// TestAHurriedCredentialWaitsForItsOwnInterval: readers are told of the minimum interval,
// which it waits for, and not of the cool-down, which it ignores.
func TestAHurriedCredentialWaitsForItsOwnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := living(time.Hour)
		one.answer = func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
			if n == 1 {
				return credential.Credential{}, &credential.Fault{Reason: credential.ReasonThrottled, RetryAfter: req.At.Add(time.Hour)}
			}
			return token(n, req, time.Hour), nil
		}
		specs := planOf(map[string]*backend{"one": one}, nil)
		r := launch(t, specs, nil)
		defer r.stop()
		pass(time.Second)
		called := time.Now()
		shown := func() CredentialView { return r.Select(Query{Names: []string{"one"}}).Credentials[0] }
		if v := shown(); v.NextAttemptAt.Before(called.Add(50 * time.Minute)) {
			t.Fatalf("planned for %v, want the end of the cool-down", v.NextAttemptAt)
		}
		done := make(chan error)
		go func() { done <- r.Hurry(t.Context(), []string{"one"}, func(RenewResult) {}) }()
		pass(time.Second)
		if v := shown(); v.NextRule == "" || v.NextAttemptAt.After(called.Add(specs.Credentials[0].Policy.MinInterval)) {
			t.Errorf("waits until %v because %q (%s), want the minimum interval", v.NextAttemptAt, v.NextReason, v.NextRule)
		}
		if err := <-done; err != nil || one.count() != 2 {
			t.Errorf("got %d calls, %v", one.count(), err)
		}
	})
}
