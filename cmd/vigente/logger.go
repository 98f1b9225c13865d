package main

import (
	"io"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/eventlog"
)

// Formats of the log.
const (
	formatJSON    = "json"
	formatConsole = "console"
)

// logging is the daemon's log: its logger, its level, which a reload may change,
// and its queue.
type logging struct {
	*zap.Logger

	level zap.AtomicLevel
	queue *eventlog.Queue
}

// newLogger returns the log of the daemon. The format auto is text on a terminal,
// and JSON for files, pipes and the journal.
func (a *app) newLogger(log config.Log, w io.Writer) logging {
	level, err := zap.ParseAtomicLevel(log.Level)
	if err != nil {
		level = zap.NewAtomicLevel() // an invalid level is reported as a configuration fault
	}
	format := log.Format
	if format != formatJSON && format != formatConsole {
		format = formatJSON
		if a.isTerminal(w) {
			format = formatConsole
		}
	}
	encoder := a.encoder(format, w)
	if a.toJournal(w) {
		encoder = prioritised{encoder}
	}
	direct := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(w), zap.WarnLevel))
	queue := eventlog.NewQueue(w, func(dropped uint64) {
		direct.Warn("log lines dropped", zap.Uint64("lines", dropped))
	})
	logger := zap.New(zapcore.NewCore(encoder.Clone(), queue, level), zap.ErrorOutput(queue))
	return logging{logger, level, queue}
}

func (a *app) encoder(format string, w io.Writer) zapcore.Encoder {
	keys := zapcore.EncoderConfig{
		TimeKey: "time", LevelKey: "level", MessageKey: "msg", LineEnding: zapcore.DefaultLineEnding,
		EncodeLevel: zapcore.LowercaseLevelEncoder, EncodeTime: encodeTime, EncodeDuration: zapcore.SecondsDurationEncoder,
	}
	if format == formatJSON {
		return zapcore.NewJSONEncoder(keys)
	}
	keys.EncodeDuration = zapcore.StringDurationEncoder
	keys.EncodeLevel = zapcore.CapitalLevelEncoder
	if a.colours(w) {
		keys.EncodeLevel = zapcore.CapitalColorLevelEncoder
	}
	return zapcore.NewConsoleEncoder(keys)
}

// encodeTime writes UTC with milliseconds, so that lines of several hosts can be
// merged.
func encodeTime(at time.Time, to zapcore.PrimitiveArrayEncoder) {
	to.AppendString(at.UTC().Format("2006-01-02T15:04:05.000Z"))
}
