package engine

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// TestASecondRequestTakesItsTurn counts the requests of attempts with two requests each:
// all together stay within the rate, and a request whose turn comes after the timeout
// is not made.
func TestASecondRequestTakesItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var made []time.Time
		late := 0
		note := func() {
			mu.Lock()
			defer mu.Unlock()
			made = append(made, time.Now())
		}
		b := &backend{answer: func(ctx context.Context, n int, req credential.Request) (credential.Credential, error) {
			note()
			if !req.Again(ctx) {
				mu.Lock()
				defer mu.Unlock()
				late++
				return credential.Credential{}, &credential.Fault{Reason: credential.ReasonTimeout, Message: "late"}
			}
			note()
			return token(n, req, time.Hour), nil
		}}
		specs := crowd(60, b)
		rate := schedule.Rate{Calls: 2, Per: time.Second}
		specs.Providers[0].Rates, specs.Providers[0].Concurrency = []schedule.Rate{rate}, 60
		r := launch(t, specs, nil)
		defer r.stop()
		pass(5 * time.Minute)
		mu.Lock()
		defer mu.Unlock()
		slices.SortFunc(made, time.Time.Compare)
		for i := rate.Calls; i < len(made); i++ {
			if made[i].Sub(made[i-rate.Calls]) < rate.Per {
				t.Fatalf("more than %d requests within %s, at %s", rate.Calls, rate.Per, made[i])
			}
		}
		if len(made) < 120 {
			t.Errorf("%d requests for 60 credentials, %d of them late", len(made), late)
		}
	})
}
