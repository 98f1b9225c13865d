package view

import (
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
)

// Headline is the first line that people read: the overall state in one sentence.
type Headline struct{ Words, Class string }

// The headlines. "Action needed" is reserved for problems that only a person can solve.
const (
	allGood   = "Everything is valid and delivered."
	empty     = "Nothing is configured yet."
	action    = "Action needed."
	outage    = "Something is out of service; retries continue."
	failing   = "Something fails; retries continue."
	beginning = "Values are being obtained or delivered."
)

// Headlines returns the words of every headline, for translations.
func Headlines() []string { return []string{allGood, empty, action, outage, failing, beginning} }

// tally counts what decides the headline.
type tally struct{ objects, actions, outages, failures, starting int }

// HeadlineOf returns the headline for what a query selected and for the configuration.
// Objects that a limit cut from the view count by their state alone.
func HeadlineOf(v engine.View, c Config) Headline {
	var t tally
	shown := TotalsOf(v)
	for state, n := range v.Totals.Credentials {
		for range min(1, n-shown.Credentials[state]) {
			t.credential(&engine.CredentialView{State: state}, v.At)
		}
	}
	for state, n := range v.Totals.Sinks {
		for range min(1, n-shown.Sinks[state]) {
			t.sink(&engine.SinkView{State: state})
		}
	}
	for i := range v.Credentials {
		t.credential(&v.Credentials[i], v.At)
	}
	for i := range v.Sinks {
		t.sink(&v.Sinks[i])
	}
	if c.LastError != "" || v.StateError != "" || Ended(c.Limits, v.At) {
		t.actions++
	}
	if c.Listener != "" || c.Cluster != "" || len(c.Warnings) > 0 {
		t.failures++
	}
	for _, f := range c.Fleets {
		if f.Bad > 0 || f.Problem != "" {
			t.actions++
		}
	}
	return t.headline()
}

func (t tally) headline() Headline {
	switch {
	case t.actions > 0:
		return Headline{action, ClassBad}
	case t.outages > 0:
		return Headline{outage, ClassBad}
	case t.failures > 0:
		return Headline{failing, ClassWarn}
	case t.starting > 0:
		return Headline{beginning, ClassWarn}
	case t.objects == 0:
		return Headline{empty, ClassGood}
	}
	return Headline{allGood, ClassGood}
}

func (t *tally) credential(c *engine.CredentialView, now time.Time) {
	t.objects++
	if Ended(LimitsOf(c.Limits), now) {
		t.actions++
	}
	switch c.State {
	case engine.Parked:
		t.actions++
	case engine.Expired:
		t.outages++
	case engine.Failing, engine.Overdue:
		t.failures++
	case engine.Pending:
		if c.LastError != nil {
			t.outages++
		}
		t.starting++
	default: // valid
	}
}

func (t *tally) sink(s *engine.SinkView) {
	t.objects++
	switch s.State {
	case engine.Failing:
		t.outages++
	case engine.Behind:
		if s.LastError != nil && s.LastError.Reason != credential.ReasonTimeout {
			t.actions++ // changed by someone else: only a person knows which value is right
			return
		}
		t.failures++
	case engine.Pending:
		t.starting++
	case engine.Delivered:
		if s.HookError != nil {
			t.failures++
		}
	default: // the states of credentials
	}
}
