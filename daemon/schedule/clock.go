package schedule

import (
	"container/heap"
	"slices"
	"time"
)

// see takes in the instant at which the board is asked. The board's time never
// goes back by itself, only together with all that it knows: see SetBack.
func (b *Board) see(now time.Time) time.Time {
	if now.Before(b.seen) {
		return b.seen
	}
	b.seen = now
	return now
}

// SetBack tells the board that the clock was set back by a step and shows now.
// Every instant that was counted from the clock before moves with it: floors,
// waits and budgets keep their real length, and a token whose expiry was counted
// here does not look longer-lived than it is. Instants that a server named as
// they stand (see credential.Credential.CountedExpiry) stay. The records that
// changed for it are had from Corrections.
//
// A clock that is set forward needs no word: it looks like a machine that was
// suspended, and what it makes due earlier is on the safe side.
func (b *Board) SetBack(now time.Time, by time.Duration) {
	b.seen = now
	b.setBack += by
	for _, e := range b.entries {
		e.goBack(by)
		// What a running task ends with is put right then: see catchUp.
		if !e.running {
			e.edit().moveLife(by)
		}
		if e.task.Kind == Obtaining {
			b.corrected[e.task.Key] = true
		}
	}
	for _, g := range b.groups {
		for i := range g.buckets {
			back(&g.buckets[i].next, by)
		}
		if g.rec.CooldownUntil.After(now) {
			back(&g.rec.CooldownUntil, by)
			back(&g.rec.CooledAt, by)
		}
		heap.Init(&g.waiting) // what waits may have another order by now
	}
	for _, e := range b.entries {
		if !e.gone {
			b.replan(e, now)
		}
	}
	for _, g := range b.groups {
		b.regate(g, now)
	}
}

// Correction is a record that the board changed outside of an attempt, for example
// after the clock was set back. The caller must save it.
type Correction struct {
	Key    Key
	Record Record
}

// Corrections returns each correction once. A running task is left out until its
// end.
func (b *Board) Corrections() (out []Correction) {
	for key := range b.corrected {
		e := b.entries[key]
		if e != nil && e.running {
			continue
		}
		delete(b.corrected, key)
		if e != nil {
			out = append(out, Correction{key, *e.rec})
		} else if kept, found := b.learned.Records[key]; found {
			out = append(out, Correction{key, kept})
		}
	}
	return out
}

// goBack moves what the entry knows of attempts together with the clock.
func (e *entry) goBack(by time.Duration) {
	p := &e.edit().Past
	for _, t := range []*time.Time{&e.dueAt, &p.AttemptAt, &p.FailingSince, &p.RetryAt, &p.PauseUntil} {
		back(t, by)
	}
	e.began -= by.Nanoseconds()
	if e.hold != nil {
		e.hold = &Hold{Until: e.hold.Until.Add(-by), Text: e.hold.Text}
	}
	if e.rec.counted() {
		back(&p.PlannedAt, by)
	}
	p.moveNotes(len(p.History), by, by)
}

// moveNotes moves what is noted of the past, in copies of their own: so many
// of the attempts, and the last failure.
func (p *Past) moveNotes(attempts int, by, last time.Duration) {
	if attempts > 0 {
		p.History = slices.Clone(p.History)
		for i := range attempts {
			back(&p.History[i].At, by)
		}
	}
	if p.Last != nil {
		note := *p.Last
		back(&note.At, last)
		p.Last = &note
	}
}

// counted reports whether the life of the token was counted from our clock.
func (r *Record) counted() bool {
	held := r.Token()
	return HasValue(held.Credential) && (held.CountedExpiry || held.PolicyExpiry)
}

// moveLife moves a life that was counted from our clock, and reports whether
// it was. Sinks may show where it ends, hence the revision.
func (r *Record) moveLife(by time.Duration) bool {
	if !r.counted() {
		return false
	}
	held := r.Token()
	for _, t := range []*time.Time{&held.IssuedAt, &held.ExpiresAt, &held.UsefulAfter, &held.ObtainedAt} {
		back(t, by)
	}
	held.Revision++
	r.Part = held
	return true
}

func back(t *time.Time, by time.Duration) {
	if !t.IsZero() {
		*t = t.Add(-by)
	}
}

// catchUp puts the record of an attempt right during which the clock was set
// back: what it holds of the time before was read off the clock as it was then.
func (b *Board) catchUp(e *entry, s Start, res Result, now time.Time) {
	by := b.setBack - s.setBack
	if by <= 0 {
		return
	}
	r := e.edit()
	p := &r.Past
	// An attempt that begins with something else may read the clock after the
	// step: by the clock before, it would have begun ahead of its start.
	earlier := !res.Called || !res.At.Add(-by).Before(e.startedAt())
	late := max(0, res.End.Sub(now)) // the end was read before the step, too
	switch {
	case !res.Called:
		back(&p.AttemptAt, by)
	case earlier:
		p.AttemptAt = res.At.Add(-by)
	}
	attempts, since := len(p.History), by
	if !earlier {
		attempts--
	}
	if p.FailingSince.Equal(res.End) {
		since = late
	}
	back(&p.FailingSince, since)
	back(&p.RetryAt, late)
	back(&p.PauseUntil, late)
	p.moveNotes(attempts, by, late)
	if e.task.Kind != Obtaining {
		return
	}
	b.corrected[e.task.Key] = true
	if old, is := s.Record.Token(), r.Token(); r.counted() && (earlier || old.ExpiresAt.Equal(is.ExpiresAt)) {
		r.moveLife(by)
		if is.ObtainedAt.Equal(res.End) {
			is = r.Token()
			is.ObtainedAt = res.End.Add(-late)
			r.Part = is
		}
	}
	p.PlannedAt = time.Time{}
	p.PlannedAt, _ = due(e.task, r, now, b.seed)
}

// settle gives a cool-down that began in the future, by a clock that was set
// back since, its full length from now: a clock that was days ahead for a moment
// must not keep a backend closed for days.
func (r *ProviderRecord) settle(now time.Time) {
	if by := r.CooledAt.Sub(now); by > 0 {
		back(&r.CooldownUntil, by)
		back(&r.CooledAt, by)
	}
}

// settle moves into the present what a record of an earlier life says of the
// future: the clock was set back meanwhile, nobody knows by how much. Counted
// from now, floors and waits give their full length again and no longer one,
// and so does the life of a token.
func (b *Board) settle(e *entry, now time.Time) {
	future := func(t time.Time) bool { return t.After(now) }
	if r := e.rec; !future(r.Token().ObtainedAt) && !future(r.Past.AttemptAt) && (r.Past.Last == nil || !future(r.Past.Last.At)) {
		return
	}
	r := e.edit()
	p := &r.Past
	if at := r.Token().ObtainedAt; r.counted() && at.After(now) && r.moveLife(at.Sub(now)) {
		b.corrected[e.task.Key] = true
	}
	if p.AttemptAt.After(now) {
		p.AttemptAt = now
	}
	if p.Last != nil && p.Last.At.After(now) {
		by := p.Last.At.Sub(now)
		back(&p.RetryAt, by)
		back(&p.PauseUntil, by)
		p.moveNotes(0, 0, by)
	}
}
