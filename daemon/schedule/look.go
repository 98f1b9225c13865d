package schedule

import (
	"time"

	"github.com/vigented/vigente/credential"
)

// Status is what the board knows of one task at an instant.
type Status struct {
	Task   *Task
	Record Record
	// At is the next attempt as things stand, zero when none is planned; while
	// the task waits for its provider it is the earliest instant of its turn.
	At      time.Time
	Why     Why
	Running bool
	Waiting bool // due, and waiting for rate, concurrency or cool-down
	Owed    bool // sinks and hooks: something is to be done
	// Reopened says that the credential is due because its secrets or keys are
	// other ones than at its last attempt.
	Reopened bool
}

// Look returns the status of one task.
func (b *Board) Look(now time.Time, key Key) (Status, bool) {
	e := b.entries[key]
	if e == nil {
		return Status{}, false
	}
	s := Status{Task: e.task, Record: *e.rec, Running: e.running}
	switch e.task.Kind {
	case Delivering:
		_, s.Owed = b.owes(e)
	case Hooking:
		sink := b.entries[Key{Delivering, e.task.Name}]
		s.Owed = sink != nil && sink.rec.Delivery().Changes != e.rec.Ran()
	case Obtaining: // its instants say the rest
		s.Reopened = otherInputs(e.task, e.rec)
	}
	s.At, s.Why, s.Waiting = e.turn(now)
	return s, true
}

// NextAttempt returns At of the task's Status alone.
func (b *Board) NextAttempt(now time.Time, key Key) time.Time {
	e := b.entries[key]
	if e == nil {
		return never
	}
	at, _, _ := e.turn(now)
	return at
}

// turn returns when the entry will start as things stand, why then, and
// whether it is due and waits for its group.
func (e *entry) turn(now time.Time) (at time.Time, why Why, waiting bool) {
	waiting = e.in == &e.group.waiting
	at, why = e.group.status().Turn(now, e.at, e.reason(), waiting)
	return at, why, waiting
}

// Owed reports whether a sink or a hook has something to do.
func (b *Board) Owed(key Key) bool {
	s, _ := b.Look(time.Time{}, key)
	return s.Owed
}

// Changes returns how often the content of a sink changed, or may have.
func (b *Board) Changes(sink string) uint64 {
	e := b.entries[Key{Delivering, sink}]
	if e == nil {
		return 0
	}
	return e.rec.Delivery().Changes
}

// Ran returns the change that the hook of a sink last acted on. A sink counts its
// changes on from there: where a crash has left the hook's record alone, the two
// must not meet by chance, which would lose a hook.
func (b *Board) Ran(sink string) uint64 {
	e := b.entries[Key{Hooking, sink}]
	if e == nil {
		return 0
	}
	return e.rec.Ran()
}

// Showing returns the names of the sinks that show a credential.
func (b *Board) Showing(name string) (sinks []string) {
	for _, d := range b.dependents[name] {
		if d.task.Kind == Delivering {
			sinks = append(sinks, d.task.Name)
		}
	}
	return sinks
}

// GroupStatus is what the board knows of one group.
type GroupStatus struct {
	Record           ProviderRecord
	Waiting, Running int
	// Gate is the earliest instant at which its rates let the next task through;
	// Full says that its concurrency lets none through before another ends.
	Gate time.Time
	Full bool
}

func (g *group) status() GroupStatus {
	return GroupStatus{g.rec, g.waiting.Len(), g.running, g.gate, g.running >= g.spec.Concurrency}
}

// LookGroup returns the status of one group.
func (b *Board) LookGroup(name string) (GroupStatus, bool) {
	g := b.groups[name]
	if g == nil {
		return GroupStatus{}, false
	}
	return g.status(), true
}

// Token returns the last answer for a credential and its mark.
func (b *Board) Token(name string) (credential.Credential, Mark) {
	e := b.entries[Key{Obtaining, name}]
	if e == nil {
		return credential.Credential{}, Mark{}
	}
	held := e.rec.Token()
	return held.Credential, held.mark()
}

// Idle reports whether nothing runs and nothing waits for more than its turn:
// a single run is over then.
func (b *Board) Idle(now time.Time) bool {
	if e := b.timed.first(); e != nil && !e.at.After(now) {
		return false
	}
	for _, g := range b.groups {
		if g.running > 0 {
			return false
		}
		if e := g.waiting.first(); e != nil && !b.closed[e.task.Kind] && !g.rec.CooldownUntil.After(now) {
			return false
		}
	}
	return true
}
