package kill

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vigented/vigente/e2e/e2etest"
)

// hit is the nth time that a failpoint is passed in one part of a life. Earlier
// parts are not counted: how many commits share a sync there varies.
type hit struct {
	part  string // empty from the start of the daemon
	point string
	count int
}

func (h hit) String() string {
	return strings.TrimSpace(h.part + " " + h.point + "@" + strconv.Itoa(h.count))
}

// environ makes the armed binary kill itself at the hit, counted once the file
// exists.
func (h hit) environ(since string) []string {
	env := []string{fmt.Sprintf("VIGENTE_FAILPOINT=%s@%d", h.point, h.count)}
	if h.part != "" {
		env = append(env, "VIGENTE_FAILPOINT_SINCE="+since)
	}
	return env
}

// discover runs through a whole life and returns the hits on the way, by phase.
func discover(t *testing.T) map[string][]hit {
	l := newLife(t)
	trace := l.Path("trace")
	l.launchAs(armed, "VIGENTE_FAILPOINT_TRACE="+trace)
	mark := func(p phase) {
		if p.name == l.plan[0].name {
			return // it begins with the daemon
		}
		f, err := os.OpenFile(trace, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err == nil {
			_, err = f.WriteString("# " + p.name + "\n")
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := l.walk(mark); n != len(l.plan) {
		t.Fatalf("the daemon exited by itself in phase %d: %v", n, l.Daemon.Status)
	}
	l.Kill()
	hits, counts, name := map[string][]hit{}, map[string]int{}, ""
	for line := range strings.Lines(l.Read("trace")) {
		line = strings.TrimSpace(line)
		if next, marked := strings.CutPrefix(line, "# "); marked {
			name = next
			clear(counts)
			continue
		}
		counts[line]++
		hits[name] = append(hits[name], hit{name, line, counts[line]})
	}
	return hits
}

// chosen returns the first and the last hit of a failpoint in each phase, or
// all of them in a long run.
func chosen(hits map[string][]hit) []hit {
	var out []hit
	for _, list := range hits {
		for i, h := range list {
			same := func(o hit) bool { return o.point == h.point }
			if os.Getenv(manyLives) != "" || !slices.ContainsFunc(list[:i], same) || !slices.ContainsFunc(list[i+1:], same) {
				out = append(out, h)
			}
		}
	}
	slices.SortFunc(out, func(a, b hit) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// uncovered returns the failpoints that were reached by none of their hits in a
// part.
func uncovered(hits, missed []hit) []string {
	return e2etest.Uncovered(hits, missed, func(h hit) string { return strings.TrimSpace(h.part + " " + h.point) })
}
