package schedule

import (
	"time"

	"github.com/vigented/vigente/credential"
)

// keptBack returns until when a seed is not sent again automatically, and whether
// it is kept back now. This applies after a lost answer if the seed works only
// once and cannot be replaced without a person: the server may have issued its
// successor, and may revoke everything, including the current values, when it
// sees the old seed again. So the current values are used for nine tenths of
// their remaining lifetime first, when little is left to lose. An expiry that is
// years away is not believed here either: such a value is used for max_age from the
// lost answer on.
func keptBack(t *Task, r *Record, now time.Time) (until time.Time, kept bool) {
	if !t.More().OneWay || !r.Past.Open || ambiguous(&r.Past) {
		return time.Time{}, false
	}
	held := r.Outline()
	end := held.ExpiresAt
	if end.IsZero() && !held.IssuedAt.IsZero() {
		end = held.IssuedAt.Add(t.Policy.MaxAge) // no expiry stated
	}
	// Counted from the lost answer, because the clock may have been years behind when
	// the values came.
	if end.Sub(r.Past.AttemptAt) > longestLife {
		end = firstShown(t, r).Add(t.Policy.MaxAge)
	}
	if len(held.Seed) == 0 && !t.More().Seedless || !HasValue(held.Credential) || !end.After(now) {
		return time.Time{}, false
	}
	if t.More().Grace > 0 && now.Before(firstShown(t, r).Add(t.More().Grace)) {
		return time.Time{}, false
	}
	left := end.Sub(r.Past.AttemptAt)
	lead := min(max(left/10, t.Policy.Timeout+t.Policy.MinInterval), left/2)
	until = end.Add(-lead)
	return until, until.After(now)
}

// ambiguous reports whether a task is parked because the end of another machine's
// call is unknown: then taking it over is the person's decision, not the seed's end.
func ambiguous(p *Past) bool {
	return p.Parked && p.Last != nil && p.Last.Reason == credential.ReasonAmbiguous
}

// firstShown returns a lower bound for the start of the first call whose answer
// was lost.
func firstShown(t *Task, r *Record) time.Time {
	first := r.Past.AttemptAt
	if r.Past.Failures > 0 && !r.Past.FailingSince.IsZero() {
		if began := r.Past.FailingSince.Add(-t.Policy.Timeout); began.Before(first) {
			first = began
		}
	}
	return first
}

// KeptBack returns until when a credential's seed is kept back, and whether it is.
// Until then only a manual request renews it.
func (b *Board) KeptBack(now time.Time, key Key) (until time.Time, kept bool) {
	e := b.entries[key]
	if e == nil || e.task.Kind != Obtaining || e.running {
		return time.Time{}, false
	}
	r := e.rec.Record()
	return keptBack(e.task, &r, b.see(now))
}

// Take starts a task that is not running, whatever it waits for, because a person
// provides what an attempt would obtain. It counts as running until Fold, like
// the tasks from Due.
func (b *Board) Take(now time.Time, key Key) (Start, bool) {
	now = b.see(now)
	e := b.entries[key]
	if e == nil || e.running {
		return Start{}, false
	}
	e.leave()
	b.touchOne(e)
	e.running, e.asked, e.rush, e.detached = true, false, false, false
	e.hold = nil
	e.setDueAt(now)
	e.started(now, b.applies)
	e.group.running++
	b.regate(e.group, now)
	return Start{e.task, e.rec.Record(), now, whyAsked, b.generations(e.task), b.setBack, false, false}, true
}

// Plant replaces the seed in a record with one that a person provided, and clears
// the failures of the old one. The values stay, unless they belong to an earlier
// identity.
func Plant(t *Task, r Record, seed map[string]credential.Secret) Record {
	held := r.Token()
	held.Credential, held.TokenOf = held.previous(), ""
	held.Seed, held.Inputs, held.Identity = seed, t.Inputs, t.Identity
	r.Part = held
	r.Past.Open, r.Past.Unknown, r.Past.Parked = false, 0, false
	r.Past.Failures, r.Past.FailingSince, r.Past.RetryAt, r.Past.Last = 0, time.Time{}, time.Time{}, nil
	r.Past.PauseUntil, r.Past.Asked = time.Time{}, false
	return r
}
