package web

import (
	"cmp"

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
	// StateError says why the state cannot be saved, if it cannot. It makes
	// nothing unready: tokens are delivered all the same.
	StateError string `json:"state_error,omitempty"`
}

// Good reports whether there is nothing to say: every credential is valid and
// every sink delivered.
func (r Readiness) Good() bool { return len(r.Reasons) == 0 }

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
	for _, c := range v.Credentials {
		if c.State == engine.Valid {
			continue
		}
		verdict.Ready = verdict.Ready && c.InForce(v.At)
		verdict.Reasons = append(verdict.Reasons, because(Reason{Credential: c.Name, State: string(c.State)}, c.LastError, idle(c.State)))
	}
	for _, s := range v.Sinks {
		if s.State == engine.Delivered {
			continue
		}
		verdict.Ready = false
		verdict.Reasons = append(verdict.Reasons, because(Reason{Sink: s.Name, State: string(s.State)}, s.LastError, idleSink(s.State)))
	}
	return verdict
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
