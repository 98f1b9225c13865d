package web

import (
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Complaints returns a logger for errors of single connections, such as a failed
// handshake or a panic in a handler. Its lines are warnings with a constant message
// and the error as a field, and a peer that keeps failing does not fill the log.
func Complaints(log *zap.Logger) *zap.Logger {
	return log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return complaints{core, zapcore.NewSamplerWithOptions(core, time.Minute, complaintsFirst, complaintsThereafter)}
	}))
}

// In each minute, the first lines are written, then one in so many.
const (
	complaintsFirst      = 5
	complaintsThereafter = 100
)

// complaint is their message.
const complaint = "connection failed"

type complaints struct {
	zapcore.Core

	sampler zapcore.Core
}

// Enabled implements zapcore.Core.
func (c complaints) Enabled(zapcore.Level) bool { return c.Core.Enabled(zap.WarnLevel) }

// With implements zapcore.Core.
func (c complaints) With(fields []zapcore.Field) zapcore.Core {
	return complaints{c.Core.With(fields), c.sampler.With(fields)}
}

// Check implements zapcore.Core.
func (c complaints) Check(entry zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	counted := entry
	counted.Level, counted.Message = zap.WarnLevel, complaint
	if c.sampler.Check(counted, nil) == nil {
		return to
	}
	return to.AddCore(entry, c)
}

// Write implements zapcore.Core.
func (c complaints) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	detail := strings.TrimSpace(strings.TrimPrefix(entry.Message, "http: "))
	entry.Level, entry.Message = zap.WarnLevel, complaint
	return c.Core.Write(entry, append(fields, zap.String("detail", detail)))
}
