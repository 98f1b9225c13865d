package schedule

import "time"

// Endless is the end of a pause that has none.
var Endless = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// Pause keeps a credential from being attempted before an instant; the zero time
// ends the pause. An attempt under way goes on. It reports whether the board has
// the credential.
func (b *Board) Pause(now time.Time, name string, until time.Time) bool {
	now = b.see(now)
	e := b.entries[Key{Obtaining, name}]
	if e == nil || e.gone {
		return false
	}
	e.edit().Past.PausedUntil = until
	b.corrected[e.task.Key] = true
	if until.After(now) {
		e.asked, e.rush = false, false
	}
	b.replan(e, now)
	b.touchOne(e)
	return true
}

// PausedAt returns until when a credential is paused, zero when it is not.
func (r *Record) PausedAt(now time.Time) time.Time {
	if r.Past.PausedUntil.After(now) {
		return r.Past.PausedUntil
	}
	return time.Time{}
}

// paused puts an instant off to the end of a pause.
func (r *Record) paused(at time.Time, why Why, now time.Time) (time.Time, Why) {
	until := r.PausedAt(now)
	switch {
	case at.IsZero() || until.IsZero() || !until.After(at):
		return at, why
	case until.Equal(Endless):
		return never, whyPaused
	}
	return until, whyPaused
}
