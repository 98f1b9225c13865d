package arqged

import (
	"time"
)

const (
	// tolerance is how far a date may differ from the requested one: this, or a
	// tenth of the lifetime if that is longer.
	tolerance = 15 * time.Minute
	// maxLife is the longest lifetime that is believed.
	maxLife = 100 * 365 * 24 * time.Hour
)

// within reports whether two expiries of one lifetime roughly agree.
func within(a, b, at time.Time) bool {
	return a.Sub(b).Abs() <= max(tolerance, b.Sub(at)/10)
}

// resolve chooses among the readings of one date. A single reading is believed
// if it is in the future. Of several, it returns the one nearest to an expected
// time, if near enough; else the date is ignored.
func resolve(list []reading, at time.Time, expected []time.Time) (reading, bool) {
	if len(list) == 1 {
		r := list[0]
		return r, r.at.After(at) && r.at.Sub(at) < maxLife
	}
	var best reading
	found := false
	var distance time.Duration
	for _, r := range list {
		for _, want := range expected {
			d := r.at.Sub(want).Abs()
			if r.at.After(at) && within(r.at, want, at) && (!found || d < distance) {
				best, distance, found = r, d, true
			}
		}
	}
	return best, found
}

// deadline returns when a token expires. The claim of a JWT takes precedence,
// then the date in the answer, then the requested lifetime; of those that
// roughly agree with the first, the earliest is used. Zero means unknown.
func deadline(at, claim, stated, asked time.Time) time.Time {
	var first, end time.Time
	for _, t := range []time.Time{claim, stated, asked} {
		switch {
		case t.IsZero():
		case first.IsZero():
			first, end = t, t
		case within(t, first, at) && t.After(at) && t.Before(end):
			end = t
		}
	}
	return end
}

// refreshEnd chooses among the readings of a refresh token's expiry, whose
// lifetime is unknown: the one parsed like the token's own date, else the
// earliest in the future. An early Login does no harm.
func refreshEnd(list []reading, at time.Time, like *style) time.Time {
	var end time.Time
	for _, r := range list {
		if !r.at.After(at) || r.at.Sub(at) >= maxLife {
			continue
		}
		if like != nil && r.style == *like {
			return r.at
		}
		if end.IsZero() || r.at.Before(end) {
			end = r.at
		}
	}
	return end
}
