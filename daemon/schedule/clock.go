package schedule

import (
	"container/heap"
	"time"
)

// see returns the later of now and the latest instant seen. Only SetBack moves the
// board's time back, together with all recorded instants.
func (b *Board) see(now time.Time) time.Time {
	if now.Before(b.seen) {
		return b.seen
	}
	b.seen = now
	return now
}

// SetBack tells the board that the clock was set back by the given step and now
// shows now. It moves every instant derived from the old clock, so that intervals,
// waits and budgets keep their real length and a token whose expiry was computed
// here does not seem to live longer. Absolute instants from a server (see
// credential.Credential.CountedExpiry) stay. Corrections returns the changed
// records.
//
// A clock set forward needs no call: it looks like a suspended machine, and makes
// tasks due earlier, which is safe.
//
// The alternative is a board that counts on a time line that never goes back, with
// wall time only in records and views. It keeps every promise as well, but is more
// code: records, requests, answers, deliveries, outcomes and views are in wall time
// and would be converted in about thirty places. The expiry that a server stated, and
// the attempt planned for it, must then be moved whenever the clock is set, forward as
// well, and every stored record is rewritten each time.
func (b *Board) SetBack(now time.Time, by time.Duration) {
	b.seen = now
	b.setBack += by
	for _, e := range b.entries {
		e.goBack(by)
		// For a running task, catchUp does this at the end of the attempt.
		if !e.running {
			e.edit(func(r *Record) { r.moveLife(by) })
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
		heap.Init(&g.waiting) // the order may have changed
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

// Corrections returns each correction once, that of a running task only after its
// end.
func (b *Board) Corrections() (out []Correction) {
	for key := range b.corrected {
		e := b.entries[key]
		if e != nil && e.running {
			continue
		}
		delete(b.corrected, key)
		if e != nil {
			out = append(out, Correction{key, e.rec.Record()})
		} else if kept, found := b.learned.Records[key]; found {
			out = append(out, Correction{key, kept})
		}
	}
	return out
}

// goBack moves the entry's instants of attempts together with the clock.
func (e *entry) goBack(by time.Duration) {
	due := e.dueAt()
	back(&due, by)
	e.setDueAt(due)
	e.began -= by.Nanoseconds()
	if e.hold != nil {
		e.hold = &Hold{Until: e.hold.Until.Add(-by), Text: e.hold.Text, Final: e.hold.Final}
	}
	e.edit(func(r *Record) {
		p := &r.Past
		for _, t := range []*time.Time{&p.AttemptAt, &p.FailingSince, &p.RetryAt, &p.PauseUntil} {
			back(t, by)
		}
		if r.counted() {
			back(&p.PlannedAt, by)
		}
		p.moveNotes(len(p.History), by, by)
	})
}

// moveNotes moves the oldest attempts of the history, as many as given, by one
// step and the last failure by another. It replaces both with copies.
func (p *Past) moveNotes(attempts int, by, last time.Duration) {
	if attempts > 0 {
		p.History = p.History.movedBack(attempts, by)
	}
	if p.Last != nil {
		note := *p.Last
		back(&note.At, last)
		p.Last = &note
	}
}

// counted reports whether the token's expiry was computed from our clock.
func (r *Record) counted() bool {
	held := r.Outline()
	return HasValue(held.Credential) && (held.CountedExpiry || held.PolicyExpiry)
}

// moveLife moves the instants of a token whose expiry was computed from our clock,
// and reports whether it did. Sinks may show the expiry, hence the new revision.
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

// catchUp corrects the record of an attempt during which the clock was set back:
// its earlier instants are still those of the old clock.
func (b *Board) catchUp(e *entry, s Start, res Result, now time.Time) {
	if by := b.setBack - s.setBack; by > 0 {
		e.edit(func(r *Record) { b.catchUpRecord(e, r, s, res, by, now) })
	}
}

// catchUpRecord is catchUp for a copy of the entry's record.
func (b *Board) catchUpRecord(e *entry, r *Record, s Start, res Result, by time.Duration, now time.Time) {
	p := &r.Past
	// An attempt may call the backend only after the step. Moved back, such a
	// call would seem to precede the start of the attempt.
	earlier := !res.Called || !res.At.Add(-by).Before(e.startedAt())
	late := max(0, res.End.Sub(now)) // the end was read before the step
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
	if old, is := s.Record.Outline(), r.Outline(); r.counted() && (earlier || old.ExpiresAt.Equal(is.ExpiresAt)) {
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

// pullBack makes a cool-down that began in the future, by a clock that was set
// back since, begin now: a clock that was days ahead for a moment must not block
// a backend for days.
func (r *ProviderRecord) pullBack(now time.Time) {
	if by := r.CooledAt.Sub(now); by > 0 {
		back(&r.CooldownUntil, by)
		back(&r.CooledAt, by)
	}
}

// pullBack moves instants of a stored record that are in the future to now: the
// clock was set back by an unknown step while the daemon was down. Intervals,
// waits and the token's lifetime then have their full length from now, and not
// more.
func (b *Board) pullBack(e *entry, now time.Time) {
	future := func(t time.Time) bool { return t.After(now) }
	was := e.rec.Past()
	if !future(e.rec.Outline().ObtainedAt) && !future(was.AttemptAt) && (was.Last == nil || !future(was.Last.At)) {
		return
	}
	e.edit(func(r *Record) {
		p := &r.Past
		if at := r.Outline().ObtainedAt; r.counted() && at.After(now) && r.moveLife(at.Sub(now)) {
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
	})
}
