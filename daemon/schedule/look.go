package schedule

import (
	"time"

	"github.com/vigented/vigente/credential"
)

// Status is the state of one task at an instant.
type Status struct {
	Task   *Task
	Record Record
	// At is when the next attempt is planned, zero if it is not; while the task
	// waits for its provider, it is the earliest possible start.
	At      time.Time
	Why     Why
	Running bool
	Waiting bool // due, and waiting for rate, concurrency or cool-down
	Owed    bool // sinks and hooks: there is something to do
	// Reopened means that the credential is due because its secrets or keys have
	// changed since its last attempt.
	Reopened bool
	// Parked means that nothing is planned until a person or a change helps, Waits that
	// nothing is planned until another credential has a value.
	Parked, Waits bool
}

// Look returns the status of one task.
func (b *Board) Look(now time.Time, key Key) (Status, bool) {
	e := b.entries[key]
	if e == nil {
		return Status{}, false
	}
	s := Status{Task: e.task, Record: e.rec.Record(), Running: e.running}
	switch e.task.Kind {
	case Delivering:
		_, s.Owed = b.owes(e)
	case Hooking:
		sink := b.entries[Key{Delivering, e.task.Name}]
		s.Owed = sink != nil && sink.rec.changes() != e.rec.Ran()
	case Obtaining: // never owed
		s.Reopened = otherInputs(e.task, e.rec.Outline())
	}
	s.At, s.Why, s.Waiting = e.turn(now)
	s.Parked, s.Waits = s.Why == whyParked || s.Why == whyAbsent, s.Why == whyInput
	return s, true
}

// NextAttempt returns the At of the task's Status.
func (b *Board) NextAttempt(now time.Time, key Key) time.Time {
	e := b.entries[key]
	if e == nil {
		return never
	}
	at, _, _ := e.turn(now)
	return at
}

// turn returns when the entry is expected to start, why, and whether it is due and
// waits for its group.
func (e *entry) turn(now time.Time) (at time.Time, why Why, waiting bool) {
	waiting = e.in == &e.group.waiting
	at, why = e.group.status().Turn(now, e.at(), e.reason(), waiting, e.rush)
	return at, why, waiting
}

// Owed reports whether a sink or a hook has something to do.
func (b *Board) Owed(key Key) bool {
	s, _ := b.Look(time.Time{}, key)
	return s.Owed
}

// Settled returns the record of a sink that holds what was last delivered, and nil for
// one that does not, or that is being written.
func (b *Board) Settled(sink string) *Packed {
	e := b.entries[Key{Delivering, sink}]
	if e == nil || e.running {
		return nil
	}
	why, owed := b.owes(e)
	if owed || why == whyInput || len(e.rec.Delivery().Delivered) < len(e.task.Needs) {
		return nil
	}
	return e.rec
}

// Changes returns the Delivery.Changes of a sink.
func (b *Board) Changes(sink string) uint64 {
	e := b.entries[Key{Delivering, sink}]
	if e == nil {
		return 0
	}
	return e.rec.changes()
}

// Ran returns the change that the hook of a sink last handled. A sink without a
// record continues its count from there: if a crash left only the hook's record,
// equal counts would lose a hook.
func (b *Board) Ran(sink string) uint64 {
	e := b.entries[Key{Hooking, sink}]
	if e == nil {
		return 0
	}
	return e.rec.Ran()
}

// Showing returns the names of the sinks that use a credential.
func (b *Board) Showing(name string) (sinks []string) {
	for _, d := range b.dependents[name] {
		if d.task.Kind == Delivering {
			sinks = append(sinks, d.task.Name)
		}
	}
	return sinks
}

// GroupStatus is the state of one group.
type GroupStatus struct {
	Record           ProviderRecord
	Waiting, Running int
	// Gate is the earliest instant at which the rates allow the next task to start;
	// Full means that it must wait for a running task to end.
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

// Outline returns Record.Outline of a credential.
func (b *Board) Outline(name string) Token {
	e := b.entries[Key{Obtaining, name}]
	if e == nil {
		return Token{}
	}
	return e.rec.Outline()
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

// Idle reports whether a single run is complete: no task is running, and none can
// start before a cool-down ends.
func (b *Board) Idle(now time.Time) bool {
	if e := b.timed.first(); e != nil && !e.at().After(now) {
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
