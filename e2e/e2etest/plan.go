package e2etest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Planned is the part of a plan, or of what happened, that can be compared.
type Planned struct {
	Renewed, Rewritten, Hooks []string
	Next                      map[string]string // of credentials that are not renewed
}

func (p Planned) Sorted() Planned {
	for _, list := range [][]string{p.Renewed, p.Rewritten, p.Hooks} {
		slices.Sort(list)
	}
	return p
}

// traces records what an installation has done so far.
type traces struct {
	attempts map[string]int
	files    map[string]string
	hooks    map[string]int
}

var renewals = regexp.MustCompile(`(?m)^vigente_renewals_total\{(credential="([^"]+)",provider="[^"]+"),result="[^"]+"\} (\d+)`)

func (w *World) Traces() traces {
	w.T.Helper()
	tr := traces{map[string]int{}, map[string]string{}, map[string]int{}}
	_, body := w.Get("/metrics")
	for _, m := range renewals.FindAllStringSubmatch(body, -1) {
		n, err := strconv.Atoi(m[3])
		if err != nil {
			w.T.Fatal(err)
		}
		tr.attempts[m[1]] += n
	}
	for _, pattern := range []string{"out/*", "till/*"} {
		files, err := filepath.Glob(w.Path(pattern))
		if err != nil {
			w.T.Fatal(err)
		}
		for _, name := range files {
			info, err := os.Stat(name)
			if err != nil {
				continue
			}
			tr.files[name] = fmt.Sprint(info.Sys().(*syscall.Stat_t).Ino, info.ModTime().UnixNano())
		}
	}
	for line := range strings.Lines(w.Read("hooks")) {
		tr.hooks[strings.TrimSpace(line)]++
	}
	return tr
}

// Since returns what happened after the earlier traces.
func (tr traces) Since(old traces) Planned {
	var p Planned
	for labels, n := range tr.attempts {
		if n > old.attempts[labels] {
			name, _, _ := strings.Cut(strings.TrimPrefix(labels, `credential="`), `"`)
			p.Renewed = append(p.Renewed, name)
		}
		if n > old.attempts[labels]+1 {
			p.Renewed = append(p.Renewed, labels+" more than once")
		}
	}
	for name, state := range tr.files {
		if old.files[name] != state {
			p.Rewritten = append(p.Rewritten, name)
		}
	}
	for name, n := range tr.hooks {
		if n > old.hooks[name] {
			p.Hooks = append(p.Hooks, name)
		}
	}
	return p.Sorted()
}

// Settled reports whether nothing is running or due.
func (w *World) Settled() bool {
	s := w.Status()
	for _, c := range s.Credentials {
		next, err := time.Parse(time.RFC3339, c.NextAttemptAt)
		if c.State != "valid" || err != nil || next.Before(time.Now().Add(time.Minute)) {
			return false
		}
	}
	for _, k := range s.Sinks {
		if k.State != "delivered" && k.State != "failing" {
			return false
		}
	}
	_, text, _ := w.Run("status")
	return !strings.Contains(text, "on_change is")
}
