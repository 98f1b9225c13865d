package engine

import (
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// View is what a Query selected, at one instant. It holds no secret, is complete
// in itself and is never changed, so that it may be shared.
type View struct {
	At          time.Time
	Credentials []CredentialView // in the order that was asked for
	Sinks       []SinkView       // likewise
	Providers   []ProviderView   // all of them, in the order of their names
	// Totals count what was selected, before a limit cut it.
	Totals Totals
	// Unknown are the names and patterns of the query that fit nothing.
	Unknown []string
	// StateError says why the state could not be saved; empty when it is.
	StateError string
}

// State is what a credential or a sink is doing for its users.
type State string

// The states of a credential.
const (
	Parked   State = "parked"   // action needed: not tried again by itself
	Pending  State = "pending"  // nothing obtained yet
	Handover State = "handover" // its end has just passed, and asking earlier was useless
	Expired  State = "expired"  // no longer in force
	Overdue  State = "overdue"  // the server states no end and max_age has passed: in force for all anybody knows
	Failing  State = "failing"  // in force, but renewing it fails; for a sink: delivering fails
	Valid    State = "valid"    // in force
)

// The further states of a sink, beside Failing and Pending.
const (
	Behind    State = "behind"
	Delivered State = "delivered"
)

// CredentialStates and SinkStates list every state once, the worst first.
var (
	CredentialStates = [...]State{Parked, Pending, Handover, Expired, Overdue, Failing, Valid}
	SinkStates       = [...]State{Failing, Behind, Pending, Delivered}
)

// CredentialView is one credential.
type CredentialView struct {
	Name, Provider, Type string
	State                State
	Generation           uint64
	IssuedAt, ExpiresAt  time.Time // zero when unknown
	// RenewBy is when a credential whose server states no end should have been
	// renewed; zero where ExpiresAt is known.
	RenewBy time.Time
	// PausedUntil is when a pause ends; zero when there is none.
	PausedUntil time.Time
	// NextAttemptAt is zero when none is planned (parked). NextReason says in a
	// few words why it is at that second, NextRule names the configuration key
	// that fixed it (such as "renewal.renew_before").
	NextAttemptAt        time.Time
	NextReason, NextRule string
	// LastUsefulAttemptAt is the instant after which a renewal can no longer
	// arrive before expiry; zero without an expiry.
	LastUsefulAttemptAt time.Time
	Running             bool
	Failures            int
	FailingSince        time.Time      // the first failure since the last success; zero without any
	LastError           *schedule.Note // nil after a success
	History             []schedule.Attempt
	Limits              []credential.Limit
}

// InForce reports whether the values work at the instant of the view.
func (c CredentialView) InForce(at time.Time) bool {
	return c.Generation > 0 && (c.ExpiresAt.IsZero() || at.Before(c.ExpiresAt))
}

// SinkView is one sink.
type SinkView struct {
	Name, Type, Path string
	State            State
	// Needs names the credentials it shows; Delivered gives the generation of
	// each that it holds.
	Needs           []string
	Delivered       map[string]uint64
	LastDeliveredAt time.Time
	NextAttemptAt   time.Time
	LastError       *schedule.Note
	HasHook         bool
	HookOwed        bool
	HookRunning     bool
	HookError       *schedule.Note
}

// ProviderView is one backend.
type ProviderView struct {
	Name, Type    string
	CooldownUntil time.Time // zero when there is none
	Waiting       int       // due credentials that wait for rate, concurrency or cool-down
	Running       int
}
