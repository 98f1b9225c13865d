package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
)

func TestMoments(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	for _, c := range []struct{ is, want time.Time }{
		{time.Time{}, time.Time{}}, {at, at}, {time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), lastMoment.time()},
	} {
		if got := momentOf(c.is).time(); !got.Equal(c.want) || got.IsZero() != c.want.IsZero() {
			t.Errorf("%s comes back as %s", c.is, got)
		}
	}
}

// A server may state an expiry beyond the range of nanoseconds.
func TestAnEndBeyondTheCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
			c := token(n, req, time.Hour)
			c.ExpiresAt = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
			return c, nil
		}}
		r := launch(t, planOf(map[string]*backend{"a": b}, nil), nil)
		defer r.stop()
		pass(time.Minute)
		if v := r.mustView(t).Credentials[0]; v.State != Valid || v.ExpiresAt.Year() != 9999 {
			t.Errorf("shown as %s until %s", v.State, v.ExpiresAt)
		}
	})
}
