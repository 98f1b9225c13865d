package view

import (
	"cmp"
	"slices"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// Readiness is the result of Judge, and the document of /readyz.
type Readiness struct {
	// Ready means every credential is valid, even if its renewal fails, and every sink
	// holds what it should.
	Ready bool `json:"ready"`
	// Reasons lists everything that is wrong, including what does not affect Ready,
	// such as a valid credential that cannot be renewed. It is never nil.
	Reasons []Reason `json:"reasons"`
	// More counts the reasons cut from a long list.
	More int `json:"more_reasons,omitempty"`
	// Paused holds the ends of pauses, by credential.
	Paused map[string]Instant `json:"paused,omitempty"`
	// StateError says why the state cannot be saved, if it cannot. It does not affect
	// Ready, because tokens are delivered all the same.
	StateError string `json:"state_error,omitempty"`
	// Cluster says that the cluster's etcd cannot be reached, or that machines differ.
	// It does not affect Ready either.
	Cluster string `json:"cluster,omitempty"`
	// Fleets names the fleets that are empty because their table cannot be used. They
	// do not affect Ready, because nothing is known of their rows.
	Fleets []string `json:"empty_fleets,omitempty"`
}

// Good reports whether nothing is wrong: every credential is valid, or in a planned gap
// between two values, and every sink is delivered.
func (r Readiness) Good() bool {
	for _, reason := range r.Reasons {
		if reason.Credential == "" || reason.State != string(engine.Handover) {
			return false
		}
	}
	return true
}

// Public returns the readiness for readers who are not logged in.
func (r Readiness) Public() Readiness {
	r.Reasons = slices.Clone(r.Reasons)
	for i := range r.Reasons {
		r.Reasons[i].Message = PublicText(r.Reasons[i].Message)
	}
	r.StateError = PublicText(r.StateError)
	return r
}

// Arrived reports whether all credentials of the view are valid and in their sinks, even
// if the next renewal fails.
func Arrived(v engine.View) bool {
	for i := range v.Credentials {
		switch c := &v.Credentials[i]; c.State {
		case engine.Pending, engine.Expired, engine.Handover:
			return false
		case engine.Parked:
			if !c.InForce(v.At) {
				return false
			}
		default: // valid
		}
	}
	for i := range v.Sinks {
		if v.Sinks[i].State != engine.Delivered {
			return false
		}
	}
	return true
}

// Reason is one thing that is wrong.
type Reason struct {
	Credential string `json:"credential,omitempty"`
	Sink       string `json:"sink,omitempty"`
	State      string `json:"state"`
	// Reason is the code of the last failure, or a few words if nothing failed.
	Reason string `json:"reason"`
	// Message is the message of the failure.
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

// Judge returns the readiness of everything in the view.
func Judge(v engine.View) Readiness {
	readiness := Readiness{Ready: true, Reasons: []Reason{}, StateError: v.StateError}
	for i := range v.Credentials {
		c := &v.Credentials[i]
		if !c.PausedUntil.IsZero() {
			if readiness.Paused == nil {
				readiness.Paused = map[string]Instant{}
			}
			readiness.Paused[c.Name] = Instant{c.PausedUntil}
		}
		if c.State == engine.Valid {
			continue
		}
		readiness.Ready = readiness.Ready && serves(c, v)
		readiness.Reasons = append(readiness.Reasons, because(Reason{Credential: c.Name, State: string(c.State)}, c.LastError, idle(c.State)))
	}
	for i := range v.Sinks {
		s := &v.Sinks[i]
		if s.State == engine.Delivered {
			continue
		}
		readiness.Ready = false
		readiness.Reasons = append(readiness.Reasons, because(Reason{Sink: s.Name, State: string(s.State)}, s.LastError, idleSink(s.State)))
	}
	return readiness.rest(v)
}

// rest adds what a limit cut from the view.
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

// serves reports whether users get the best the credential can give: it is valid, or it
// is in a gap that no daemon can avoid.
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

// idle explains a state if nothing failed.
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
