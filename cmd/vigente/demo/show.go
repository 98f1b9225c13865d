package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/vigented/vigente/daemon"
	"github.com/vigented/vigente/daemon/engine"
)

// show reports what happens until ctx ends.
func show(ctx context.Context, d *daemon.Daemon, opt Options) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	lines, told := 0, map[string]string{}
	for {
		if d.Alive() {
			v, fleet := apart(d.Select(engine.Query{}))
			if opt.Live {
				lines = redraw(opt.Out, v, fleet, lines, opt.Width())
			} else {
				tell(opt.Out, v, fleet, told)
			}
		}
		select {
		case <-ctx.Done():
			fmt.Fprintln(opt.Out)
			return
		case <-tick.C:
		}
	}
}

// redraw overwrites the previous table and returns its height. Lines that are too
// long are cut, because a wrapped line would count as two.
func redraw(w io.Writer, v engine.View, fleet string, before, width int) int {
	var b strings.Builder
	if before > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", before)
	}
	lines := 0
	line := func(format string, args ...any) {
		b.WriteString("\x1b[2K" + cut(fmt.Sprintf(format, args...), width) + "\n")
		lines++
	}
	line("%-14s %-9s %4s  %-22s %s", "CREDENTIAL", "STATE", "GEN", "LIFE LEFT", "NEXT ATTEMPT")
	for _, c := range v.Credentials {
		line("%-14s %-9s %4d  %-22s %s", c.Name, c.State, c.Generation, bar(c, v.At), until(c.NextAttemptAt, v.At))
	}
	line("%-14s %-9s %4s  %s", "SINK", "STATE", "GEN", "FILE")
	for _, s := range v.Sinks {
		line("%-14s %-9s %4d  %s", s.Name, s.State, newest(s), s.Path)
	}
	if fleet != "" {
		line("fleet: %s", fleet)
	}
	trouble := "none"
	for _, c := range v.Credentials {
		if c.LastError != nil {
			trouble = c.Name + ": " + c.LastError.Message
		}
	}
	line("last error: %.100s", trouble)
	_, _ = io.WriteString(w, b.String())
	return lines
}

// cut shortens a line to a width; 0 means unknown.
func cut(line string, width int) string {
	letters := []rune(line)
	if width <= 0 || len(letters) <= width {
		return line
	}
	return string(letters[:width-1]) + "…"
}

// bar draws the remaining share of the life.
func bar(c engine.CredentialView, at time.Time) string {
	const width = 12
	life, left := c.ExpiresAt.Sub(c.IssuedAt), c.ExpiresAt.Sub(at)
	if c.Generation == 0 || life <= 0 {
		return "-"
	}
	full := int(max(0, min(width, int64(width*left/life))))
	return fmt.Sprintf("%s%s %s", strings.Repeat("#", full), strings.Repeat(".", width-full), left.Round(time.Second))
}

func until(t, at time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return "in " + max(0, t.Sub(at)).Round(time.Second).String()
}

func newest(s engine.SinkView) (g uint64) {
	for _, n := range s.Delivered {
		g = max(g, n)
	}
	return g
}

// tell writes one line for each change since the last call.
func tell(w io.Writer, v engine.View, fleet string, told map[string]string) {
	say := func(key, text string) {
		if told[key] != text {
			told[key] = text
			fmt.Fprintf(w, "%s  %s\n", v.At.Format(time.TimeOnly), text)
		}
	}
	if fleet != "" {
		say("fleet", "fleet: "+fleet)
	}
	for _, c := range v.Credentials {
		text := fmt.Sprintf("credential %s: %s, generation %d", c.Name, c.State, c.Generation)
		if c.LastError != nil {
			text += ", " + c.LastError.Message
		}
		say("c"+c.Name, text)
	}
	for _, s := range v.Sinks {
		text := fmt.Sprintf("sink %s: %s, generation %d in %s", s.Name, s.State, newest(s), s.Path)
		if s.LastError != nil {
			text += ", " + s.LastError.Message
		}
		say("s"+s.Name, text)
	}
}
