package credential

import (
	"errors"
	"time"
)

// Reason classifies a failure. The set is fixed, so a Reason can be a metric
// label and scripts can branch on it.
type Reason string

// The reasons of a failed renewal.
const (
	ReasonNetwork        Reason = "network"         // no connection, or the connection was cut
	ReasonTimeout        Reason = "timeout"         // no answer in time
	ReasonTLS            Reason = "tls"             // the peer's certificate was not trusted, or the peer did not trust ours
	ReasonThrottled      Reason = "throttled"       // the backend asks for fewer calls
	ReasonServer         Reason = "server"          // the backend reports a fault of its own
	ReasonRejected       Reason = "rejected"        // credentials refused; parks until an input changes
	ReasonInvalidRequest Reason = "invalid_request" // the backend rejects the request as such
	ReasonBadResponse    Reason = "bad_response"    // the answer cannot be used
	ReasonCancelled      Reason = "cancelled"       // the daemon is stopping
	ReasonInternal       Reason = "internal"        // this machine: state, sink, hook, or a bug
	ReasonAmbiguous      Reason = "ambiguous"       // the outcome of another machine's call is unknown, and a second call could spend a one-time seed
)

// Reasons lists every reason once.
var Reasons = [...]Reason{
	ReasonNetwork, ReasonTimeout, ReasonTLS, ReasonThrottled, ReasonServer, ReasonRejected,
	ReasonInvalidRequest, ReasonBadResponse, ReasonCancelled, ReasonInternal, ReasonAmbiguous,
}

// Parks reports whether retrying is useless until an input changes or a person
// steps in.
func (r Reason) Parks() bool { return r == ReasonRejected }

// Fault is a classified failure. Message is in our own words and says how to
// fix it where we know; it never quotes a body, header or query string. Err is
// the cause, for errors.Is and debug logs. It is not shown to users, because
// errors of the standard library quote URLs.
type Fault struct {
	Reason  Reason
	Message string
	// Code is the backend's documented error code, if any ("ICGERENCIADOR-020").
	Code string
	// Keys are the configuration keys to check, relative to the table of the
	// provider or the credential ("client_secret", "author.certificate"). The
	// daemon adds the file and line of each to the message.
	Keys []string
	// RetryAfter is the time before which the backend asked not to be called
	// again, for any of its credentials. Zero if it did not ask.
	RetryAfter time.Time
	// IdleUntil is the time before which another call would return the same
	// answer. The backend did not ask for this wait, so renew may override it.
	IdleUntil time.Time
	// RetryAlone means RetryAfter applies to this credential only.
	RetryAlone bool
	// ClientRefused means the backend refused the client ID and secret, so any
	// credential that uses the same pair would be refused too.
	ClientRefused bool
	// Lost means the request may have taken effect although no usable answer
	// arrived.
	Lost bool
	// Uncalled means no request was made, because something it needs is missing.
	Uncalled bool
	// SeedSpent means the seed of the previous credential no longer works. It is
	// dropped and never sent to the backend again.
	SeedSpent bool
	// StaleInput names an input whose values the backend no longer accepts. The
	// engine renews that input and then retries this credential.
	StaleInput string
	Err        error
}

// Error returns the message, or the reason if there is no message.
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

// AsFault returns the Fault that err is or wraps. Any other error becomes an
// internal Fault that does not quote the error's text.
func AsFault(err error) *Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	return &Fault{Reason: ReasonInternal, Message: "an unexpected failure inside vigente (see the log at level debug)", Err: err}
}
