package schedule

import (
	"time"

	"github.com/vigented/vigente/credential"
)

// Bounds of the pace after failures.
const (
	maxCallDelay    = 5 * time.Minute  // between two calls to a backend
	firstLocalDelay = time.Second      // sinks, hooks and preflights
	maxLocalDelay   = 30 * time.Second // likewise
	attemptsPlanned = 8                // that fit between a first failure and expiry
	historyLength   = 10
	// statedGrain is how coarsely servers state what is left of a life: in whole
	// seconds, rounded down. Asked at the stated end itself, they give the dying
	// token once more.
	statedGrain = time.Second
	sameExpiry  = 2 * time.Second // two statements of one expiry differ by less
	// longestLife is beyond what a server means when it states an expiry; such
	// a token is renewed by its age instead.
	longestLife = 10 * 365 * 24 * time.Hour
)

// Result is how one attempt ended.
type Result struct {
	// At and End bound the attempt.
	At, End time.Time
	// Called says that the attempt reached the outside. An attempt that ended
	// at a preflight did not, and does not count against the floor.
	Called bool
	// Fault is nil after a success.
	Fault *credential.Fault
	// Token is the answer; credentials only.
	Token credential.Credential
	// Delivered is what the sink holds now, Changed whether its content was
	// changed for it; sinks only.
	Delivered Marks
	Changed   bool
	// Ran is the change the hook acted on; hooks only.
	Ran uint64
}

// Begin records the intent of an attempt that reaches the outside. A record
// that is found open at start tells of an attempt whose end is not known.
func Begin(r Record, at time.Time) Record {
	r.Past.AttemptAt = at
	r.Past.Open = true
	r.Past.Unknown++
	return r
}

// Vet checks an answer before it becomes a token: it must show something, show
// nothing empty, and not be over already. It returns nil when the answer is
// good.
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
		return bad("the token in the answer is over already: compare the clocks of this machine and of the server")
	}
	return nil
}

// Advance is the only way from one record to the next at the end of an
// attempt. It is pure: the same record, task and result give the same record.
func Advance(t *Task, r Record, res Result, seed uint64) Record {
	if t.Kind == Obtaining {
		held := r.Token()
		if held.Inputs != "" && held.Inputs != t.Inputs {
			// What failed before failed with other inputs: another streak begins.
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
	if res.Called && (res.Fault == nil || !res.Fault.Uncalled) {
		r.Past.Unknown = 0
		r.Past.AttemptAt = res.At
		if res.End.Before(res.At) {
			r.Past.AttemptAt = res.End // the clock was set back meanwhile
		}
	}
	if t.Kind == Obtaining {
		r.Past.History = remember(r.Past.History, res, outcome)
	} else {
		r.Past.History = nil // nobody is shown it
	}
	r.Past.PlannedAt = time.Time{}
	r.Past.PlannedAt, _ = due(t, &r, res.End, seed)
	return r
}

// outcome is what the result alone says of how the attempt ended.
func (res *Result) outcome(kind Kind) Outcome {
	switch {
	case res.Fault != nil:
		return Failed
	case kind == Delivering && !res.Changed:
		return Unchanged
	}
	return Renewed
}

// Outcome is how the attempt ended that has led to the record.
func (res *Result) Outcome(kind Kind, r *Record) Outcome {
	if n := len(r.Past.History); kind == Obtaining && n > 0 {
		return r.Past.History[n-1].Outcome
	}
	return res.outcome(kind)
}

// failed folds a failure into the past.
func failed(t *Task, r Record, res Result, seed uint64) Past {
	p := r.Past
	p.Failures++
	if p.Failures == 1 || p.FailingSince.IsZero() {
		p.FailingSince = res.End
	}
	p.Last = &Note{Reason: res.Fault.Reason, Message: res.Fault.Error(), At: res.End}
	// A preflight that failed says nothing about an earlier answer that was
	// lost; a call that was made answers the question one way or the other.
	if res.Called {
		p.Open = res.Fault.Lost
	}
	if t.Kind == Obtaining && res.Called {
		// Whatever else fails takes no refusal back: who renews by hand tries once.
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
		p.RetryAt, p.Asked = res.Fault.IdleUntil, false // a person may ask before
	}
	return p
}

// backoff is the wait after a failure: doubling from the floor to a ceiling,
// and short enough that several attempts fit before a token that still lives
// expires. The ceiling and the jitter are fixed by the first failure, so that
// the waits of one streak never shrink and never close in on the expiry in ever
// shorter steps.
func backoff(t *Task, r Record, p Past, res Result, seed uint64) time.Duration {
	first, ceiling, jitter := firstLocalDelay, maxLocalDelay, Margin{}
	if t.Kind == Obtaining {
		jitter = t.Policy.Jitter
	}
	if t.Kind == Obtaining && res.Called {
		first, ceiling = t.Policy.MinInterval, maxCallDelay
	}
	ceiling = max(first, ceiling)
	held := r.Token()
	if t.Kind == Obtaining && held.ExpiresAt.After(res.End) {
		ceiling = max(first, min(ceiling, held.ExpiresAt.Sub(p.FailingSince)/attemptsPlanned))
	}
	wait := first
	for i := 1; i < p.Failures && wait < ceiling; i++ {
		wait *= 2
	}
	wait = min(wait, ceiling)
	if wait > first {
		wait = max(first, wait-part(jitter, wait, chance(seed, t.Name, held.Revision, 1)))
	}
	if t.Kind == Obtaining && res.Called {
		// The next attempt may take as long as this one did.
		room := t.Policy.MinInterval + max(0, min(res.End.Sub(res.At), t.Policy.Timeout))
		wait = meet(wait, t.Policy.MinInterval, room, lastUseful(t, &held).Sub(res.End))
	}
	return wait
}

// lastUseful is the instant after which a call that takes its whole time-out
// ends after the expiry.
func lastUseful(t *Task, held *Token) time.Time {
	end := held.StatedEnd()
	if end.IsZero() {
		return time.Time{}
	}
	return end.Add(-t.Policy.Timeout)
}

// meet changes a wait so that an attempt falls on the last useful instant,
// which is left away from now: a backend that is back by then is in time. The
// wait ends there, or leaves room for one more attempt before it and the floor
// after that. No wait is below the floor or above the ceiling for it, so that a
// floor of minutes may rule it out, and two steps of a streak are moved at most.
func meet(wait, floor, room, left time.Duration) time.Duration {
	switch {
	case left < floor || left >= wait+room:
		return wait
	case left <= max(floor, maxCallDelay):
		return left
	case left >= floor+room:
		return left - room
	}
	return wait
}

// afterUnknown is the wait after an attempt that the daemon did not live to
// end. It counts as a failure, so that a daemon that crashes with every call
// does not call at its floor for ever: with a secret that is refused, that
// would lock the account.
func afterUnknown(t *Task, r *Record) time.Duration {
	if r.Past.Unknown == 0 {
		return 0
	}
	first := t.Policy.MinInterval
	ceiling := max(first, maxCallDelay)
	if left := r.Token().ExpiresAt.Sub(r.Past.AttemptAt); left > 0 {
		ceiling = max(first, min(ceiling, left/attemptsPlanned))
	}
	wait := first
	for i := 1; i < r.Past.Failures+r.Past.Unknown && wait < ceiling; i++ {
		wait *= 2
	}
	return min(wait, ceiling)
}

// obtained folds an answer into the token and reports whether it brought new
// values. The same values with (nearly) the same expiry leave the life as it
// is: only the count of useless answers grows, so that the next attempt keeps
// its distance.
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
		// What the server once said about these values is not undone by an
		// answer that says nothing.
		now.ExpiresAt = old.ExpiresAt
	default:
		now.PolicyExpiry = true
		age := now.MaxAge(t.Policy.MaxAge)
		if !now.IssuedAt.Add(age).After(res.End) {
			// A policy is no reason to call values dead that the server hands out
			// now: their age counts from here.
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

// extends reports whether expiry is really later than the known one, and not
// the same statement made a little later by a server that counts down.
func extends(held *Token, expiry time.Time) bool {
	life := held.ExpiresAt.Sub(held.ObtainedAt)
	return expiry.Sub(held.ExpiresAt) > max(sameExpiry, life/20)
}

// HasValue reports whether the token shows anything.
func HasValue(c credential.Credential) bool { return len(c.Values) > 0 }

// remember appends to the history and keeps its last lines, in a slice of its
// own.
func remember(h []Attempt, res Result, outcome Outcome) []Attempt {
	a := Attempt{At: res.At, Took: res.End.Sub(res.At), Outcome: outcome}
	if res.Fault != nil {
		a.Reason, a.Message = res.Fault.Reason, res.Fault.Error()
	}
	keep := h[max(0, len(h)-historyLength+1):]
	out := make([]Attempt, 0, len(keep)+1)
	return append(append(out, keep...), a)
}
