package integracontador

import (
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/integracontador/emulator"
)

// TestDatesAreThoseOfBrasilia signs in the hours when the date in UTC differs.
func TestDatesAreThoseOfBrasilia(t *testing.T) {
	for at, day := range map[string]string{
		"2026-03-10 20:59:59": "20260310", "2026-03-10 21:00:00": "20260310", "2026-03-10 23:59:59": "20260310", "2026-03-11 00:00:00": "20260311",
		"2026-12-31 23:30:00": "20261231",
	} {
		w := newFixture(t, nil)
		w.at = brt(at)
		w.mustPost()
		if got := w.token.Seed[seedSigned].Reveal(); got != day {
			t.Errorf("%s: signed on %s, want %s", at, got, day)
		}
	}
}

func TestClockAheadAtMidnightDoesNotPark(t *testing.T) {
	w := newFixture(t, nil)
	w.at, w.skew = brt("2026-03-11 00:00:03"), -10*time.Second
	f := wantFault(t, w.post(), credential.ReasonInvalidRequest, "clock here is ahead")
	if f.SeedSpent {
		t.Error("there was nothing to forget")
	}
	w.at = w.at.Add(30 * time.Second)
	w.mustPost()
}

// TestMidnightWithAClockAhead calls slightly too early: no other Termo, no loop.
func TestMidnightWithAClockAhead(t *testing.T) {
	w := newFixture(t, nil)
	w.mustPost()
	old := w.token
	w.skew = -20 * time.Second
	w.at = w.token.UsefulAfter
	if err := w.login(); err != nil {
		t.Fatal(err)
	}
	f := wantFault(t, w.post(), credential.ReasonBadResponse, "has expired")
	if f.SeedSpent || f.StaleInput != "" || !f.RetryAfter.IsZero() {
		t.Errorf("fault %+v", f)
	}
	w.at = w.at.Add(30 * time.Second)
	w.mustPost()
	if w.token.SameValues(old) || w.service.Counts().Documents != 1 {
		t.Error("the next attempt did not bring the next token for the same document")
	}
}

// TestTermoThatIsOverWaitsForMidnight: a 304 with an expires in the past stays
// the same until the end of the day in Brasília. Just after the expiry, the
// clocks may only differ.
func TestTermoThatIsOverWaitsForMidnight(t *testing.T) {
	w := newFixture(t, func(s *emulator.Settings) { s.Expires = emulator.LocalAsGMT })
	w.mustPost()
	token := w.token.Values[fieldToken]
	w.token = credential.Credential{} // the state was lost
	w.mustPost()
	w.at = w.token.UsefulAfter // just after 21:00:01
	w.session = credential.Credential{}
	if f := wantFault(t, w.post(), credential.ReasonBadResponse, "has expired"); !f.IdleUntil.IsZero() {
		t.Errorf("waits until %v a moment after the end, want another attempt soon", f.IdleUntil)
	}
	w.at = w.at.Add(3 * time.Minute)
	if f := wantFault(t, w.post(), credential.ReasonBadResponse, "after midnight"); !f.IdleUntil.Equal(brt("2026-03-11 00:00:00")) || !f.RetryAfter.IsZero() {
		t.Errorf("waits until %v, want midnight in Brasília and no wait of the whole backend", f.IdleUntil)
	}
	w.at = brt("2026-03-11 00:00:02")
	w.session = credential.Credential{}
	w.mustPost()
	if w.token.Values[fieldToken].Equal(token) || w.service.Counts().Documents != 1 {
		t.Error("no new token after midnight")
	}
}

// TestSlowServiceClockIsNotAZone is a 304 just after an expiry that a 304 stated:
// three hours must not be added while the clocks may only differ.
func TestSlowServiceClockIsNotAZone(t *testing.T) {
	w := newFixture(t, nil)
	w.mustPost()
	w.token = credential.Credential{}
	w.mustPost() // the expiry now comes from a 304
	w.skew, w.at = -60*time.Second, w.token.UsefulAfter
	w.session = credential.Credential{}
	wantFault(t, w.post(), credential.ReasonBadResponse, "has expired")
}

func TestTwelveHoursAndOtherForms(t *testing.T) {
	for name, change := range map[string]func(*emulator.Settings){
		"12h":          func(s *emulator.Settings) { s.Life = emulator.TwelveHours },
		"12h, offset":  func(s *emulator.Settings) { s.Life, s.Expiry = emulator.TwelveHours, emulator.WithOffset },
		"object":       func(s *emulator.Settings) { s.Life, s.DadosObject, s.StatusText = emulator.TwelveHours, true, true },
		"by parties":   func(s *emulator.Settings) { s.Life, s.CacheBy = emulator.TwelveHours, emulator.ByParties },
		"same token":   func(s *emulator.Settings) { s.Life, s.SameToken = emulator.TwelveHours, true },
		"etag as well": func(s *emulator.Settings) { s.Life, s.EtagOn200 = emulator.TwelveHours, true },
	} {
		w := newFixture(t, change)
		w.mustPost()
		first := w.token
		if d := first.ExpiresAt.Sub(w.at.Add(12 * time.Hour)); d < 0 || d > time.Second {
			t.Errorf("%s: expires %v", name, first.ExpiresAt)
		}
		w.at, w.session = first.UsefulAfter, credential.Credential{}
		w.mustPost()
		if !w.token.ExpiresAt.After(first.ExpiresAt) || w.token.SameValues(first) != (name == "same token") {
			t.Errorf("%s: the second day %v", name, w.token.ExpiresAt)
		}
	}
}
