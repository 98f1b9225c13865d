package view

import (
	"cmp"
	"slices"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// Readiness is the verdict on a view.
type Readiness struct {
	// Ready says that every credential is in force, whatever becomes of its
	// renewal, and that every sink holds what it should.
	Ready bool `json:"ready"`
	// Reasons lists what is not as it should be, also what does not make it
	// unready: a credential in force that cannot be renewed. Never nil.
	Reasons []Reason `json:"reasons"`
	// More counts the reasons that are left out of a long list.
	More int `json:"more_reasons,omitempty"`
	// Paused tells until when no attempt is made, by credential.
	Paused map[string]Instant `json:"paused,omitempty"`
	// StateError says why the state cannot be saved, if it cannot. It makes
	// nothing unready: tokens are delivered all the same.
	StateError string `json:"state_error,omitempty"`
	// Cluster says that the engine of the cluster is away, or machines differ. It
	// makes nothing unready either.
	Cluster string `json:"cluster,omitempty"`
}

// Good reports whether there is nothing to say: every credential is valid, or
// between two values as planned, and every sink delivered.
func (r Readiness) Good() bool {
	for _, reason := range r.Reasons {
		if reason.Credential == "" || reason.State != string(engine.Handover) {
			return false
		}
	}
	return true
}

// Public is the verdict for readers who did not log in.
func (r Readiness) Public() Readiness {
	r.Reasons = slices.Clone(r.Reasons)
	for i := range r.Reasons {
		r.Reasons[i].Message = PublicText(r.Reasons[i].Message)
	}
	r.StateError = PublicText(r.StateError)
	return r
}

// Arrived reports whether what everything shown has is in force and in its
// sinks, whatever becomes of the next renewal.
func Arrived(v engine.View) bool {
	for i := range v.Credentials {
		switch c := &v.Credentials[i]; c.State {
		case engine.Pending, engine.Expired, engine.Handover:
			return false
		case engine.Parked:
			if !c.InForce(v.At) {
				return false
			}
		default: // in force
		}
	}
	for i := range v.Sinks {
		if v.Sinks[i].State != engine.Delivered {
			return false
		}
	}
	return true
}

// Reason is one thing that is not as it should be.
type Reason struct {
	Credential string `json:"credential,omitempty"`
	Sink       string `json:"sink,omitempty"`
	State      string `json:"state"`
	// Reason is the code of the last failure, or a few words when nothing failed.
	Reason string `json:"reason"`
	// Message is the failure in our own words.
	Message string `json:"message,omitempty"`
}

// String returns the reason as one line for people.
func (r Reason) String() string {
	text := r.State + ": " + cmp.Or(r.Message, r.Reason)
	switch {
	case r.Credential != "":
		return "credential " + r.Credential + ": " + text
	case r.Sink != "":
		return "sink " + r.Sink + ": " + text
	}
	return text
}

// Judge gives the verdict on all that the view shows.
func Judge(v engine.View) Readiness {
	verdict := Readiness{Ready: true, Reasons: []Reason{}, StateError: v.StateError}
	for i := range v.Credentials {
		c := &v.Credentials[i]
		if !c.PausedUntil.IsZero() {
			if verdict.Paused == nil {
				verdict.Paused = map[string]Instant{}
			}
			verdict.Paused[c.Name] = Instant{c.PausedUntil}
		}
		if c.State == engine.Valid {
			continue
		}
		verdict.Ready = verdict.Ready && serves(c, v)
		verdict.Reasons = append(verdict.Reasons, because(Reason{Credential: c.Name, State: string(c.State)}, c.LastError, idle(c.State)))
	}
	for i := range v.Sinks {
		s := &v.Sinks[i]
		if s.State == engine.Delivered {
			continue
		}
		verdict.Ready = false
		verdict.Reasons = append(verdict.Reasons, because(Reason{Sink: s.Name, State: string(s.State)}, s.LastError, idleSink(s.State)))
	}
	return verdict.rest(v)
}

// rest takes in what a limit cut off the view.
func (r Readiness) rest(v engine.View) Readiness {
	shown := TotalsOf(v)
	for state, n := range v.Totals.Credentials {
		if n -= shown.Credentials[state]; n > 0 && state != engine.Valid {
			r.More += n
			r.Ready = r.Ready && state != engine.Expired && state != engine.Pending
		}
	}
	for state, n := range v.Totals.Sinks {
		if n -= shown.Sinks[state]; n > 0 && state != engine.Delivered {
			r.More += n
			r.Ready = false
		}
	}
	return r
}

// serves reports whether a credential does for its users what it can: it is in
// force, or the gap is one that no daemon can avoid.
func serves(c *engine.CredentialView, v engine.View) bool {
	switch c.State {
	case engine.Handover, engine.Overdue:
		return true
	case engine.Expired, engine.Pending:
		return false
	default:
		return c.InForce(v.At)
	}
}

func because(r Reason, note *schedule.Note, otherwise string) Reason {
	if note == nil {
		r.Reason = otherwise
		return r
	}
	r.Reason, r.Message = string(note.Reason), note.Message
	return r
}

// idle says what a state means when nothing failed.
func idle(s engine.State) string {
	switch s {
	case engine.Pending:
		return "nothing obtained yet"
	case engine.Handover:
		return "being renewed at its end, as planned"
	case engine.Overdue:
		return "not renewed within max_age"
	case engine.Expired:
		return "no longer in force"
	default:
		return "renewal fails"
	}
}

func idleSink(s engine.State) string {
	switch s {
	case engine.Pending:
		return "nothing delivered yet"
	case engine.Behind:
		return "does not hold the newest values"
	default:
		return "delivery fails"
	}
}
