package view

import (
	"fmt"
	"strconv"
	"time"
)

// Distance formats a duration in its two largest units: "3 h 5 min".
func Distance(d time.Duration) string {
	if d < 0 {
		d = -d
	}
	d = d.Truncate(time.Second)
	for _, u := range [...]struct {
		size, part time.Duration
		name, more string
	}{
		{24 * time.Hour, time.Hour, "d", "h"},
		{time.Hour, time.Minute, "h", "min"},
		{time.Minute, time.Second, "min", "s"},
	} {
		if d < u.size {
			continue
		}
		text := strconv.FormatInt(int64(d/u.size), 10) + " " + u.name
		if rest := d % u.size / u.part; rest > 0 {
			text += " " + strconv.FormatInt(int64(rest), 10) + " " + u.more
		}
		return text
	}
	return strconv.FormatInt(int64(d/time.Second), 10) + " s"
}

// Relative formats a time relative to now: "in 5 min", "3 h ago", "now". It is empty if
// the time is unknown.
func Relative(at, now time.Time) string {
	form, distance := RelativeForm(at, now)
	if distance == "" {
		return form
	}
	return fmt.Sprintf(form, distance)
}

// RelativeForm returns Relative in two parts, for translations: a sentence with one %s,
// and the duration for it. The units are the same in all languages.
func RelativeForm(at, now time.Time) (form, distance string) {
	d := at.Sub(now)
	switch {
	case at.IsZero():
		return "", ""
	case d >= time.Second:
		return "in %s", Distance(d)
	case d <= -time.Second:
		return "%s ago", Distance(d)
	}
	return "now", ""
}
