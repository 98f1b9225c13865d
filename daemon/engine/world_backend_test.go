package engine

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/vigented/vigente/credential"
)

// account is an identity at a backend, with its server's state.
type account struct {
	provider *providerNature
	luck     luck
	issued   int
	answers  int           // good ones
	values   string        // those handed out last, as "name#number"
	from     time.Duration // their life, by true time
	until    time.Duration
	older    map[string]time.Duration // still honoured, until then
	seeds    int
	seed     string          // the one that works
	spent    map[string]bool // those that work no more, and whether they were used up
	refuses  map[string]bool // inputs that are refused for good
	lies     map[string]bool // values of whose life it last said something wrong
}

// honours reports whether the server accepts these values now.
func (a *account) honours(values string, now time.Duration) bool {
	if values == "" {
		return false
	}
	if values == a.values {
		return now < a.until
	}
	until, ok := a.older[values]
	return ok && now < until
}

// issue returns new values.
func (a *account) issue(name string, life, now time.Duration) {
	if a.provider.revokes {
		clear(a.older)
	} else if a.values != "" {
		maps.DeleteFunc(a.older, func(_ string, until time.Duration) bool { return until <= now })
		a.older[a.values] = a.until
	}
	a.issued++
	a.values = name + "#" + strconv.Itoa(a.issued)
	a.from, a.until = now, now+life
}

// rotate spends the seed, or a login takes its place, and makes another one.
func (a *account) rotate(shown bool) {
	if !a.provider.spends {
		return
	}
	if a.seed != "" {
		a.spent[a.seed] = shown
	}
	a.seeds++
	a.seed = "seed#" + strconv.Itoa(a.seeds)
}

// source is the provider side of a backend.
type source struct {
	w *world
	n *credentialNature
	p *providerNature
}

// Revokes implements credential.Revoker.
func (s *source) Revokes() bool { return s.p.revokes }

// Spends implements credential.Spender.
func (s *source) Spends(previous credential.Credential) bool { return len(previous.Seed) > 0 }

// OneWay implements credential.OneWayer.
func (s *source) OneWay() (only bool, grace time.Duration) { return s.p.oneWay, 0 }

// shows reports whether a request sends its seed. Otherwise it logs in with the
// password or, without a password, a person has logged in.
func (s *source) shows(req credential.Request) bool {
	return len(req.Previous.Seed) > 0 && (s.p.oneWay || !req.Lost)
}

// failure is a failure at the backend.
func failure(reason credential.Reason, lost bool) *credential.Fault {
	return &credential.Fault{Reason: reason, Lost: lost}
}

// Refresh makes one call.
func (s *source) Refresh(_ context.Context, req credential.Request) (credential.Credential, error) {
	w, none := s.w, credential.Credential{}
	if w.step() {
		return none, errDead
	}
	a := w.account(s.n, s.p)
	half := a.luck.upTo(s.p.latency)/2 + time.Millisecond
	w.laws.called(s, req)
	if w.pass(half) {
		return none, errDead
	}
	trouble := w.trouble(atBackend, s.n.provider)
	effect, f := s.refused(a, trouble, req)
	life := s.p.life
	switch {
	case trouble == nil:
	case trouble.how == over, trouble.how == overNow:
		life = 0
	case trouble.how == brief:
		life = 3 * time.Second
	case trouble.how == repeating && a.values != "" && a.until > w.now:
		life = -1
	}
	if s.p.says == saysSame && a.values != "" && a.until-w.now > s.p.life/8 {
		life = -1 // the same again
	}
	if effect {
		if trouble != nil && trouble.how == panicking && trouble.span < time.Minute {
			panic("before it was understood")
		}
		if life >= 0 {
			a.issue(s.n.identity, life, w.now)
		}
		a.rotate(s.shows(req))
	}
	if w.step() {
		return none, errDead
	}
	wait := half
	if f != nil && (f.Reason == credential.ReasonTimeout) {
		wait = s.n.policy.Timeout - half
		if trouble.how == hanging {
			wait += trouble.span
		}
	}
	if w.pass(max(0, wait)) || w.step() {
		return none, errDead
	}
	if f != nil {
		if len(req.Previous.Seed) > 0 && (f.Lost || req.Lost) && !s.p.oneWay {
			f.SeedSpent = true // it logs in from here on
		}
		if trouble != nil && trouble.how == throttlingFor {
			f.RetryAfter = w.wall().Add(trouble.span)
		}
		w.say("answer: %s: %s", s.n.name, f.Reason)
		return none, f
	}
	if trouble != nil && trouble.how == panicking {
		panic("after it was understood")
	}
	a.answers++
	return s.answer(a, trouble, req), nil
}

// refused decides whether the call reaches the server, and how it fails.
func (s *source) refused(a *account, trouble *window, req credential.Request) (effect bool, f *credential.Fault) {
	w := s.w
	inputs := strconv.Itoa(s.n.inputs)
	if trouble != nil {
		switch trouble.how {
		case unreachable:
			return false, failure(credential.ReasonNetwork, false)
		case silent, hanging:
			return a.luck.n(2) == 0, failure(credential.ReasonTimeout, true)
		case broken:
			return false, failure(credential.ReasonServer, false)
		case throttling, throttlingFor:
			return false, failure(credential.ReasonThrottled, false)
		case rejecting:
			a.refuses[inputs] = true
		case forgetful:
			if seed := req.Previous.Seed["refresh"].Reveal(); a.seed != "" && seed == a.seed && s.shows(req) {
				a.spent[seed], a.seed = true, ""
				return false, &credential.Fault{Reason: credential.ReasonBadResponse, SeedSpent: true}
			}
		default: // the others change nothing here
		}
	}
	if a.refuses[inputs] {
		return false, failure(credential.ReasonRejected, false)
	}
	for name, input := range req.Inputs {
		values, n := input.Values["token"].Reveal(), w.nature.plan.credential(name)
		if n == nil {
			return false, failure(credential.ReasonInvalidRequest, false)
		}
		if of := w.account(n, w.providerOf(n)); !of.honours(values, w.now) {
			w.laws.refusedInput(s.n.name, values, of.answers)
			return false, &credential.Fault{Reason: credential.ReasonInvalidRequest, StaleInput: name}
		}
	}
	if seed := req.Previous.Seed["refresh"].Reveal(); s.shows(req) {
		if used, over := a.spent[seed]; over {
			if used {
				w.laws.shownSpent(s, seed, req)
			}
			if s.p.oneWay {
				a.until = min(a.until, w.now) // the whole family ends
				clear(a.older)
			}
			return false, &credential.Fault{Reason: credential.ReasonBadResponse, SeedSpent: true}
		}
	}
	if trouble != nil && trouble.how == lost {
		return true, failure(credential.ReasonNetwork, true)
	}
	return true, nil
}

// answer returns the answer to a call that took effect.
func (s *source) answer(a *account, trouble *window, req credential.Request) credential.Credential {
	c := credential.Credential{Values: map[string]credential.Secret{
		"token": credential.NewSecret(a.values), "check": credential.NewSecret("check of " + a.values),
	}}
	if a.seed != "" {
		c.Seed = map[string]credential.Secret{"refresh": credential.NewSecret(a.seed)}
	}
	left := a.until - s.w.now
	switch s.p.says {
	case saysLeft, saysSame:
		c.ExpiresAt, c.CountedExpiry = req.At.Add(left), true
	case saysInstant:
		c.ExpiresAt = origin.Add(a.until).Truncate(time.Second)
	case saysNothing:
	}
	// By values: an answer that the daemon did not live to hear sets nothing right.
	if a.lies[a.values] = trouble != nil && slices.Contains([]failing{brief, over, overNow, eternal, unsaid, repeating}, trouble.how); trouble == nil {
		return c
	}
	switch trouble.how {
	case emptied:
		c.Values["check"] = credential.Secret{}
	case over:
		c.ExpiresAt = req.At.Add(-time.Hour)
	case overNow:
		c.ExpiresAt = req.At
	case eternal:
		c.ExpiresAt = req.At.AddDate(100, 0, 0)
	case unsaid:
		c.ExpiresAt = time.Time{}
	default: // the others change nothing here
	}
	return c
}
