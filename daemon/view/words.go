package view

import (
	"fmt"
	"strconv"
	"time"
)

// Distance says a span of time in its two largest units: "3 h 5 min".
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

// Relative says an instant as seen from now: "in 5 min", "3 h ago", "now". It
// is empty for an unknown instant.
func Relative(at, now time.Time) string {
	form, distance := RelativeForm(at, now)
	if distance == "" {
		return form
	}
	return fmt.Sprintf(form, distance)
}

// RelativeForm is Relative in two parts, for other languages: the sentence, and
// the distance that it has a place for. The units are the same in all of them.
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
