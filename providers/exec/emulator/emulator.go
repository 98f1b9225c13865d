// Package emulator emulates commands that print a token, in each form recorded
// from a real tool, with their faults.
//
// It is a service, so that faults can be switched while a daemon runs: a request
// for a form is answered with what the command prints, and headers give its exit
// code and its stderr. Print is the command itself. It shares no code with the
// client and is safe for concurrent use.
package emulator

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vigented/vigente/providers/emulation"
)

// Headers of an answer that say how the command ends.
const (
	exitHeader   = "X-Exit-Code"
	stderrHeader = "X-Stderr"
)

// Settings configure the commands.
type Settings struct {
	// Lifetime of a token; 0 means an hour.
	Lifetime time.Duration
	// Zone of the machine, for the tool that prints local time; nil means UTC.
	Zone *time.Location
}

// Tools is the set of commands on one machine.
type Tools struct {
	now      func() time.Time
	settings Settings

	mu     sync.Mutex
	faults emulation.Switches
	runs   int
	issued map[string]bool
}

// New returns the commands. A nil now means time.Now.
func New(settings Settings, now func() time.Time) *Tools {
	if now == nil {
		now = time.Now
	}
	if settings.Lifetime == 0 {
		settings.Lifetime = time.Hour
	}
	if settings.Zone == nil {
		settings.Zone = time.UTC
	}
	return &Tools{now: now, settings: settings, issued: map[string]bool{}}
}

// Runs returns how often a command was run.
func (s *Tools) Runs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs
}

// Issued reports whether a text is a token that was printed.
func (s *Tools) Issued(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issued[token]
}

// token makes a token issued now.
func (s *Tools) token(fault string) printed {
	life := s.settings.Lifetime
	if fault == "over" {
		life = -time.Minute
	}
	now := s.now().Truncate(time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	text := rand.Text() + rand.Text()
	s.issued[text] = true
	return printed{text, now, now.Add(life), s.settings.Zone}
}

// ServeHTTP answers one run of a command.
func (s *Tools) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, place := emulation.OfRequest(r)
	s.mu.Lock()
	s.runs++
	if name == "" {
		name = s.faults.Take(names)
	}
	s.mu.Unlock()
	form, known := forms()[path.Base(place)]
	if !known {
		http.Error(w, "there is no such form (expected one of "+strings.Join(Forms(), ", ")+")", http.StatusNotFound)
		return
	}
	var run run
	if name != "" {
		i := slices.IndexFunc(faults(), func(f fault) bool { return f.name == name })
		if i < 0 {
			http.Error(w, "there is no fault of this name", http.StatusBadRequest)
			return
		}
		if run = faults()[i].run; run.hangs {
			emulation.Hang(r)
			return
		}
	}
	if run.stdout == "" && !run.silent {
		run.stdout = form(s.token(name))
	}
	w.Header().Set(exitHeader, strconv.Itoa(run.code))
	w.Header().Set(stderrHeader, run.stderr)
	emulation.Write(w, http.StatusOK, "text/plain; charset=utf-8", run.stdout)
}

// SetFault implements emulation.Emulator.
func (s *Tools) SetFault(name string, times int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.faults.Set(name, times, names); err != nil {
		return fmt.Errorf("exec: %w", err)
	}
	return nil
}
