package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/daemon/config"
)

// TestJournalPriorities gives the logger a file as the journal's stream.
func TestJournalPriorities(t *testing.T) {
	for _, c := range []struct {
		name    string
		journal bool // the file is the stream that the environment names
		want    string
	}{
		{"the journal", true, "<7>{ <6>{ <4>{ <3>{ <3>c <3>c"},
		{"a file beside it", false, "{ { { { c c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := os.Create(filepath.Join(t.TempDir(), "log"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var st unix.Stat_t
			if err := unix.Fstat(int(f.Fd()), &st); err != nil {
				t.Fatal(err)
			}
			stream := fmt.Sprintf("%d:%d", st.Dev, st.Ino)
			if !c.journal {
				stream = fmt.Sprintf("%d:%d", st.Dev, st.Ino+1)
			}
			a := &app{Process: &Process{Getenv: func(name string) string {
				return map[string]string{"JOURNAL_STREAM": stream}[name]
			}}}
			logs := a.newLogger(config.Log{Level: "debug"}, f)
			log := logs.With(zap.String("with", "a field")) // clones the encoder
			log.Debug("a")
			log.Info("b")
			log.Warn("c")
			log.Error("d")
			if err := logs.Sync(); err != nil {
				t.Fatal(err)
			}
			_, err = fmt.Fprint(a.errorsTo(f), "c.toml:1: bad\nc.toml:2: bad\n")
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(f.Name())
			if err != nil {
				t.Fatal(err)
			}
			var starts []string
			for line := range strings.Lines(string(text)) {
				start, _, _ := strings.Cut(strings.ReplaceAll(line, ".toml", `"`), `"`)
				starts = append(starts, start)
			}
			if got := strings.Join(starts, " "); got != c.want {
				t.Errorf("the lines start with %s, expected %s\n%s", got, c.want, text)
			}
		})
	}
}
