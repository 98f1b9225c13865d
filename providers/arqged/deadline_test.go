package arqged

import (
	"encoding/json"
	"testing"
	"time"
)

func TestTheNearestReadingCounts(t *testing.T) {
	at := time.Date(2026, 5, 1, 15, 4, 5, 0, time.UTC)
	const hour = time.Hour
	for _, c := range []struct {
		what, raw string
		asked     time.Duration
		want      time.Duration // from at; 0 for ignored
	}{
		{"day first", `"06/05/2026 15:04:05"`, 5 * 24 * hour, 5 * 24 * hour},
		{"month first", `"05/06/2026 15:04:05"`, 5 * 24 * hour, 5 * 24 * hour},
		{"Brasília", `"06/05/2026 12:04:05"`, 5 * 24 * hour, 5 * 24 * hour},
		{"Brasília, month first, half of the day", `"5/6/2026 12:04:05 PM"`, 5 * 24 * hour, 5 * 24 * hour},
		{"UTC in an hour", `"2026-05-01T16:04:05"`, hour, hour},
		{"Brasília in an hour", `"2026-05-01T13:04:05"`, hour, hour},
		{"the vendor's default, though an hour was asked for", `"2026-05-06T12:04:05"`, hour, 5 * 24 * hour},
		{"near enough, 14 minutes off", `"2026-05-01T15:50:05"`, hour, 46 * time.Minute},
		{"too far, 16 minutes off", `"2026-05-01T15:48:05"`, hour, 0},
		{"near enough for a long life", `"2026-05-06T04:04:05"`, 5 * 24 * hour, 5*24*hour - 8*hour},
		{"too far for a long life", `"2026-05-05T15:04:05"`, 5 * 24 * hour, 0},
		{"over, though near", `"2026-05-01T15:00:05"`, 5 * time.Minute, 0},
		{"no doubt, and earlier than asked for", `"2026-05-02T15:04:05Z"`, 5 * 24 * hour, 24 * hour},
		{"no doubt, and later than asked for", `"2026-05-31T15:04:05Z"`, 5 * 24 * hour, 30 * 24 * hour},
		{"no doubt, and over", `"2026-05-01T15:04:05Z"`, 5 * 24 * hour, 0},
		{"no doubt, and beyond belief", `"2200-05-01T15:04:05Z"`, 5 * 24 * hour, 0},
		{"none", `""`, hour, 0},
	} {
		expected := []time.Time{at.Add(c.asked), at.Add(defaultMinutes * time.Minute)}
		got, ok := resolve(readings(json.RawMessage(c.raw), zonesOf(nil)), at, expected)
		if ok != (c.want != 0) || ok && got.at.Sub(at) != c.want {
			t.Errorf("%s: %v %v, want %v", c.what, got.at.Sub(at), ok, c.want)
		}
	}
}

func TestDeadline(t *testing.T) {
	at := atNoon
	in := func(d time.Duration) time.Time {
		if d == 0 {
			return time.Time{}
		}
		return at.Add(d)
	}
	const hour = time.Hour
	for _, c := range []struct{ claim, stated, asked, want time.Duration }{
		{0, 0, hour, hour},
		{0, 50 * time.Minute, hour, 50 * time.Minute},
		{0, 65 * time.Minute, hour, hour},                                     // the earliest of those that agree
		{0, 5 * hour, hour, 5 * hour},                                         // the server's date, since they do not agree
		{24 * hour, 0, 5 * 24 * hour, 24 * hour},                              // a ceiling
		{24 * hour, 5 * 24 * hour, 5 * 24 * hour, 24 * hour},                  // the claim comes first
		{5 * 24 * hour, 24 * hour, 5 * 24 * hour, 5 * 24 * hour},              // whatever the date says
		{24 * hour, 23*hour + 50*time.Minute, hour, 23*hour + 50*time.Minute}, // the date agrees with it
		{time.Minute, 10 * time.Minute, 2 * time.Minute, time.Minute},
		{-hour, 0, hour, -hour},                                    // an expired claim stays expired
		{5 * time.Minute, -5 * time.Minute, hour, 5 * time.Minute}, // a past date agrees with nothing
		{-time.Minute, time.Minute, 2 * time.Minute, -time.Minute},
	} {
		if got := deadline(at, in(c.claim), in(c.stated), in(c.asked)).Sub(at); got != c.want {
			t.Errorf("%+v: got %v, want %v", c, got, c.want)
		}
	}
}

func TestTheEndOfARefreshTokenIsReadLikeItsNeighbour(t *testing.T) {
	at := time.Date(2026, 5, 1, 15, 4, 5, 0, time.UTC)
	read := func(raw string) []reading { return readings(json.RawMessage(raw), zonesOf(nil)) }
	expected := []time.Time{at.Add(5 * 24 * time.Hour)}
	for _, c := range []struct {
		token, refresh string
		want           time.Duration
	}{
		{`"05/06/2026 12:04:05"`, `"06/07/2026 12:04:05"`, 37 * 24 * time.Hour}, // month first: 7 June
		{`"06/05/2026 12:04:05"`, `"07/06/2026 12:04:05"`, 37 * 24 * time.Hour}, // day first: 7 June
		{`"06/05/2026 15:04:05"`, `"07/06/2026 15:04:05"`, 37 * 24 * time.Hour}, // UTC
		{`""`, `"07/06/2026 15:04:05"`, 37 * 24 * time.Hour},                    // the earliest ahead: 7 June, UTC
		{`""`, `"2026-05-01T14:04:05"`, 2 * time.Hour},                          // only Brasília lies ahead
		{`""`, `"2026-05-31T15:04:05Z"`, 30 * 24 * time.Hour},
		{`""`, `"0001-01-01T00:00:00"`, 0},
		{`""`, `"2026-04-30T15:04:05Z"`, 0},
		{`""`, `null`, 0},
	} {
		var like *style
		if r, ok := resolve(read(c.token), at, expected); ok {
			like = &r.style
		}
		end := refreshEnd(read(c.refresh), at, like)
		if end.IsZero() != (c.want == 0) || c.want != 0 && end.Sub(at) != c.want {
			t.Errorf("%s beside %s: %v, want %v", c.refresh, c.token, end.Sub(at), c.want)
		}
	}
}
