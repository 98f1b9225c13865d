package schedule

import (
	"time"

	"github.com/vigented/vigente/credential"
)

// Limits for retries.
const (
	maxCallDelay    = 5 * time.Minute  // between two calls to a backend
	firstLocalDelay = time.Second      // for sinks, hooks and preflights
	maxLocalDelay   = 30 * time.Second // likewise
	attemptsPlanned = 8                // attempts that fit between the first failure and expiry
	historyLength   = 10
	// statedGrain is the resolution of stated lifetimes: servers round down to
	// whole seconds, so a call at the stated expiry may return the same token again.
	statedGrain = time.Second
	sameExpiry  = 2 * time.Second // statements of the same expiry differ by at most this
	// longestLife is the longest credible lifetime; a token with a longer one is
	// renewed by its age instead.
	longestLife = 10 * 365 * 24 * time.Hour
)

// Result is how one attempt ended.
type Result struct {
	// At and End are the start and the end of the attempt.
	At, End time.Time
	// Called means that the attempt called the backend, sink or hook. An attempt
	// that failed in the preflight did not, and starts no minimum interval.
	Called bool
	// Fault is nil after a success.
	Fault *credential.Fault
	// Token is the answer; credentials only.
	Token credential.Credential
	// Delivered is what the sink holds now, Changed whether the attempt changed its
	// content; sinks only.
	Delivered Marks
	Changed   bool
	// Ran is the change that the hook handled; hooks only.
	Ran uint64
}

// Begin records that an attempt is about to call the backend. If the daemon
// finds such a record at startup, the outcome of that attempt is unknown.
func Begin(r Record, at time.Time) Record {
	r.Past.AttemptAt = at
	r.Past.Open = true
	r.Past.Unknown++
	return r
}

// Vet checks an answer before it becomes a token: it must have values, none of
// them empty, and must not have expired. It returns nil if the answer is valid.
func Vet(c credential.Credential, at time.Time) *credential.Fault {
	bad := func(message string) *credential.Fault {
		return &credential.Fault{Reason: credential.ReasonBadResponse, Message: message}
	}
	if len(c.Values) == 0 {
		return bad("the answer contains no token")
	}
	for name, v := range c.Values {
		if v.IsZero() {
			return bad("the answer holds an empty " + name)
		}
	}
	if !c.ExpiresAt.IsZero() && !c.ExpiresAt.After(at) {
		return bad("the token in the answer has already expired: compare the clocks of this machine and of the server")
	}
	return nil
}

// Advance returns the record after an attempt. It is pure: the same record, task
// and result give the same record.
func Advance(t *Task, r Record, res Result, seed uint64) Record {
	if t.Kind == Obtaining {
		held := r.Token()
		if held.Inputs != "" && held.Inputs != t.Inputs {
			// Earlier failures were with other inputs: start a new streak.
			r.Past.Failures, r.Past.FailingSince, r.Past.Parked = 0, time.Time{}, false
		}
		held.Inputs, held.Identity = t.Inputs, t.Identity
		r.Part = held
	}
	outcome := res.outcome(t.Kind)
	if res.Fault != nil {
		r.Past = failed(t, r, res, seed)
		if res.Fault.SeedSpent {
			held := r.Token()
			held.Seed = nil
			r.Part = held
		}
	} else {
		switch t.Kind {
		case Obtaining:
			held, fresh := obtained(t, r.Token(), &res)
			if r.Part = held; !fresh {
				outcome = Unchanged
			}
		case Delivering:
			d := r.Delivery()
			d.Delivered, d.DeliveredAt, d.Target = res.Delivered, res.End, t.Target
			r.Part = d
		case Hooking:
			r.Part = HookRun{res.Ran}
		}
		r.Past.Open, r.Past.Failures, r.Past.FailingSince = false, 0, time.Time{}
		r.Past.RetryAt, r.Past.PauseUntil, r.Past.Asked, r.Past.Parked, r.Past.Last = time.Time{}, time.Time{}, false, false, nil
		r.Past.PauseAlone, r.Past.ClientRefused = false, false
	}
	line := res.historyAttempt(outcome)
	if res.Called && (res.Fault == nil || !res.Fault.Uncalled) {
		line.AfterUnknown = r.Past.Unknown > 1 // this attempt counts too
		r.Past.Unknown = 0
		r.Past.AttemptAt = res.At
		if res.End.Before(res.At) {
			r.Past.AttemptAt = res.End // the clock was set back meanwhile
		}
	}
	if t.Kind == Obtaining {
		r.Past.History = r.Past.History.with(line)
	} else {
		r.Past.History = nil // never shown
	}
	r.Past.PlannedAt = time.Time{}
	r.Past.PlannedAt, _ = due(t, &r, res.End, seed)
	return r
}

// outcome returns the outcome as far as the result alone tells.
func (res *Result) outcome(kind Kind) Outcome {
	switch {
	case res.Fault != nil:
		return Failed
	case kind == Delivering && !res.Changed:
		return Unchanged
	}
	return Renewed
}

// Outcome returns the outcome of the attempt that produced the record.
func (res *Result) Outcome(kind Kind, r *Record) Outcome {
	if kind == Obtaining && len(r.Past.History) > 0 {
		return r.Past.History.Last().Outcome
	}
	return res.outcome(kind)
}

// failed returns the past after a failure.
func failed(t *Task, r Record, res Result, seed uint64) Past {
	p := r.Past
	p.Failures++
	if p.Failures == 1 || p.FailingSince.IsZero() {
		p.FailingSince = res.End
	}
	p.Last = &Note{Reason: res.Fault.Reason, Message: res.Fault.Error(), At: res.End}
	// A failed preflight does not tell whether an earlier call took effect; a
	// call does.
	if res.Called {
		p.Open = res.Fault.Lost
	}
	if t.Kind == Obtaining && res.Called {
		// Another failure does not undo a refusal: a manual request tries once.
		p.Parked = p.Parked || res.Fault.Reason.Parks()
		p.ClientRefused = clientRefused(res.Fault)
	}
	if p.PauseUntil = (time.Time{}); res.Called && res.Fault.RetryAfter.After(res.End) {
		p.PauseUntil = res.Fault.RetryAfter
	}
	p.PauseAlone = res.Fault.RetryAlone || !res.Fault.IdleUntil.IsZero()
	p.RetryAt = res.End.Add(backoff(t, r, p, res, seed))
	if p.Asked = res.Fault.RetryAfter.After(p.RetryAt); p.Asked {
		p.RetryAt = res.Fault.RetryAfter
	}
	if res.Fault.IdleUntil.After(p.RetryAt) {
		p.RetryAt, p.Asked = res.Fault.IdleUntil, false // a manual request may come earlier
	}
	return p
}

// backoff returns the wait after a failure: it doubles from the minimum interval
// up to a ceiling that lets several attempts fit before the token expires. The
// first failure of a streak fixes the ceiling and the jitter, so that its waits
// never shrink as the expiry approaches.
func backoff(t *Task, r Record, p Past, res Result, seed uint64) time.Duration {
	first, ceiling, jitter := firstLocalDelay, maxLocalDelay, Margin{}
	if t.Kind == Obtaining {
		jitter = t.Policy.Jitter
	}
	if t.Kind == Obtaining && res.Called {
		first, ceiling = t.Policy.MinInterval, maxCallDelay
	}
	ceiling = max(first, ceiling)
	held := r.Outline()
	if t.Kind == Obtaining && held.ExpiresAt.After(res.End) {
		ceiling = max(first, min(ceiling, held.ExpiresAt.Sub(p.FailingSince)/attemptsPlanned))
	}
	wait := first
	for i := 1; i < int(p.Failures) && wait < ceiling; i++ {
		wait *= 2
	}
	wait = min(wait, ceiling)
	if wait > first {
		wait = max(first, wait-part(jitter, wait, chance(seed, t.Name, held.Revision, 1)))
	}
	if t.Kind == Obtaining && res.Called {
		// Assume that the next attempt takes as long as this one.
		room := t.Policy.MinInterval + max(0, min(res.End.Sub(res.At), t.Policy.Timeout))
		wait = aimAtLastUseful(wait, t.Policy.MinInterval, room, lastUseful(t, &held).Sub(res.End))
	}
	return wait
}

// lastUseful returns the last instant at which a call that takes its whole
// timeout still ends before expiry, zero if no expiry is stated.
func lastUseful(t *Task, held *Token) time.Time {
	end := held.StatedEnd()
	if end.IsZero() {
		return time.Time{}
	}
	return end.Add(-t.Policy.Timeout)
}

// aimAtLastUseful adjusts a backoff so that one attempt starts at the last useful
// instant, which is left away: the last whose answer can still arrive before
// expiry. The wait ends there, or early enough (room) for one more attempt and
// the minimum interval before it. It stays between the minimum interval and the
// longest delay between calls, so a long interval may rule this out. At most two
// waits of a streak are adjusted.
func aimAtLastUseful(wait, minInterval, room, left time.Duration) time.Duration {
	switch {
	case left < minInterval || left >= wait+room:
		return wait
	case left <= max(minInterval, maxCallDelay):
		return left
	case left >= minInterval+room:
		return left - room
	}
	return wait
}

// afterUnknown returns the wait after attempts during which the daemon died.
// They count as failures: a daemon that crashes on every call must not keep
// calling at the minimum interval, which could lock the account.
func afterUnknown(t *Task, r *Record) time.Duration {
	if r.Past.Unknown == 0 {
		return 0
	}
	first := t.Policy.MinInterval
	ceiling := max(first, maxCallDelay)
	if left := r.Outline().ExpiresAt.Sub(r.Past.AttemptAt); left > 0 {
		ceiling = max(first, min(ceiling, left/attemptsPlanned))
	}
	wait := first
	for i := 1; i < int(r.Past.Failures+r.Past.Unknown) && wait < ceiling; i++ {
		wait *= 2
	}
	return min(wait, ceiling)
}

// obtained applies an answer to the token and reports whether it brought new
// values. The same values with (nearly) the same expiry leave the lifetime as it
// is and only increment Unchanged, which delays the next attempt.
func obtained(t *Task, held Token, res *Result) (after Token, fresh bool) {
	before, now := held.previous(), res.Token
	old := &before
	if now.IssuedAt.IsZero() {
		now.IssuedAt = res.At
	}
	fresh = !HasValue(*old) || !old.SameValues(now)
	switch {
	case !now.ExpiresAt.IsZero():
	case !fresh && !old.PolicyExpiry && old.ExpiresAt.After(res.End):
		// An answer without an expiry does not override what the server once
		// stated for these values.
		now.ExpiresAt = old.ExpiresAt
	default:
		now.PolicyExpiry = true
		age := now.MaxAge(t.Policy.MaxAge)
		if !now.IssuedAt.Add(age).After(res.End) {
			// The server has just returned these values, so max_age must not make
			// them expired: count their age from now.
			now.IssuedAt = res.At
		}
		now.ExpiresAt = now.IssuedAt.Add(age)
	}
	now.Generation = old.Generation
	switch {
	case fresh:
		now.Generation++
		held.Revision++
		held.Unchanged, held.ObtainedAt = 0, res.End
	case now.PolicyExpiry && !now.IssuedAt.Equal(old.IssuedAt), !now.PolicyExpiry && extends(&held, now.ExpiresAt):
		if !now.PolicyExpiry {
			now.IssuedAt = old.IssuedAt
		}
		held.Revision++
		held.Unchanged, held.ObtainedAt = 0, res.End
	default:
		held.Unchanged++
		now.IssuedAt = old.IssuedAt
		if d := now.ExpiresAt.Sub(old.ExpiresAt).Abs(); d <= sameExpiry {
			now.ExpiresAt = old.ExpiresAt
		} else {
			held.Revision++
		}
	}
	held.Credential, held.TokenOf = now, ""
	return held, fresh
}

// extends reports whether expiry is really later than the known one, rather than
// the same expiry restated by a server that counts down.
func extends(held *Token, expiry time.Time) bool {
	life := held.ExpiresAt.Sub(held.ObtainedAt)
	return expiry.Sub(held.ExpiresAt) > max(sameExpiry, life/20)
}

// HasValue reports whether the credential has values.
func HasValue(c credential.Credential) bool { return len(c.Values) > 0 }

// historyAttempt returns the attempt as the history shows it.
func (res *Result) historyAttempt(outcome Outcome) Attempt {
	a := Attempt{At: res.At, Took: res.End.Sub(res.At), Outcome: outcome}
	if res.Fault != nil {
		a.Reason, a.Message = res.Fault.Reason, res.Fault.Error()
	}
	return a
}
