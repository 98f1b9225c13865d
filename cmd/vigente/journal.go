package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sys/unix"
)

// toJournal reports whether w is the stream that systemd connected to the
// journal: $JOURNAL_STREAM contains its device and inode, so a program can tell
// whether its stderr was redirected.
func (a *app) toJournal(w io.Writer) bool {
	f, ok := w.(*os.File)
	stream := a.Getenv("JOURNAL_STREAM")
	if !ok || stream == "" {
		return false
	}
	var st unix.Stat_t
	return unix.Fstat(int(f.Fd()), &st) == nil && stream == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// errorsTo returns the writer for the errors of a command. In the journal, every
// line gets the priority of an error, so that a failed start can be found.
func (a *app) errorsTo(w io.Writer) io.Writer {
	if a.toJournal(w) {
		return errorLines{w}
	}
	return w
}

// errorLines gives each line the priority of an error.
type errorLines struct{ to io.Writer }

// Write implements io.Writer. It expects whole lines.
func (e errorLines) Write(text []byte) (int, error) {
	var out []byte
	for line := range bytes.Lines(text) {
		out = append(append(out, priority(zapcore.ErrorLevel)...), line...)
	}
	if _, err := e.to.Write(out); err != nil {
		return 0, err
	}
	return len(text), nil
}

// prioritised prefixes each line with its priority in the form of sd-daemon(3), so
// that journalctl -p err finds errors. The journal removes the prefix.
type prioritised struct{ zapcore.Encoder }

// Clone implements zapcore.Encoder.
func (p prioritised) Clone() zapcore.Encoder { return prioritised{p.Encoder.Clone()} }

// EncodeEntry implements zapcore.Encoder.
func (p prioritised) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	line, err := p.Encoder.EncodeEntry(entry, fields)
	if err != nil {
		return nil, err
	}
	defer line.Free()
	out := lines.Get()
	out.AppendString(priority(entry.Level))
	_, err = out.Write(line.Bytes())
	return out, err
}

var lines = buffer.NewPool()

// priority returns the syslog priority of a level.
func priority(level zapcore.Level) string {
	switch level {
	case zapcore.DebugLevel:
		return "<7>"
	case zapcore.InfoLevel:
		return "<6>"
	case zapcore.WarnLevel:
		return "<4>"
	case zapcore.ErrorLevel:
		return "<3>"
	default: // panics
		return "<2>"
	}
}
