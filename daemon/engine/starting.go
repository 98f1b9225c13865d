package engine

import (
	"maps"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// starting is what a start waits for before it is said to be ready: that every
// target was looked at, that what is in force is delivered or could not be, and
// that everything else was tried once. It belongs to the loop.
type starting struct {
	ready chan struct{} // closed then
	on    bool
	at    time.Time // of the start, by the clock of the records
	next  time.Duration
	// What is not in order yet. Both are filled anew when they run empty, until
	// nothing is found.
	credentials map[string]*held
	sinks       map[string]*sink
}

// Distances between two checks of what a start waits for: of what time alone
// may change, and never more than a twentieth of the loop's time.
const (
	startEvery = 100 * time.Millisecond
	startShare = 20
)

// Ready returns a channel that is closed once what was there at the start is in
// order, as far as one try could bring it there.
func (e *Engine) Ready() <-chan struct{} { return e.starting.ready }

// begin has every target looked at, since nobody did before the start.
func (e *Engine) begin(now time.Time) {
	e.starting.on, e.starting.at = true, now.Round(0)
	for name, s := range e.sinks {
		if s.spec.Guard != nil {
			e.suspect(name)
		}
	}
}

// checkReady looks at what the start waits for, and returns when to look again;
// zero when it waits for nothing.
func (e *Engine) checkReady(now time.Time) (next time.Time) {
	s := &e.starting
	if !s.on {
		return time.Time{}
	}
	begun := e.elapsed()
	if left := s.next - begun; left > 0 && len(s.credentials)+len(s.sinks) > 0 {
		return now.Add(left)
	}
	if e.stillWaits(now); len(s.credentials)+len(s.sinks) == 0 {
		if e.waitsFor(now); len(s.credentials)+len(s.sinks) == 0 {
			s.on = false
			if e.shelf.on {
				e.publish(now) // whoever is told that it is ready finds it so
			}
			close(s.ready)
			return time.Time{}
		}
	}
	took := e.elapsed() - begun
	s.next = begun + max(startEvery, took*startShare)
	return now.Add(s.next - begun)
}

// stillWaits drops what has come into order.
func (e *Engine) stillWaits(now time.Time) {
	s := &e.starting
	maps.DeleteFunc(s.credentials, func(name string, _ *held) bool { return e.credentials[name] == nil || e.tried(now, name) })
	maps.DeleteFunc(s.sinks, func(name string, one *sink) bool { return e.sinks[name] != one || e.settled(now, one) })
}

// waitsFor notes all that is not in order.
func (e *Engine) waitsFor(now time.Time) {
	s := &e.starting
	s.credentials, s.sinks = map[string]*held{}, map[string]*sink{}
	for name, c := range e.credentials {
		if !e.tried(now, name) {
			s.credentials[name] = c
		}
	}
	for name, one := range e.sinks {
		if !e.settled(now, one) {
			s.sinks[name] = one
		}
	}
}

// startedWith takes an attempt off what the start waits for.
func (e *Engine) startedWith(now time.Time, key schedule.Key) {
	s := &e.starting
	if !s.on {
		return
	}
	if key.Kind == schedule.Obtaining && e.tried(now, key.Name) {
		delete(s.credentials, key.Name)
	}
	if one := s.sinks[key.Name]; one != nil && key.Kind == schedule.Delivering && e.settled(now, one) {
		delete(s.sinks, key.Name)
	}
}

// tried reports whether a credential is in force, was tried since the start, or
// has nothing to be tried now.
func (e *Engine) tried(now time.Time, name string) bool {
	status, _ := e.board.Look(now, schedule.Key{Kind: schedule.Obtaining, Name: name})
	if e.inForce(now, name) {
		return true
	}
	history := status.Record.Past.History
	if n := len(history); n > 0 && !history[n-1].At.Before(e.starting.at) {
		return true
	}
	return !status.Running && (status.At.IsZero() || status.At.After(now))
}

func (e *Engine) inForce(now time.Time, name string) bool {
	token, _ := e.board.Token(name)
	return schedule.HasValue(token) && (token.ExpiresAt.IsZero() || now.Before(token.ExpiresAt))
}

// settled reports whether a target was looked at and holds what is in force, or
// a try to bring it there has failed or does not end.
func (e *Engine) settled(now time.Time, s *sink) bool {
	key := delivering(s.spec.Name)
	status, _ := e.board.Look(now, key)
	if f := e.running[key]; f != nil && e.read().awake-f.begun >= startPatience {
		return true
	}
	delivered := !status.Owed && len(status.Record.Delivery().Delivered) >= len(s.spec.Needs)
	if delivered && s.spec.Guard != nil && !s.seen {
		return false
	}
	for _, name := range s.spec.Needs {
		if !e.inForce(now, name) {
			return true
		}
	}
	if delivered || s.foreign != nil {
		return true
	}
	// A failure of an earlier life counts while its next try is not due.
	failed := status.Record.Past.Last != nil || s.refused != nil
	return failed && (s.seen || status.At.After(now))
}

// startPatience is how long a start waits for one target.
const startPatience = 5 * time.Second
