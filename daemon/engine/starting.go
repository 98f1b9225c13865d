package engine

import (
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// starting tracks the conditions for readiness after the start: every target was
// checked, credentials in force were delivered or their delivery failed, and the
// other credentials were attempted once. The loop owns it.
type starting struct {
	ready chan struct{} // closed when ready
	on    bool
	// looking means that the targets are being looked at in groups.
	looking bool
	at      time.Time // the start, in wall time
	next    time.Duration
	// The credentials and sinks that are not ready. When both are empty they are
	// collected once more, until none is found.
	credentials map[string]*held
	sinks       map[string]*sink
	checks      int // how many were checked one by one, for tests
}

// Interval between readiness checks; they take at most a twentieth of the loop's
// time.
const (
	startEvery = 100 * time.Millisecond
	startShare = 20
)

// Ready returns a channel that is closed when the engine is ready: everything
// configured at the start works, or was tried once.
func (e *Engine) Ready() <-chan struct{} { return e.starting.ready }

// begin plans a check of every target, because none was checked before the start.
func (e *Engine) begin(now time.Time) {
	e.starting.on, e.starting.looking, e.starting.at = true, true, now.Round(0)
	for _, s := range e.sinks {
		if s.spec.Guard != nil {
			e.lookAt(now, s)
		}
	}
}

// checkReady checks for readiness, and returns when to check again; zero once ready.
func (e *Engine) checkReady(now time.Time) (next time.Time) {
	s := &e.starting
	if !s.on {
		return time.Time{}
	}
	if s.looking = s.looking && e.glances.any(); s.looking {
		return now.Add(startEvery)
	}
	begun := e.elapsed()
	if left := s.next - begun; left > 0 && len(s.credentials)+len(s.sinks) > 0 {
		return now.Add(left)
	}
	if e.dropReady(now); len(s.credentials)+len(s.sinks) == 0 {
		if e.collectUnready(now); len(s.credentials)+len(s.sinks) == 0 {
			s.on = false
			if e.model.on {
				e.publish(now) // before anyone is told that it is ready
			}
			close(s.ready)
			return time.Time{}
		}
	}
	took := e.elapsed() - begun
	s.next = begun + max(startEvery, took*startShare)
	return now.Add(s.next - begun)
}

// dropReady removes what has become ready, up to the first that has not: one is
// enough to wait for. So a fleet that takes hours, at the rate that its backend
// allows, costs no pass over all of it every time.
func (e *Engine) dropReady(now time.Time) {
	s := &e.starting
	for name := range s.credentials {
		if s.checks++; e.credentials[name] != nil && !e.credentialReady(now, name) {
			return
		}
		delete(s.credentials, name)
	}
	for name, one := range s.sinks {
		if s.checks++; e.sinks[name] == one && !e.sinkReady(now, one) {
			return
		}
		delete(s.sinks, name)
	}
}

// collectUnready collects what is not ready.
func (e *Engine) collectUnready(now time.Time) {
	s := &e.starting
	s.credentials, s.sinks = map[string]*held{}, map[string]*sink{}
	for name, c := range e.credentials {
		if !e.credentialReady(now, name) {
			s.credentials[name] = c
		}
	}
	for name, one := range e.sinks {
		if !e.sinkReady(now, one) {
			s.sinks[name] = one
		}
	}
}

// noteReady updates the readiness after an attempt.
func (e *Engine) noteReady(now time.Time, key schedule.Key) {
	s := &e.starting
	if !s.on {
		return
	}
	if key.Kind == schedule.Obtaining && e.credentialReady(now, key.Name) {
		delete(s.credentials, key.Name)
	}
	if one := s.sinks[key.Name]; one != nil && key.Kind == schedule.Delivering && e.sinkReady(now, one) {
		delete(s.sinks, key.Name)
	}
}

// credentialReady reports whether a credential is in force, was attempted since the start, or
// is not due.
func (e *Engine) credentialReady(now time.Time, name string) bool {
	if e.inForce(now, name) {
		return true
	}
	status, _ := e.board.Look(now, obtaining(name))
	if last := status.Record.Past.History.Last(); !last.At.IsZero() && !last.At.Before(e.starting.at) {
		return true
	}
	return !status.Running && (status.At.IsZero() || status.At.After(now))
}

func (e *Engine) inForce(now time.Time, name string) bool {
	token := e.board.Outline(name)
	return schedule.HasValue(token.Credential) && (token.ExpiresAt.IsZero() || now.Before(token.ExpiresAt))
}

// sinkReady reports whether a sink is ready: its target was checked and is up to date,
// or its delivery has failed or takes too long.
func (e *Engine) sinkReady(now time.Time, s *sink) bool {
	if e.board.Settled(s.spec.Name) != nil { // the usual case, without a copy of its status
		return s.spec.Guard == nil || s.seen
	}
	key := delivering(s.spec.Name)
	status, _ := e.board.Look(now, key)
	if f := e.running[key]; f != nil && e.read().awake-f.begun >= maxTargetWait {
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
	// A failure from before the start counts until its retry is due.
	failed := status.Record.Past.Last != nil || s.refused != nil
	return failed && (s.seen || status.At.After(now))
}

// maxTargetWait is how long readiness waits for one target.
const maxTargetWait = 5 * time.Second
