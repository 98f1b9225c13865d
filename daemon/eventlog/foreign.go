package eventlog

import (
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/credential"
)

// ObserveForeign writes once that a sink contains a value that we did not
// issue, and once that it no longer does.
func (r *Reporter) ObserveForeign(_ time.Time, sink, message string) {
	if message == "" {
		r.log.Info("sink no longer holds a foreign value", zap.String("sink", sink))
		return
	}
	r.log.Warn("sink holds a foreign value", zap.String("sink", sink),
		zap.String("reason", string(credential.ReasonInternal)), zap.String("detail", message))
}
