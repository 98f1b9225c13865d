package commands

import (
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

// TestColoursAndBarsOnATerminalOnly searches output for escape sequences.
func TestColoursAndBarsOnATerminalOnly(t *testing.T) {
	t.Parallel()
	const escape = "\x1b["
	w := e2etest.Furnish(t, tss.New(tss.Options{}), e2etest.NewVault(time.Hour), "")
	w.Start()
	w.Eventually("everything is delivered", func() bool { return w.Status().States()["file"] == "delivered" })
	commands := [][]string{{"status"}, {"explain", "loja"}, {"plan", w.Path("config.toml")}, {"doctor"}, {"renew", "--all"}}
	for _, args := range commands {
		if _, out, errs := w.Run(args...); strings.Contains(out+errs, escape) {
			t.Errorf("%v: got %q in a pipe, want no escape sequences", args, out+errs)
		}
	}
	colourful := map[string]bool{"status": true, "explain": true, "doctor": true, "renew": true}
	for _, quiet := range []string{"", "NO_COLOR=1", "TERM=dumb"} {
		w.Environ = []string{"TERM=xterm", quiet}
		for _, args := range commands {
			term := w.OnTerminal(args...)
			if code := term.End(); code != 0 {
				t.Errorf("%v: got exit code %d: %s", args, code, term.Screen)
			}
			shown := term.Screen.String()
			want := quiet == "" && colourful[args[0]] || quiet == "NO_COLOR=1" && args[0] == "renew" // a bar has no colour
			if strings.Contains(shown, escape) != want {
				t.Errorf("%v with %q: got %q, want escape sequences %v", args, quiet, shown, want)
			}
			if bar := strings.Contains(shown, "░"); bar != (args[0] == "renew" && quiet != "TERM=dumb") {
				t.Errorf("%v with %q: got a bar %v in %q", args, quiet, bar, shown)
			}
		}
	}
}
