package engine

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// TestTheLastUsefulInstantIsExact has a backend recover around the instant in the
// metric, and answer as slowly as the timeout allows: at that instant no token expires,
// a moment later one does.
func TestTheLastUsefulInstantIsExact(t *testing.T) {
	for _, life := range []time.Duration{5 * time.Minute, 10 * time.Minute, time.Hour, 3 * 24 * time.Hour} {
		for _, interval := range []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute} {
			for _, hangs := range []bool{false, true} {
				for _, late := range []time.Duration{-time.Minute, 0, time.Millisecond, 10 * time.Second} {
					if 20*interval > life {
						continue // too few attempts fit to place one
					}
					t.Run(fmt.Sprintf("life %s, minimum interval %s, hangs %v, back %s after it", life, interval, hangs, late), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { backAround(t, life, interval, late, hangs) })
					})
				}
			}
		}
	}
}

func backAround(t *testing.T, life, interval, late time.Duration, hangs bool) {
	const timeout = 30 * time.Second
	var mu sync.Mutex
	var up, ended time.Time // the backend answers from up on; it did first at ended
	away := func() bool { mu.Lock(); defer mu.Unlock(); return wall().Before(up) }
	b := living(life)
	b.answer = func(ctx context.Context, n int, req credential.Request) (credential.Credential, error) {
		switch {
		case n == 1:
			return token(n, req, life), nil
		case away() && hangs:
			<-ctx.Done()
			return credential.Credential{}, &credential.Fault{Reason: credential.ReasonTimeout, Lost: true}
		case away():
			return credential.Credential{}, errDown
		}
		time.Sleep(timeout - time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		if ended.IsZero() {
			ended = wall()
		}
		return token(n, req, life), nil
	}
	plan := planOf(map[string]*backend{"a": b}, nil)
	p := &plan.Credentials[0].Policy
	p.MinInterval, p.Timeout, p.Jitter = interval, timeout, schedule.Margin{Share: 0.05}
	r := launch(t, plan, nil)
	defer r.stop()
	pass(time.Second)
	v := r.mustView(t).Credentials[0]
	if want := v.ExpiresAt.Add(-timeout); !v.LastUsefulAttemptAt.Equal(want) {
		t.Fatalf("the last useful attempt is at %s, want a time-out before the expiry at %s", v.LastUsefulAttemptAt, v.ExpiresAt)
	}
	mu.Lock()
	up = v.LastUsefulAttemptAt.Add(late)
	mu.Unlock()
	pass(life + 12*time.Minute)
	mu.Lock()
	defer mu.Unlock()
	if ended.IsZero() {
		t.Fatal("never renewed")
	}
	if lapsed := ended.After(v.ExpiresAt); lapsed != (late > 0) {
		t.Errorf("renewed %s after the expiry", ended.Sub(v.ExpiresAt))
	}
}
