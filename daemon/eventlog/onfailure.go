package eventlog

import (
	"go.uber.org/zap"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/notify"
)

// OnFailure logs one run of on_failure.
func (r *Reporter) OnFailure(end notify.Ended) {
	first := end.Events[0]
	fields := []zap.Field{
		zap.String("credential", first.Credential), zap.String("event", first.Event), zap.Int("count", len(end.Events)),
		zap.Duration("took", end.Took),
	}
	if first.Sink != "" {
		fields = append(fields, zap.String("sink", first.Sink))
	}
	switch {
	case end.CutOff:
		r.log.Warn("on_failure was cut off by the end of the daemon, and is not repeated", fields...)
	case end.Err != nil:
		r.log.Warn("on_failure failed", append(fields, zap.String("reason", string(credential.ReasonInternal)), zap.String("detail", end.Err.Error()))...)
	default:
		r.log.Info("on_failure succeeded", fields...)
	}
}
