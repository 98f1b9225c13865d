// Package eventlog writes the engine's outcomes to the log, at most one line
// per outcome.
//
// Messages are constant, so that they can be searched for; variable parts are
// in fixed keys. The first failure with a cause is written at once, repeats at
// increasing intervals with their count, and the recovery once. The text of a
// fault's cause is never written at any level, because standard library errors
// quote URLs with their query strings; at debug level its types are.
package eventlog

import (
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// Keys lists every key that the line of an outcome may have, in addition to
// those of the encoder (time, level, message).
var Keys = [...]string{
	"credential", "provider", "sink", "attempt", "reason", "generation", "expires_at", "next_attempt_at", "took",
	// The failure in our own words, and the backend's documented code.
	"detail", "code",
	// How often this cause occurred in a row, including this time; how many
	// attempts had failed before a recovery.
	"repeats", "failures",
	// Why the record of this outcome could not be saved.
	"save_error",
	// Where a recovered panic occurred; at debug level, the types of the cause.
	"stack", "cause_types",
}

// Reporter is an engine.Observer. It is safe for concurrent use.
type Reporter struct {
	log *zap.Logger

	mu      sync.Mutex
	series  map[task]*repeats
	unsaved unsaved
}

var _ engine.StateObserver = (*Reporter)(nil)

// task identifies the object of an outcome.
type task struct {
	kind engine.TaskKind
	name string
}

// New returns a reporter that writes to log.
func New(log *zap.Logger) *Reporter {
	return &Reporter{log: log, series: map[task]*repeats{}}
}

// Observe writes the line of one outcome, or counts it.
func (r *Reporter) Observe(o engine.Outcome) {
	if o.Joined {
		return // the hook that it ran with logs the same
	}
	count, due := r.count(o)
	if !due {
		return
	}
	line := r.log.Check(level(o), message(o))
	if line == nil {
		return
	}
	fields := subject(o)
	if o.Result == schedule.Failed {
		fields = append(fields, r.failure(o)...)
	}
	if o.Result != schedule.Failed && o.UnreadEnd != "" {
		fields = append(fields, zap.String("reason", string(credential.ReasonBadResponse)), zap.String("detail", o.UnreadEnd))
	}
	if count > 1 {
		fields = append(fields, zap.Int("repeats", count))
	}
	line.Write(result(fields, o)...)
}

// Install forgets removed objects.
func (r *Reporter) Install(change plan.Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range change.Credentials.Removed {
		delete(r.series, task{engine.Obtain, name})
	}
	for _, name := range change.Sinks.Removed {
		delete(r.series, task{engine.Deliver, name})
		delete(r.series, task{engine.RunHook, name})
	}
}

// messages are the messages of a renewal, of an attempt without effect, of a failure
// and of a recovery.
var messages = map[engine.TaskKind][4]string{
	engine.Obtain:  {"credential renewed", "credential unchanged", "credential renewal failed", "credential recovered"},
	engine.Deliver: {"sink written", "sink unchanged", "sink delivery failed", "sink recovered"},
	engine.RunHook: {"hook succeeded", "hook succeeded", "hook failed", "hook recovered"},
}

// message says what happened; it never depends on values.
func message(o engine.Outcome) string {
	words := messages[o.Kind]
	switch {
	case o.Result == schedule.Failed && o.Parked:
		return "credential parked"
	case o.Result == schedule.Failed:
		return words[2]
	case o.Recovered > 0:
		return words[3]
	case o.Result == schedule.Unchanged:
		return words[1]
	}
	return words[0]
}

// level is error if a person must act or a credential is unavailable, warn if
// the daemon retries, and debug for a success without effect.
func level(o engine.Outcome) zapcore.Level {
	switch {
	case o.Panicked, o.Parked:
		return zapcore.ErrorLevel
	case o.SaveError != nil && o.Kind == engine.Obtain && o.Result != schedule.Failed:
		return zapcore.ErrorLevel // a restart now would lose it
	case o.Result == schedule.Failed && reason(o) == credential.ReasonCancelled:
		return zapcore.InfoLevel // the daemon is stopping
	case o.Result == schedule.Failed && o.Kind == engine.Obtain && outOfService(o):
		return zapcore.ErrorLevel
	case o.Result == schedule.Failed:
		return zapcore.WarnLevel
	case o.UnreadEnd != "":
		return zapcore.WarnLevel
	case o.Kind == engine.Deliver && o.Result == schedule.Unchanged && o.Recovered == 0:
		return zapcore.DebugLevel
	}
	return zapcore.InfoLevel
}

// outOfService reports whether no valid value is left after the failed attempt.
func outOfService(o engine.Outcome) bool {
	return !o.ExpiresAt.IsZero() && !o.StartedAt.Add(o.Took).Before(o.ExpiresAt)
}

func reason(o engine.Outcome) credential.Reason {
	if o.Fault == nil {
		return credential.ReasonInternal
	}
	return o.Fault.Reason
}

// usualFields is how many fields the line of a success has.
const usualFields = 8

// subject returns the fields that identify the object, with room for the others.
func subject(o engine.Outcome) []zap.Field {
	fields := make([]zap.Field, 0, usualFields)
	if o.Kind == engine.Obtain {
		return append(fields, zap.String("credential", o.Name), zap.String("provider", o.Provider))
	}
	return append(fields, zap.String("sink", o.Name))
}

// result adds the fields about the outcome and the next attempt.
func result(fields []zap.Field, o engine.Outcome) []zap.Field {
	attempt := o.Recovered + 1
	if o.Result == schedule.Failed {
		attempt = o.Failures
	}
	fields = append(fields, zap.Int("attempt", attempt))
	if o.Result != schedule.Failed && o.Recovered > 0 {
		fields = append(fields, zap.Int("failures", o.Recovered))
	}
	if o.Generation > 0 {
		fields = append(fields, zap.Uint64("generation", o.Generation))
	}
	fields = append(fields, instant("expires_at", o.ExpiresAt), instant("next_attempt_at", o.NextAttemptAt))
	if o.SaveError != nil {
		fields = append(fields, zap.String("save_error", safeText(o.SaveError)))
	}
	return append(fields, zap.Duration("took", o.Took))
}

// failure returns the fields about the failure, in our own words only.
func (r *Reporter) failure(o engine.Outcome) []zap.Field {
	fields := []zap.Field{zap.String("reason", string(reason(o)))}
	if o.Fault != nil {
		if o.Fault.Message != "" {
			fields = append(fields, zap.String("detail", o.Fault.Message))
		}
		if o.Fault.Code != "" {
			fields = append(fields, zap.String("code", o.Fault.Code))
		}
		if o.Fault.Err != nil && r.log.Core().Enabled(zapcore.DebugLevel) {
			fields = append(fields, zap.Strings("cause_types", types(o.Fault.Err)))
		}
	}
	if o.Panicked {
		fields = append(fields, zap.String("stack", o.Stack))
	}
	return fields
}

// instant omits an unknown time.
func instant(key string, at time.Time) zap.Field {
	if at.IsZero() {
		return zap.Skip()
	}
	return zap.String(key, at.UTC().Format(time.RFC3339))
}
