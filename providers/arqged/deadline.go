package arqged

import (
	"time"
)

const (
	// tolerance is how far a date may lie from what was asked for, at least;
	// a tenth of the life when that is more.
	tolerance = 15 * time.Minute
	// maxLife bounds what is believed.
	maxLife = 100 * 365 * 24 * time.Hour
)

// within reports whether two ends of one life roughly agree.
func within(a, b, at time.Time) bool {
	return a.Sub(b).Abs() <= max(tolerance, b.Sub(at)/10)
}

// resolve chooses among the readings of one date. A date that can be understood
// in one way is believed if it lies ahead. Of several ways the one nearest to
// an expected instant counts, if it is near enough; else the date is ignored.
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

// deadline is when a token ends. The claim of a JWT comes first, then the date
// in the answer, then the life that was asked for; of those that roughly agree
// with the first the earliest counts. A zero instant is one that is not known.
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

// refreshEnd chooses among the readings of a refresh token's end, of whose life
// nothing is known: the way in which the date beside it was understood, else
// the earliest that lies ahead. A Login that comes early costs nothing.
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
