package credential

import (
	"context"
	"time"
)

// Provider obtains one credential from one backend.
//
// Refresh makes the calls of one attempt and returns the credential, or an
// error that is or wraps a *Fault. It must not retry, sleep, or outlive ctx. It
// may be called again after any outcome, but never concurrently for the same
// credential. It must not retain or modify the request.
type Provider interface {
	Refresh(ctx context.Context, req Request) (Credential, error)
}

// Request is everything an attempt may use.
type Request struct {
	// At is the engine's time just before the call. Lifetimes count from it.
	At time.Time
	// Previous is the last credential obtained, zero without one.
	Previous Credential
	// Inputs are the credentials this one is derived from, by the names in its
	// binding. Each has a value that has not expired.
	Inputs map[string]Credential
	// Lost means the answer to an earlier call never arrived (connection cut,
	// timeout, daemon killed). The backend may have issued a credential newer
	// than Previous, or may have spent its seed.
	Lost bool
	// Turn waits until the attempt may make another request under the rate of its
	// backend, and reports whether it may; nil for no limit.
	Turn func(context.Context) bool
}

// Again reports whether the attempt may make another request, once its turn has
// come.
func (r Request) Again(ctx context.Context) bool { return r.Turn == nil || r.Turn(ctx) }

// Revoker is a provider whose backend revokes the old values the moment it
// issues new ones. The engine runs the preflight of every sink of such a
// credential before each call.
type Revoker interface{ Revokes() bool }

// Spender is a provider whose renewal may spend a seed that works only once.
// The engine makes such a call only after its intent is durable.
type Spender interface {
	Spends(previous Credential) bool
}

// OneWayer is a Spender that may have no other way to authenticate than its
// seed. After a lost answer the engine holds such a seed back. Within grace
// after a call the server accepts the seed again.
type OneWayer interface {
	OneWay() (only bool, grace time.Duration)
}

// Prober checks that the backend can be reached and trusted, without renewing,
// reading or changing anything there (doctor).
type Prober interface {
	Probe(ctx context.Context) error
}

// Commander is a Prober that runs a command of this machine: its Probe checks
// that the command exists, and reaches no backend.
type Commander interface {
	Prober
	// Command returns the program to run, as configured.
	Command() string
}

// Rehearser returns what a successful answer of its backend would be, without
// asking it. Lifetime, hints and limits follow the configuration and the
// protocol; the values are made up. Simulations use it.
type Rehearser interface {
	Rehearse(req Request) Credential
}

// Complainer is a provider that keeps what its last attempt printed for people
// but not for the log: the stderr of a command.
type Complainer interface{ Stderr() Secret }

// Signer signs one request on demand (OAuth 1.0).
type Signer interface {
	// Sign returns the Authorization header's value for a request with this
	// method, URL and form body.
	Sign(method, url string, form map[string][]string, at time.Time) (Secret, error)
}

// Sink delivers values to one place.
//
// Deliver writes the values of the set so that a reader sees either the old or
// the new content in full, and reports whether it changed anything. It is never
// called concurrently for the same sink. If it returns an error, it must have
// left the old content intact. It must not cause a renewal.
type Sink interface {
	Deliver(ctx context.Context, set Set) (changed bool, err error)
}

// Preflighter is a sink that can check beforehand whether a delivery would
// succeed, without changing anything.
type Preflighter interface {
	Preflight(ctx context.Context) error
}

// Hook is a command to run after a sink has changed.
type Hook interface {
	// Run returns when the hook has ended, could not start, or has timed out.
	// Sinks are the names it runs for, sorted, at least one.
	Run(ctx context.Context, sinks []string) error
}
