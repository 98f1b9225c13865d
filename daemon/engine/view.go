package engine

import (
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// View is the result of a Query at one instant. It holds no secret and never
// changes, so it may be shared.
type View struct {
	At          time.Time
	Credentials []CredentialView // in the order of the query
	Sinks       []SinkView       // likewise
	Providers   []ProviderView   // all of them, in the order of their names
	// Totals count the selection before the limit.
	Totals Totals
	// Unknown lists the names and patterns of the query that match nothing.
	Unknown []string
	// StateError says why the state could not be saved; empty if it was.
	StateError string
}

// State is the state of a credential or a sink.
type State string

// The states of a credential.
const (
	Parked   State = "parked"   // action needed: not retried automatically
	Pending  State = "pending"  // nothing obtained yet
	Handover State = "handover" // just expired, and an earlier renewal was useless
	Expired  State = "expired"  // no longer in force
	Overdue  State = "overdue"  // no stated expiry and max_age has passed: may still be in force
	Failing  State = "failing"  // in force, but renewing it fails; for a sink: delivering fails
	Valid    State = "valid"    // in force
)

// The states of a sink besides Failing and Pending.
const (
	Behind    State = "behind"
	Delivered State = "delivered"
)

// CredentialStates and SinkStates list the states, worst first.
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
	// RenewBy is when a credential without a stated expiry should be renewed; zero
	// if ExpiresAt is known.
	RenewBy time.Time
	// PausedUntil is when the pause ends; zero if there is none.
	PausedUntil time.Time
	// NextAttemptAt is zero if none is planned (parked). NextReason is a short
	// explanation, NextRule the configuration key that determined it (such as
	// "renewal.renew_before").
	NextAttemptAt        time.Time
	NextReason, NextRule string
	// LastUsefulAttemptAt is the last instant at which a renewal can start and
	// still end before expiry; zero without an expiry.
	LastUsefulAttemptAt time.Time
	Running             bool
	Failures            int
	FailingSince        time.Time      // the first failure since the last success; zero if none
	LastError           *schedule.Note // nil after a success
	History             []schedule.Attempt
	Limits              []credential.Limit
}

// InForce reports whether the credential has values that have not expired at the
// given instant.
func (c CredentialView) InForce(at time.Time) bool {
	return c.Generation > 0 && (c.ExpiresAt.IsZero() || at.Before(c.ExpiresAt))
}

// SinkView is one sink.
type SinkView struct {
	Name, Type, Path string
	State            State
	// Needs names the credentials it uses; Delivered is the generation of each that
	// it holds.
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
	CooldownUntil time.Time // zero if there is none
	Waiting       int       // due credentials that wait for rate, concurrency or cool-down
	Running       int
}
