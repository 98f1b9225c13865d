package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// TestEveryNextAttemptIsExplained checks what explain shows: the instant, the reason
// and the configuration key.
func TestEveryNextAttemptIsExplained(t *testing.T) {
	fails := func(f credential.Fault) func(context.Context, int, credential.Request) (credential.Credential, error) {
		return func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
			if n == 1 {
				return token(n, req, time.Hour), nil
			}
			g := f
			if g.Reason == credential.ReasonThrottled {
				g.RetryAfter = req.At.Add(10 * time.Minute)
			}
			return credential.Credential{}, &g
		}
	}
	hint := func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
		c := token(n, req, time.Hour)
		c.UsefulAfter = req.At.Add(time.Hour + time.Second)
		return c, nil
	}
	ageless := func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
		c := token(n, req, 0)
		c.ExpiresAt = time.Time{}
		return c, nil
	}
	cron, err := schedule.ParseCron("@every 10m", "UTC")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		answer func(context.Context, int, credential.Request) (credential.Credential, error)
		edit   func(*plan.Plan)
		after  time.Duration
		state  State
		next   time.Duration // from the beginning; below zero when none is planned
		reason string
		rule   string
	}{
		{"valid", nil, nil, time.Minute, Valid, 45 * time.Minute, "renewed ahead of expiry", "renewal.renew_before"},
		{"its own key", nil, func(p *plan.Plan) {
			p.Credentials[0].Policy.Keys = map[string]string{"renew_before": schedule.OwnTable}
		}, time.Minute, Valid, 45 * time.Minute, "renewed ahead of expiry", "credentials.a.renew_before"},
		{"by age", ageless, nil, time.Minute, Valid, 24*time.Hour - time.Minute, "renewed by age, because the server states no expiry", "renewal.max_age"},
		{"hint", hint, nil, time.Minute, Valid, time.Hour + time.Second, "an earlier request would return the same values", ""},
		{"schedule", nil, func(p *plan.Plan) { p.Credentials[0].Policy.Schedule = cron }, time.Minute, Valid, 10 * time.Minute, "scheduled for this time", "renewal.schedule"},
		{"failing", fails(credential.Fault{Reason: credential.ReasonServer}), nil, 45*time.Minute + time.Second, Failing, 45*time.Minute + 30*time.Second, "retry after a failure", "renewal.min_interval"},
		{"the last one in time", fails(credential.Fault{Reason: credential.ReasonServer}), nil, 59 * time.Minute, Failing, 59*time.Minute + 30*time.Second, "the last attempt whose answer still arrives before expiry", "renewal.timeout"},
		{"expired", fails(credential.Fault{Reason: credential.ReasonServer}), nil, time.Hour + time.Second, Expired, 59*time.Minute + 30*time.Second + 15*time.Minute/8, "retry after a failure", "renewal.min_interval"},
		{"throttled", fails(credential.Fault{Reason: credential.ReasonThrottled}), nil, 45*time.Minute + time.Second, Failing, 55 * time.Minute, "the backend asked to wait until then", ""},
		{"parked", fails(credential.Fault{Reason: credential.ReasonRejected}), nil, 46 * time.Minute, Parked, -1, "parked: action needed", ""},
		{"pending", func(context.Context, int, credential.Request) (credential.Credential, error) {
			return credential.Credential{}, errDown
		}, nil, time.Second, Pending, 30 * time.Second, "retry after a failure", "renewal.min_interval"},
		{"needs another", nil, func(p *plan.Plan) { p.Credentials[0].Needs = []string{"b"} }, time.Second, Pending, -1, "waits for a credential that it depends on", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := living(time.Hour)
				if c.answer != nil {
					b.answer = c.answer
				}
				specs := planOf(map[string]*backend{"a": b}, nil)
				if c.edit != nil {
					c.edit(specs)
				}
				begun := wall()
				r := launch(t, specs, nil)
				defer r.stop()
				pass(c.after)
				v := r.mustView(t).Credentials[0]
				next := v.NextAttemptAt.Sub(begun)
				if v.NextAttemptAt.IsZero() {
					next = -1
				}
				if v.State != c.state || next != c.next || v.NextReason != c.reason || v.NextRule != c.rule {
					t.Errorf("%s, next after %s because %q (%s); want %s, %s, %q (%s)",
						v.State, next, v.NextReason, v.NextRule, c.state, c.next, c.reason, c.rule)
				}
				if len(v.History) > 10 || c.after > time.Second && len(v.History) == 0 {
					t.Errorf("%d attempts are shown", len(v.History))
				}
			})
		})
	}
}

func TestWaitingForARateIsExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		specs := planOf(map[string]*backend{"a": living(time.Hour), "b": living(time.Hour)}, nil)
		specs.Providers[0].Rates = []schedule.Rate{{Calls: 1, Per: time.Minute}}
		r := launch(t, specs, nil)
		defer r.stop()
		waiting := 0
		for _, v := range r.mustView(t).Credentials {
			if v.State == Pending {
				waiting++
				if v.NextRule != "providers.p.rate" || v.NextReason != "waits for the provider's rate limit" || !v.NextAttemptAt.After(wall()) {
					t.Errorf("next at %s because %q (%s)", v.NextAttemptAt, v.NextReason, v.NextRule)
				}
			}
		}
		if waiting != 1 {
			t.Errorf("%d wait", waiting)
		}
	})
}
