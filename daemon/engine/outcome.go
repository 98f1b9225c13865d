package engine

import (
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// TaskKind is what a task does.
type TaskKind = schedule.Kind

// The kinds of task.
const (
	Obtain  = schedule.Obtaining
	Deliver = schedule.Delivering
	RunHook = schedule.Hooking
)

// Outcome is the end of an attempt, reported once to the observer, which counts it
// and logs at most one line. It contains no secret.
type Outcome struct {
	Kind     schedule.Kind
	Name     string // of the credential, or of the sink
	Provider string // credentials only
	Result   schedule.Outcome
	// Called means that the backend was called; a failed preflight makes no call.
	Called    bool
	DueAt     time.Time
	StartedAt time.Time
	Took      time.Duration
	Fault     *credential.Fault // nil unless Result is Failed
	// Panicked means that the task panicked; Stack says where.
	Panicked bool
	Stack    string
	// Failures counts the consecutive failures including this one; Recovered is
	// the number of failures before this success.
	Failures, Recovered int
	Parked              bool
	// Joined means that the hook ran together with that of another sink, which is
	// reported separately.
	Joined        bool
	Generation    uint64
	ExpiresAt     time.Time
	UnreadEnd     string // message about a stated expiry that cannot be parsed
	NextAttemptAt time.Time
	SaveError     error // the record could not be made durable
}

// Observer receives every outcome, in order, on the loop's goroutine. It must not
// block.
type Observer interface{ Observe(Outcome) }

// ForeignObserver is an Observer that is also told when a sink holds a value changed
// by someone else and, with an empty message, when it no longer does.
type ForeignObserver interface {
	Observer
	ObserveForeign(at time.Time, sink, message string)
}

// StateObserver is an Observer that is also told the cause of every failed save of
// the state and, with an empty cause, of the first success after it.
type StateObserver interface {
	Observer
	ObserveState(at time.Time, cause string)
}
