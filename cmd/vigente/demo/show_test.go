package demo

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/vigented/vigente/daemon/engine"
)

// The table is drawn over itself, so its height must be the number of lines
// that the terminal makes of it, however narrow that is.
func TestRedrawFitsTheTerminal(t *testing.T) {
	at := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	v := engine.View{
		At:          at,
		Credentials: []engine.CredentialView{{Name: "loja", Generation: 7, IssuedAt: at, ExpiresAt: at.Add(time.Minute), NextAttemptAt: at.Add(time.Second)}},
		Sinks:       []engine.SinkView{{Name: "till", Path: "/var/lib/caminhão/" + strings.Repeat("x", 80)}},
	}
	for _, width := range []int{0, 1, 42, 80, 400} {
		var b strings.Builder
		before := redraw(&b, v, "", 0, width)
		if text := b.String(); strings.Count(text, "\n") != before || before != 5 || strings.Contains(text, "A\x1b") {
			t.Errorf("%d columns: height %d of %q", width, before, text)
		}
		widest := 0
		for line := range strings.Lines(b.String()) {
			widest = max(widest, utf8.RuneCountInString(strings.TrimSuffix(strings.TrimPrefix(line, "\x1b[2K"), "\n")))
		}
		if width > 0 && widest > width || (width == 0 || width == 400) && widest < 98 {
			t.Errorf("%d columns: a line of %d", width, widest)
		}
		b.Reset()
		redraw(&b, v, "", before, width)
		if !strings.HasPrefix(b.String(), fmt.Sprintf("\x1b[%dA", before)) {
			t.Errorf("%d columns: not drawn over: %q", width, b.String())
		}
	}
}
