package schedule

import (
	"time"
)

// Why is the reason for an instant. Rule is the configuration key that determined
// it (such as "renew_before"), empty if none did; Text is a short explanation.
type Why struct{ Rule, Text string }

// The reasons for the next attempt.
var (
	whyFirst       = Why{"", "nothing has been obtained yet"}
	whyIdentity    = Why{"", "its identity at the backend has changed"}
	whyPaused      = Why{"", "paused by a person"}
	whyInputs      = Why{"", "its secrets or keys have changed"}
	whyAsked       = Why{"", "requested manually"}
	whyRenewBefore = Why{"renew_before", "renewed ahead of expiry"}
	whyHalfLife    = Why{"renew_before", "renewed at half of its life, because renew_before would leave less than min_interval"}
	whyMaxAge      = Why{"max_age", "renewed by age, because the server states no expiry"}
	whyEndless     = Why{"max_age", "renewed by age, because the stated expiry is years away"}
	whySchedule    = Why{"schedule", "scheduled for this time"}
	whyHint        = Why{"", "an earlier request would return the same values"}
	whySame        = Why{"renew_before", "the last answer brought nothing new"}
	whyMinInterval = Why{"min_interval", "the minimum interval between two calls"}
	whyRetry       = Why{"min_interval", "retry after a failure"}
	whyLocalRetry  = Why{"", "retry after a failure on this machine"}
	whyLastUseful  = Why{"timeout", "the last attempt whose answer still arrives before expiry"}
	whyRetryAfter  = Why{"", "the backend asked to wait until then"}
	whyCooldown    = Why{"", "the backend asked all callers to wait until then"}
	whyRate        = Why{"rate", "waits for the provider's rate limit"}
	whyConcurrency = Why{"concurrency", "waits for the provider's concurrency limit"}
	whyInput       = Why{"", "waits for a credential that it depends on"}
	whyPlanned     = Why{"", "planned before the timing settings changed"}
	whyLost        = Why{"", "the last answer was lost"}
	whyKeptBack    = Why{"", "the last answer was lost, and the refresh token, or whatever works only once, may be used up: it is sent again when the current value is about to expire"}
	whyUnknown     = Why{"min_interval", "retry after calls with an unknown outcome"}
	whyOwed        = Why{"", "the values have changed"}
	whyTarget      = Why{"", "the sink's configuration has changed"}
	whyTogether    = Why{"", "the same command is running, or waiting for other sinks"}
	whyHook        = Why{"", "the sink has changed"}
	whyParked      = Why{"", "parked: action needed"}
	whyAbsent      = Why{"", "parked: something that it depends on is missing"}
	whyIdle        = Why{"", "nothing to do"}
)

// AskedToWait reports whether an instant was fixed by a backend that asked to
// be left alone until then.
func AskedToWait(text string) bool { return text == whyRetryAfter.Text || text == whyCooldown.Text }

// never is the instant of a task that does not start by itself.
var never time.Time

// due returns when a credential should be attempted next according to its own
// record, and why. The zero time means not by itself. Sinks and hooks depend on
// other records too: see Board.next.
func due(t *Task, r *Record, now time.Time, seed uint64) (time.Time, Why) {
	if t.Kind != Obtaining {
		return never, whyIdle
	}
	at, why := wanted(t, r, now, seed)
	if at.IsZero() {
		return at, why
	}
	// SetBack keeps attempts out of the future, except for one during which the
	// clock was set back.
	last := r.Past.AttemptAt
	if last.After(now) {
		last = now
	}
	earliest := last.Add(t.Policy.MinInterval)
	if wait := last.Add(afterUnknown(t, r)); wait.After(earliest) && wait.After(at) {
		return wait, whyUnknown
	}
	// An instant planned at the minimum interval keeps that reason.
	if !r.Past.AttemptAt.IsZero() && (earliest.After(at) || why == whyPlanned && earliest.Equal(at)) {
		return earliest, whyMinInterval
	}
	return at, why
}

// wanted is due without the minimum interval.
func wanted(t *Task, r *Record, now time.Time, seed uint64) (time.Time, Why) {
	// Another secret ends the parking, but not the doubt about a lost answer.
	other := otherInputs(t, r.Outline())
	if r.Past.Parked && !other {
		return never, whyParked
	}
	if until, kept := keptBack(t, r, now); kept {
		return until, whyKeptBack
	}
	held := r.Outline()
	switch {
	case other:
		return now, whyInputs
	case r.Past.Failures > 0:
		if r.Past.Asked {
			return r.Past.RetryAt, whyRetryAfter
		}
		if r.Past.RetryAt.Equal(lastUseful(t, &held)) {
			return r.Past.RetryAt, whyLastUseful
		}
		return r.Past.RetryAt, whyRetry
	case r.Past.Open:
		return now, whyLost
	case !HasValue(held.Credential):
		return now, whyFirst
	case held.Borrowed():
		return now, whyIdentity
	}
	at, why := planned(t, r, seed)
	if p := r.Past.PlannedAt; !at.After(now) && p.After(now) {
		// Not after expiry: max_age or min_interval may be shorter now.
		if end := later(held.ExpiresAt, held.UsefulAfter); p.After(end) {
			at = end
		} else {
			at, why = p, whyPlanned
		}
		if t.Policy.Schedule != nil {
			if s := t.Policy.Schedule.Next(now); !s.IsZero() && s.Before(at) {
				at, why = s, whySchedule
			}
		}
	}
	return at, why
}

// otherInputs reports whether the secrets or keys have changed since the last
// attempt.
func otherInputs(t *Task, held Token) bool {
	return held.Inputs != "" && held.Inputs != t.Inputs && t.More().Absent == ""
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// planned returns the instant at which to renew a token after a success.
func planned(t *Task, r *Record, seed uint64) (time.Time, Why) {
	p, tok := t.Policy, r.Outline()
	from := tok.ObtainedAt
	life := tok.ExpiresAt.Sub(from)
	margin, why := renewalMargin(p, life)
	if tok.PolicyExpiry {
		why = whyMaxAge
		if !p.OwnRenewBefore {
			// max_age itself is when to renew; the short lead lets the answer
			// arrive before then.
			margin = max(0, min(life/50, 2*p.Timeout))
		}
	}
	at := tok.ExpiresAt.Add(-margin)
	endless := !tok.PolicyExpiry && life > longestLife
	if endless {
		// Every answer, including an unchanged one, is good for max_age: the wait
		// and the jitter count from the last attempt.
		from = r.Past.AttemptAt
		at, why = from.Add(p.MaxAge), whyEndless
	}
	if wait := at.Sub(from); wait > 0 {
		at = at.Add(-part(p.Jitter, wait, chance(seed, t.Name, tok.Revision, 0)))
	}
	if tok.Unchanged > 0 && !endless {
		// If the server returns the same token again, retry in fixed steps from
		// the planned instant to expiry. A manual request before the planned
		// instant does not start them. After expiry, when the server's clock may
		// be seconds behind, the step is the minimum interval.
		last, step := r.Past.AttemptAt, p.MinInterval
		if tok.ExpiresAt.After(last) {
			step = max(step, tok.ExpiresAt.Sub(at)/5)
		}
		if next := last.Add(step); next.After(at) {
			at, why = next, whySame
			// Skip a step too close to expiry for another call right after it.
			if end := tok.ExpiresAt.Add(statedGrain); tok.ExpiresAt.After(last) && at.After(end.Add(-p.MinInterval)) {
				at = end
			}
		}
	}
	if p.Schedule != nil {
		if s := p.Schedule.Next(r.Past.AttemptAt); !s.IsZero() && s.Before(at) {
			at, why = s, whySchedule
		}
	}
	if tok.UsefulAfter.After(at) {
		at, why = tok.UsefulAfter, whyHint
	}
	return at, why
}

// renewalMargin returns how long before expiry to renew, and why. A margin that
// leaves less than the minimum interval would cause a call per interval forever:
// half of the lifetime is used instead.
func renewalMargin(p *Policy, life time.Duration) (time.Duration, Why) {
	margin := p.RenewBefore.Of(life)
	if life > 0 && life-margin < p.MinInterval {
		return life / 2, whyHalfLife
	}
	return margin, whyRenewBefore
}

// part returns the given fraction (0 to below 1) of the margin for span.
func part(m Margin, span time.Duration, chance float64) time.Duration {
	return time.Duration(float64(m.Of(span)) * chance)
}

// chance returns a pseudo-random number from 0 to below 1. It is the same for the
// same attempt on the same host, so a restart changes no instant.
func chance(seed uint64, name string, revision uint64, attempt int) float64 {
	const prime = 1099511628211
	h := seed ^ 14695981039346656037
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * prime
	}
	h = (h ^ revision) * prime
	h = (h ^ uint64(attempt)) * prime
	// The finaliser of MurmurHash3 spreads the low bits over all of them.
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return float64(h>>11) / (1 << 53)
}
