package exchange

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

func TestTokenEnd(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	hour := at.Add(time.Hour)
	jwt := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c"
	}
	for _, c := range []struct {
		name    string
		members string
		token   string
		date    string // of the answer
		end     time.Time
		counted bool
		unread  bool
	}{
		{name: "number", members: `{"expires_in":3600}`, end: hour, counted: true},
		{name: "decimal", members: `{"expires_in":3600.0}`, end: hour, counted: true},
		{name: "text", members: `{"expires_in":" 3600 "}`, end: hour, counted: true},
		{name: "in one word", members: `{"expiresin":3600}`, end: hour, counted: true},
		{name: "nothing stated", members: `{}`},
		{name: "null", members: `{"expires_in":null,"expires_at":null}`},
		{name: "with a unit", members: `{"expires_in":"3600s"}`, unread: true},
		{name: "ISO duration", members: `{"expires_in":"PT1H"}`, unread: true},
		{name: "separators", members: `{"expires_in":"3,600"}`, unread: true},
		{name: "object", members: `{"expires_in":{"seconds":3600}}`, unread: true},
		{name: "empty text", members: `{"expires_in":""}`, unread: true},
		{name: "true", members: `{"expires_in":true}`, unread: true},
		{name: "an instant where a life belongs", members: `{"expires_in":1772370000}`, unread: true},
		{name: "an instant beside another", members: `{"expires_in":1772370000,"expires_at":1772370000}`, end: hour},
		{name: "as long as a number can be", members: `{"expires_in":2147483647}`, end: at.Add(2147483647 * time.Second), counted: true},
		{name: "ten years", members: `{"expires_in":315360000}`, end: at.Add(315360000 * time.Second), counted: true},
		{name: "with a hyphen", members: `{"expires-in":3600}`, end: hour, counted: true},
		{name: "milliseconds of a library", members: `{"expiry_date":1772370000000}`, end: hour},
		{name: "a date under another name", members: `{"valid_until":"01/03/2026"}`, unread: true},
		{name: "zero", members: `{"expires_in":0}`, unread: true},
		{name: "negative", members: `{"expires_in":-5}`, unread: true},
		{name: "zero beside an instant", members: `{"expires_in":0,"expires_at":1772370000}`, end: hour},
		{name: "unparsable beside a claim", members: `{"expires_in":"1h"}`, token: jwt(`{"exp":1772370000}`), end: hour},
		{name: "unix", members: `{"expires_on":"1772370000"}`, end: hour},
		{name: "milliseconds", members: `{"expires_at":1772370000000}`, end: hour},
		{name: "RFC 3339", members: `{"expires_at":"2026-03-01T10:00:00-03:00"}`, end: hour},
		{name: "HTTP date", members: `{".":1,"expires":"Sun, 01 Mar 2026 13:00:00 GMT"}`, end: hour},
		{name: "against the server's clock", members: `{"expires_at":1772370000}`, date: "Sun, 01 Mar 2026 11:00:00 GMT", end: hour.Add(time.Hour), counted: true},
		{name: "no zone", members: `{"expires_at":"2026-03-01 13:00:00"}`, unread: true},
		{name: "year one", members: `{"expires_at":"0001-01-01T00:00:00Z"}`, unread: true},
		{name: "a life where an instant belongs", members: `{"expires":3600}`, unread: true},
		{name: "life before instant", members: `{"expires_in":3600,"expires_at":1}`, end: hour, counted: true},
		{name: "claim", members: `{}`, token: jwt(`{"exp":1772370000}`), end: hour},
		{name: "claim that is past", members: `{}`, token: jwt(`{"exp":1772360000}`), end: time.Unix(1772360000, 0)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var members map[string]json.RawMessage
			if err := json.Unmarshal([]byte(c.members), &members); err != nil {
				t.Fatal(err)
			}
			a := &Answer{Header: http.Header{"Date": {c.date}}}
			got := TokenEnd(members, c.token, a, at)
			if !got.At.Equal(c.end) {
				t.Errorf("got end %v, want %v", got.At, c.end)
			}
			if got.Counted != c.counted {
				t.Errorf("got Counted %v, want %v", got.Counted, c.counted)
			}
			if (got.Unread != "") != c.unread {
				t.Errorf("got Unread %q, want one: %v", got.Unread, c.unread)
			}
		})
	}
}

func FuzzTokenEnd(f *testing.F) {
	for _, seed := range []string{`3600`, `"3600s"`, `0`, `1e400`, `-1`, `"2026-03-01T10:00:00-03:00"`, `{}`, `1772370000000`} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, life, instant string) {
		at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		got := TokenEnd(map[string]json.RawMessage{"expires_in": json.RawMessage(life), "expires_at": json.RawMessage(instant)}, "opaque", &Answer{}, at)
		if _, err := got.At.MarshalJSON(); err != nil {
			t.Errorf("cannot marshal the end: %v", err)
		}
		if !got.At.IsZero() && got.Unread != "" {
			t.Errorf("got both an end and Unread: %+v", got)
		}
	})
}
