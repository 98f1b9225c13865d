package refresh

import "time"

// Apart is one of several engines whose plans have nothing in common: no
// provider with a rate, no credential made from another's. On one machine they
// disturb each other in one way only: whoever wakes up sees that the clock was
// set, and tells all. Playing them one after the other between two steps of the
// clock, and Meet at each, gives what one engine with all the plans would.
type Apart struct {
	Course *Course
	// Left is what Play returned.
	Left time.Duration
}

// NextStep returns the instant of the next step of the clock, and whether there
// is one within the course.
func (c *Course) NextStep() (time.Time, bool) {
	if len(c.Steps) == 0 || c.Steps[0].At.After(c.Until) {
		return time.Time{}, false
	}
	return c.Steps[0].At, true
}

// Meet lets the machine go through its next step of the clock, up to the
// instant at which the first of the engines sees it: all have been played to
// just before it. The courses go on from there. It reports whether that is
// within the course.
func (c *Course) Meet(all []Apart) bool {
	var wake time.Time
	for _, a := range all {
		if a.Course.now.After(c.now) {
			c.now, c.awake, c.asleep = a.Course.now, a.Course.awake, a.Course.asleep
		}
		if next := a.Course.now.Add(a.Left); a.Left > 0 && (wake.IsZero() || next.Before(wake)) {
			wake = next
		}
	}
	if wake.IsZero() || !c.sleep(wake.Sub(c.now)) {
		return false
	}
	for _, a := range all {
		a.Course.now, a.Course.offset, a.Course.awake, a.Course.asleep = c.now, c.offset, c.awake, c.asleep
	}
	return true
}
