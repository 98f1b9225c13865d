package credential

import (
	"errors"
	"time"
)

// Reason classifies a failure. The set is fixed, so that it can be a metric
// label and a script can branch on it.
type Reason string

// The reasons of a failed renewal.
const (
	ReasonNetwork        Reason = "network"         // no connection, or it was cut
	ReasonTimeout        Reason = "timeout"         // no answer in time
	ReasonTLS            Reason = "tls"             // the peer could not be trusted, or did not trust us
	ReasonThrottled      Reason = "throttled"       // the backend asks for fewer calls
	ReasonServer         Reason = "server"          // the backend says that it is broken
	ReasonRejected       Reason = "rejected"        // credentials refused: parks until an input changes
	ReasonInvalidRequest Reason = "invalid_request" // the backend does not accept what was asked
	ReasonBadResponse    Reason = "bad_response"    // the answer cannot be used
	ReasonCancelled      Reason = "cancelled"       // the daemon is stopping
	ReasonInternal       Reason = "internal"        // this machine: state, sink, hook, or a fault of ours
	ReasonAmbiguous      Reason = "ambiguous"       // another machine's call has no known end, and a second one could spend what works once
)

// Reasons lists every reason once.
var Reasons = [...]Reason{
	ReasonNetwork, ReasonTimeout, ReasonTLS, ReasonThrottled, ReasonServer, ReasonRejected,
	ReasonInvalidRequest, ReasonBadResponse, ReasonCancelled, ReasonInternal, ReasonAmbiguous,
}

// Parks reports whether asking again is useless until a person or an input
// changes something.
func (r Reason) Parks() bool { return r == ReasonRejected }

// Fault is a failure with its class. Message is in our own words and names the
// cure where there is one; it never repeats a body, a header or a query of the
// backend. Err is the cause; it is for errors.Is and debug logs and is not
// shown to users, since causes of the standard library repeat URLs.
type Fault struct {
	Reason  Reason
	Message string
	// Code is the backend's documented code, if any ("ICGERENCIADOR-020").
	Code string
	// Keys names the configuration keys to look at, below the table of the
	// provider or of the credential ("client_secret", "author.certificate"): the
	// daemon adds to the message where their values stand.
	Keys []string
	// RetryAfter is the instant before which the backend asked not to be
	// called again, for any of its credentials. Zero when it did not.
	RetryAfter time.Time
	// IdleUntil is the instant before which another call only brings the same
	// answer again. Nobody asked for that wait: a person may call earlier.
	IdleUntil time.Time
	// RetryAlone says that RetryAfter holds for this credential only.
	RetryAlone bool
	// ClientRefused says that the backend refused the id and secret themselves:
	// whoever shows the same would be refused too.
	ClientRefused bool
	// Lost says that the request may have taken effect though no usable answer
	// arrived.
	Lost bool
	// Uncalled says that no request was made, because what it takes is not there.
	Uncalled bool
	// SeedSpent says that the seed of the previous credential is dead for good;
	// it is forgotten, and never shown to the backend again.
	SeedSpent bool
	// StaleInput names an input whose values the backend no longer accepts:
	// the engine renews it and then tries this credential again.
	StaleInput string
	Err        error
}

// Error returns the message, or the reason when there is none.
func (f *Fault) Error() string {
	switch {
	case f.Message != "":
		return f.Message
	case f.Err != nil:
		return string(f.Reason) + ": " + f.Err.Error()
	}
	return string(f.Reason)
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }

// AsFault returns the fault that err is or wraps; any other error becomes an
// internal fault that does not repeat the error's text.
func AsFault(err error) *Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	return &Fault{Reason: ReasonInternal, Message: "an unexpected failure inside vigente (see the log at level debug)", Err: err}
}
