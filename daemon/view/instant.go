package view

import (
	"bytes"
	"fmt"
	"time"
)

// Instant is a time in a document: RFC 3339 in UTC to the second, or null if it is
// zero.
type Instant struct{ time.Time }

// MarshalJSON implements json.Marshaler.
func (i Instant) MarshalJSON() ([]byte, error) {
	if i.IsZero() {
		return []byte("null"), nil
	}
	return []byte(`"` + Stamp(i.Time) + `"`), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (i *Instant) UnmarshalJSON(text []byte) (err error) {
	if bytes.Equal(text, []byte("null")) {
		i.Time = time.Time{}
		return nil
	}
	if i.Time, err = time.Parse(`"`+time.RFC3339+`"`, string(text)); err != nil {
		return fmt.Errorf("read an instant: %w", err)
	}
	return nil
}

// Stamp formats a time for programs: RFC 3339 in UTC, or empty if it is zero.
func Stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

// Local formats a time for people: in this machine's time zone, with its offset. It is
// empty if the time is zero.
func Local(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Local().Format(time.RFC3339) //nolint:gosmopolitan // people read it on this machine
}

// EndlessYear is the year of Endless.
const EndlessYear = 9999

// Endless is the time that means "does not expire".
var Endless = time.Date(EndlessYear, 12, 31, 23, 59, 59, 0, time.UTC)
