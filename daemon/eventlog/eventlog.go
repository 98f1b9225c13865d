// Package eventlog writes the engine's outcomes to the log, at most one line an
// outcome.
//
// Messages are constant, so that they can be searched for; what varies stands
// in fixed keys. The first failure of a cause is written at once, repeats of it
// at growing distance with their count, and the recovery once. The text of a
// fault's cause is never written at any level, since causes of the standard
// library repeat URLs with their queries; at level debug its types are.
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

// Keys lists every key that a line of an outcome may have, beside those that
// the encoder adds (time, level, message).
var Keys = [...]string{
	"credential", "provider", "sink", "attempt", "reason", "generation", "expires_at", "next_attempt_at", "took",
	// The failure in our own words, and the backend's documented code.
	"detail", "code",
	// How often this cause was met in a row, this time included; how many
	// attempts had failed before a recovery.
	"repeats", "failures",
	// That the record of this outcome could not be made durable, and why.
	"save_error",
	// Where a contained panic happened; at level debug, the types of the cause.
	"stack", "cause_types",
}

// Reporter is a engine.Observer. It is safe for concurrent use.
type Reporter struct {
	log *zap.Logger

	mu     sync.Mutex
	series map[task]*repeats
	doubt  doubt
}

var _ engine.StateObserver = (*Reporter)(nil)

// task is the object that an outcome is about.
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
		return // the hook that it ran with tells the same
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
	line.Write(append(fields, result(o)...)...)
}

// Install forgets the objects that are gone.
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

// message names what happened; it never varies with the values.
func message(o engine.Outcome) string {
	words := map[engine.TaskKind][4]string{
		engine.Obtain:  {"credential renewed", "credential unchanged", "credential renewal failed", "credential recovered"},
		engine.Deliver: {"sink written", "sink unchanged", "sink delivery failed", "sink recovered"},
		engine.RunHook: {"hook succeeded", "hook succeeded", "hook failed", "hook recovered"},
	}[o.Kind]
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

// level is error where a person is needed or something is out of service, warn
// for what the daemon goes on trying, debug for a success without effect.
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

// outOfService reports whether the failed attempt leaves no value in force.
func outOfService(o engine.Outcome) bool {
	return !o.ExpiresAt.IsZero() && !o.StartedAt.Add(o.Took).Before(o.ExpiresAt)
}

func reason(o engine.Outcome) credential.Reason {
	if o.Fault == nil {
		return credential.ReasonInternal
	}
	return o.Fault.Reason
}

// subject says what the line is about.
func subject(o engine.Outcome) []zap.Field {
	if o.Kind == engine.Obtain {
		return []zap.Field{zap.String("credential", o.Name), zap.String("provider", o.Provider)}
	}
	return []zap.Field{zap.String("sink", o.Name)}
}

// result says how it ended and what comes next.
func result(o engine.Outcome) []zap.Field {
	attempt := o.Recovered + 1
	if o.Result == schedule.Failed {
		attempt = o.Failures
	}
	fields := []zap.Field{zap.Int("attempt", attempt)}
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

// failure says why it failed, in our own words only.
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

// instant leaves an unknown instant out.
func instant(key string, at time.Time) zap.Field {
	if at.IsZero() {
		return zap.Skip()
	}
	return zap.String(key, at.UTC().Format(time.RFC3339))
}
