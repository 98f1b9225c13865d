package view

import (
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
)

// Verdict is the first thing that a person reads: what it all amounts to.
type Verdict struct{ Words, Class string }

// The verdicts. "Action needed" is reserved for problems that only a person can solve.
const (
	allGood   = "Everything is valid and delivered."
	empty     = "Nothing is configured yet."
	action    = "Action needed."
	outage    = "Something is out of service; retries continue."
	failing   = "Something fails; retries continue."
	beginning = "Values are being obtained or delivered."
)

// Verdicts lists the words of every verdict, for translations.
func Verdicts() []string { return []string{allGood, empty, action, outage, failing, beginning} }

// tally counts what weighs in a verdict.
type tally struct{ objects, people, out, fails, begins int }

// VerdictOf gives the verdict on what a query selected, and on the
// configuration. What a limit cut off counts by its state alone.
func VerdictOf(v engine.View, c Config) Verdict {
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
		t.people++
	}
	if c.Listener != "" || c.Cluster != "" || len(c.Warnings) > 0 {
		t.fails++
	}
	for _, f := range c.Fleets {
		if f.Bad > 0 {
			t.people++
		}
	}
	return t.verdict()
}

func (t tally) verdict() Verdict {
	switch {
	case t.people > 0:
		return Verdict{action, ClassBad}
	case t.out > 0:
		return Verdict{outage, ClassBad}
	case t.fails > 0:
		return Verdict{failing, ClassWarn}
	case t.begins > 0:
		return Verdict{beginning, ClassWarn}
	case t.objects == 0:
		return Verdict{empty, ClassGood}
	}
	return Verdict{allGood, ClassGood}
}

func (t *tally) credential(c *engine.CredentialView, now time.Time) {
	t.objects++
	if Ended(LimitsOf(c.Limits), now) {
		t.people++
	}
	switch c.State {
	case engine.Parked:
		t.people++
	case engine.Expired:
		t.out++
	case engine.Failing, engine.Overdue:
		t.fails++
	case engine.Pending:
		if c.LastError != nil {
			t.out++
		}
		t.begins++
	default: // in force
	}
}

func (t *tally) sink(s *engine.SinkView) {
	t.objects++
	switch s.State {
	case engine.Failing:
		t.out++
	case engine.Behind:
		if s.LastError != nil && s.LastError.Reason != credential.ReasonTimeout {
			t.people++ // changed by someone else: only a person knows which value is right
			return
		}
		t.fails++
	case engine.Pending:
		t.begins++
	case engine.Delivered:
		if s.HookError != nil {
			t.fails++
		}
	default: // the states of credentials
	}
}
