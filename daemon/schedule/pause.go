package schedule

import "time"

// Endless is the end of a pause without an end.
var Endless = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// Pause prevents attempts for a credential until an instant; the zero time ends
// the pause. A running attempt continues. Pause reports whether the credential is
// on the board.
func (b *Board) Pause(now time.Time, name string, until time.Time) bool {
	now = b.see(now)
	e := b.entries[Key{Obtaining, name}]
	if e == nil || e.gone {
		return false
	}
	e.edit(func(r *Record) { r.Past.PausedUntil = until })
	b.corrected[e.task.Key] = true
	if until.After(now) {
		e.asked, e.rush = false, false
	}
	b.replan(e, now)
	b.touchOne(e)
	return true
}

// PausedAt returns the end of a credential's pause, zero if it is not paused.
func (p *Past) PausedAt(now time.Time) time.Time {
	if p.PausedUntil.After(now) {
		return p.PausedUntil
	}
	return time.Time{}
}

// paused postpones an instant to the end of a pause.
func (p *Past) paused(at time.Time, why Why, now time.Time) (time.Time, Why) {
	until := p.PausedAt(now)
	switch {
	case at.IsZero() || until.IsZero() || !until.After(at):
		return at, why
	case until.Equal(Endless):
		return never, whyPaused
	}
	return until, whyPaused
}
