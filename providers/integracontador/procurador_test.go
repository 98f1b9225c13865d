package integracontador

import (
	"testing"
	"time"
)

func TestTermoIsTakenAndKept(t *testing.T) {
	w := newWorld(t, nil)
	w.mustPost()
	if got, want := w.token.ExpiresAt, brt("2026-03-11 00:00:01"); !got.Equal(want) {
		t.Errorf("expires %v, want %v", got, want)
	}
	first := w.token
	// Asking again brings the same token and the expiry that is known.
	w.at = w.at.Add(time.Hour)
	if err := w.login(); err != nil {
		t.Fatal(err)
	}
	w.mustPost()
	if !w.token.SameValues(first) || !w.token.ExpiresAt.Equal(first.ExpiresAt) {
		t.Errorf("the repetition gave another token or expiry")
	}
	if c := w.service.Counts(); c.Documents != 1 || c.Repeated != 1 || c.Tokens != 1 {
		t.Errorf("counts %+v", c)
	}
}
