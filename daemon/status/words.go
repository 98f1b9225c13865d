package status

import (
	"strconv"
	"time"
)

// Distance says a span of time in its two largest units: "3 h 5 min".
func Distance(d time.Duration) string {
	if d < 0 {
		d = -d
	}
	type unit struct {
		size time.Duration
		name string
	}
	units := [...]unit{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	d = d.Truncate(time.Second)
	for i, u := range units {
		if d < u.size {
			continue
		}
		text := strconv.FormatInt(int64(d/u.size), 10) + " " + u.name
		if i+1 < len(units) {
			if rest := d % u.size / units[i+1].size; rest > 0 {
				text += " " + strconv.FormatInt(int64(rest), 10) + " " + units[i+1].name
			}
		}
		return text
	}
	return "0 s"
}

// Relative says an instant as seen from now: "in 5 min", "3 h ago", "now". It
// is empty for an unknown instant.
func Relative(at, now time.Time) string {
	d := at.Sub(now)
	switch {
	case at.IsZero():
		return ""
	case d >= time.Second:
		return "in " + Distance(d)
	case d <= -time.Second:
		return Distance(d) + " ago"
	}
	return "now"
}
