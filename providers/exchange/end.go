package exchange

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// End is what an answer says about the expiry of its token.
type End struct {
	// At is the expiry on our clock; zero if none is stated that can be parsed.
	At time.Time
	// Counted means At was computed from our clock or from the offset to the
	// server's clock, not taken unchanged from a date.
	Counted bool
	// Unread is set if an expiry is stated but none can be parsed. It is the
	// text for credential.Credential.UnreadEnd.
	Unread string
}

// lifeNames and instantNames list the members that state an expiry, in order of
// preference: lifetimes in seconds first, then points in time. Only the first
// is in RFC 6749; the others are what services use instead.
var (
	lifeNames    = []string{"expires_in", "expiresin", "expires-in", "expire_in"}
	instantNames = []string{
		"expires_at", "expires_on", "expiresat", "expireson", "expires", "expiration", "expiry",
		"expire_at", "expires_date", "expiration_date", "expiry_date", "expiration_time", "valid_until",
	}
)

// TokenEnd determines the expiry of an access token from the members of its
// answer, whose names are in lower case: a lifetime in seconds, counted from
// before the call; else a point in time; else the exp claim of a JWT. A
// lifetime of zero or less, or one that looks like an instant, is not usable. If nothing can be parsed but
// something was stated, Unread is set.
func TokenEnd(members map[string]json.RawMessage, token string, a *Answer, at time.Time) End {
	unread := ""
	stated := func(name string) bool {
		raw, ok := members[name]
		there := ok && strings.TrimSpace(string(raw)) != "null"
		if there && unread == "" {
			unread = name
		}
		return there
	}
	for _, name := range lifeNames {
		if life, ok := ParseLife(members[name]); stated(name) && ok && life > 0 && !LooksLikeInstant(life, at) {
			return End{At: at.Add(life), Counted: true}
		}
	}
	for _, name := range instantNames {
		if instant, ok := ParseInstant(members[name]); stated(name) && ok {
			return a.OnOurClock(instant, at)
		}
	}
	if instant, ok := JWTExpiry(token); ok {
		return a.OnOurClock(instant, at)
	}
	if unread == "" {
		return End{}
	}
	return End{Unread: UnreadEnd(unread)}
}

// LooksLikeInstant reports whether a lifetime is a point in time by mistake: seconds since
// 1970 between yesterday and in ten years. No server means more than fifty years by it,
// and a token that is believed to live that long would be dead long before it is renewed.
func LooksLikeInstant(life time.Duration, at time.Time) bool {
	meant := time.Unix(0, 0).Add(life)
	return meant.After(at.AddDate(0, 0, -1)) && meant.Before(at.AddDate(10, 0, 0))
}

// UnreadEnd returns the text for an expiry that cannot be parsed; name is a
// protocol member or a source from the configuration.
func UnreadEnd(name string) string {
	return "the answer states an expiry of the token that cannot be parsed (" + name + "); the token is used, and renewed within an hour"
}

// OnOurClock converts a server's time to our clock using the Date of the
// answer, if it has one.
func (a *Answer) OnOurClock(instant, at time.Time) End {
	date, ok := a.Date()
	if !ok {
		return End{At: instant}
	}
	return End{At: at.Add(instant.Sub(date)), Counted: true}
}

// ParseInstant parses a point in time as services write it in JSON: Unix
// seconds, or milliseconds if seconds would be beyond the year 5000, as a
// number or in quotes; RFC 3339; or an HTTP date. A date without a time zone is
// rejected, because it is ambiguous.
func ParseInstant(raw json.RawMessage) (time.Time, bool) {
	if n, ok := parseNumber(raw); ok {
		return ParseUnix(n)
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return time.Time{}, false
	}
	text = strings.TrimSpace(text)
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, text); err == nil {
			return plausible(t)
		}
	}
	t, err := http.ParseTime(text)
	if err != nil {
		return time.Time{}, false
	}
	return plausible(t)
}

// ParseUnix parses seconds or milliseconds since 1970.
func ParseUnix(n float64) (time.Time, bool) {
	const millisecondsFrom = 1e11
	if n >= millisecondsFrom {
		n /= 1000
	}
	if !(n > 0) || n > lastSecond {
		return time.Time{}, false
	}
	return plausible(time.Unix(int64(n), int64((n-float64(int64(n)))*float64(time.Second))))
}

// plausible rejects years that no server means, such as the year 1 of a date
// that was never set.
func plausible(t time.Time) (time.Time, bool) {
	t = t.UTC()
	if t.Year() < 1990 || t.Year() > 9998 {
		return time.Time{}, false
	}
	return t, true
}
