package eventlog

import (
	"time"

	"go.uber.org/zap"
)

// unsaved counts failed saves of the state in a row.
type unsaved struct {
	cause     string
	count     int
	writtenAt time.Time
}

// ObserveState logs that the state cannot be saved, as rarely as any other
// continuing cause, and once that it can be saved again.
func (r *Reporter) ObserveState(at time.Time, cause string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := &r.unsaved
	switch {
	case cause == "" && d.count > 0:
		r.log.Info("state saved again", zap.Int("failures", d.count))
		*d = unsaved{}
		return
	case cause == "":
		return
	}
	d.count++
	if cause == d.cause && !powerOfTwo(d.count) && at.Sub(d.writtenAt) < reminder {
		return
	}
	d.cause, d.writtenAt = cause, at
	fields := []zap.Field{zap.String("detail", cause)}
	if d.count > 1 {
		fields = append(fields, zap.Int("repeats", d.count))
	}
	r.log.Error("state not saved", fields...)
}
