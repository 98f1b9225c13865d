package credential

import (
	"context"
	"time"
)

// Provider obtains one credential from one backend.
//
// Refresh makes the calls of one attempt and returns what the answer gave, or
// an error that is, or wraps, a *Fault. It must not retry by itself, sleep, or
// outlive ctx; it may be called again after any outcome, but never twice at
// the same time for one credential. It must not keep or change the request.
type Provider interface {
	Refresh(ctx context.Context, req Request) (Credential, error)
}

// Request is all that an attempt may know.
type Request struct {
	// At is the engine's now, taken before the call: lives count from here.
	At time.Time
	// Previous is the last credential obtained, zero when there is none.
	Previous Credential
	// Inputs are the credentials this kind is made from, by the names in its
	// binding, each with a value that has not expired.
	Inputs map[string]Credential
	// Lost says that an earlier call was made whose answer never arrived (cut,
	// timed out, or the daemon was killed), so that the backend may know a
	// newer credential than Previous, or may have used up its seed.
	Lost bool
}

// Revoker is a provider whose backend makes the old values worthless at the
// moment it issues new ones. The engine runs the preflight of every sink of
// such a credential before each call.
type Revoker interface{ Revokes() bool }

// Spender is a provider whose renewal may use up a seed that works only once.
// The engine makes no call that spends unless the intent is durable.
type Spender interface {
	Spends(previous Credential) bool
}

// OneWayer is a Spender that may have no way in but its seed. After an answer
// that was lost the engine keeps such a seed back; within the grace of a call
// the server takes it again.
type OneWayer interface {
	OneWay() (only bool, grace time.Duration)
}

// Prober tells whether the backend can be reached and trusted, without
// renewing, reading or changing anything there (doctor, check --probe).
type Prober interface {
	Probe(ctx context.Context) error
}

// Rehearser tells what a good answer of its backend would be, without asking
// it: the life, the hints and the limits are those of the real thing, the
// values are made up. Simulations run on it.
type Rehearser interface {
	Rehearse(req Request) Credential
}

// Complainer is a provider that keeps what its last attempt wrote for people, and
// for nobody's log: the stderr of a command.
type Complainer interface{ Stderr() Secret }

// Signer signs one request on demand (OAuth 1.0).
type Signer interface {
	// Sign returns the value of the Authorization header for a request with
	// this method, URL and form body.
	Sign(method, url string, form map[string][]string, at time.Time) (Secret, error)
}

// Sink delivers values to one place.
//
// Deliver writes the values of the set so that a reader sees the whole old or
// the whole new content, and returns whether anything was changed. It is
// never called twice at the same time for one sink. It must leave the old
// content intact when it returns an error, and must not cause a renewal.
type Sink interface {
	Deliver(ctx context.Context, set Set) (changed bool, err error)
}

// Preflighter is a sink that can tell beforehand whether delivering would work
// now, without changing anything.
type Preflighter interface {
	Preflight(ctx context.Context) error
}

// Hook is what runs after a sink has changed.
type Hook interface {
	// Run returns when the hook ended, was refused or ran out of time. Sinks are
	// the names of those it runs for, sorted, at least one.
	Run(ctx context.Context, sinks []string) error
}
