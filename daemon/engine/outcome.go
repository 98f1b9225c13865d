package engine

import (
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// TaskKind tells what a task does.
type TaskKind = schedule.Kind

// The kinds of task.
const (
	Obtain  = schedule.Obtaining
	Deliver = schedule.Delivering
	RunHook = schedule.Hooking
)

// Outcome is the end of one attempt, told once to the observer: it becomes
// counters and at most one log line. It holds no secret.
type Outcome struct {
	Kind     schedule.Kind
	Name     string // of the credential, or of the sink
	Provider string // credentials only
	Result   schedule.Outcome
	// Called says that the backend was called; a failed preflight is not.
	Called    bool
	DueAt     time.Time
	StartedAt time.Time
	Took      time.Duration
	Fault     *credential.Fault // nil unless Result is Failed
	// Panicked says that the task panicked and was contained; Stack is where.
	Panicked bool
	Stack    string
	// Failures counts the failed attempts in a row, this one included;
	// Recovered is how many there were before this success.
	Failures, Recovered int
	Parked              bool
	// Joined says that a hook ran together with that of another sink, of which
	// the same is told.
	Joined        bool
	Generation    uint64
	ExpiresAt     time.Time
	UnreadEnd     string // what is said of a stated end that cannot be read
	NextAttemptAt time.Time
	SaveError     error // the record could not be made durable
}

// Observer is told every outcome, in order, from the conductor's goroutine; it
// must not block.
type Observer interface{ Observe(Outcome) }

// ForeignObserver is an Observer that also hears of a value in a sink that nobody
// here issued, and, with an empty message, that it is no longer there.
type ForeignObserver interface {
	Observer
	ObserveForeign(at time.Time, sink, message string)
}

// StateObserver is an Observer that also hears of every save of the state that
// failed, with its cause, and with an empty cause of the first one after it
// that did not.
type StateObserver interface {
	Observer
	ObserveState(at time.Time, cause string)
}
