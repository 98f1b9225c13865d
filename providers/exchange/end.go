package exchange

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// End is what an answer says about the end of its token.
type End struct {
	// At is the end on our clock; zero when none is stated that can be read.
	At time.Time
	// Counted says that At was counted from our clock or compared with the
	// server's, and rests on no date that was taken as it stands.
	Counted bool
	// Unread says that an end is stated and none can be read; it is the sentence
	// for credential.Credential.UnreadEnd.
	Unread string
}

// lifeNames and instantNames are the members that state an end, in the order
// in which they are believed: lives in seconds, then instants. RFC 6749 knows
// the first alone; the others are what services write in its place.
var (
	lifeNames    = []string{"expires_in", "expiresin"}
	instantNames = []string{"expires_at", "expires_on", "expiresat", "expireson", "expires", "expiration", "expiry"}
)

// TokenEnd reads the end of an access token from the members of its answer, the
// names in lower case: a life in seconds, counted from before the call; else an
// instant; else the exp claim of a JWT. A life of zero or less says nothing that
// can be used. Unreadable is not absent: it is told when nothing else can be
// read.
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
		if life, ok := ParseLife(members[name]); stated(name) && ok && life > 0 {
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

// UnreadEnd is the sentence for an end that cannot be read; name is that of a
// member of a protocol, or a source of the configuration.
func UnreadEnd(name string) string {
	return "the answer states an end of the token that cannot be read (" + name + "); the token is used, and renewed after an hour at most"
}

// OnOurClock places a server's instant by the Date of the answer, where it has one.
func (a *Answer) OnOurClock(instant, at time.Time) End {
	date, ok := a.Date()
	if !ok {
		return End{At: instant}
	}
	return End{At: at.Add(instant.Sub(date)), Counted: true}
}

// ParseInstant reads an instant as services write it in JSON: Unix seconds, or
// milliseconds where seconds would lie beyond the year 5000, as a number or in
// quotes; RFC 3339; or the date of an HTTP header. A date without a zone could
// be any of 25 instants and is not read.
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

// ParseUnix reads seconds or milliseconds since 1970.
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

// plausible refuses years that no server means, such as the year 1 of a date
// that was never set.
func plausible(t time.Time) (time.Time, bool) {
	t = t.UTC()
	if t.Year() < 1990 || t.Year() > 9998 {
		return time.Time{}, false
	}
	return t, true
}
