// Package schedule is the board: it decides which tasks are due, and why.
//
// The board is pure. It reads no clock, starts no goroutine and does no I/O:
// instants are arguments and decisions are return values, so the daemon, a
// single run, a simulation and a test all run the same code. Obtaining a
// credential, delivering it to a sink and running a hook are all tasks, which
// share one implementation of minimum interval, retry, jitter and reasons.
//
// It promises that no credential's backend is called twice within its minimum
// interval, even across restarts; that no provider sees more calls than its
// rate, its concurrency and its cool-down allow; that tasks waiting for a
// provider are served earliest expiry first; that a failure of one task delays
// no other task; and that each step costs O(log n) in the number of tasks.
//
// A Board belongs to one goroutine. It never changes a record that it was given
// or has returned.
package schedule

import (
	"time"
	"unique"

	"github.com/vigented/vigente/credential"
)

// Board holds every task with its record and its next instant.
type Board struct {
	seed      uint64
	seen      time.Time           // the latest instant it was asked at
	setBack   time.Duration       // total by which the clock was set back
	corrected map[Key]bool        // tasks whose records the board corrected
	refused   map[string]*Note    // refused clients, by Task.Client
	clients   map[string][]*entry // credentials by Task.Client; nil until needed, see showing
	applies   uint32              // number of Apply calls
	learned   Memory              // records not claimed by any task
	expiry    time.Time           // when the first record of a removed credential may be deleted
	entries   map[Key]*entry
	groups    map[string]*group
	timed     queue // planned tasks, by instant
	gates     gates // groups with waiting tasks, by instant
	closed    [3]bool
	// dependents lists the tasks that need a credential, by its name.
	dependents map[string][]*entry
	together   map[string]*together // hooks that share a command, by its key
	once       bool
	starts     []Start  // returned by the last Due, reused by the next
	touched    []*entry // tasks that may have changed since Touched
}

// entry is one task on the board. There may be hundreds of thousands, so the
// fields are ordered to avoid padding.
type entry struct {
	task  *Task
	rec   *Packed // see edit
	group *group
	in    *queue
	// planned is the instant at which it starts by itself, zero for never. dueAt is when
	// it became due, while it waits or runs.
	plannedSecond, dueSecond int64
	plannedNano, dueNano     int32
	place                    int32
	// startedIn is the Apply call that preceded its last start, bornIn the one
	// that added it.
	startedIn, bornIn uint32
	// answers counts the successful attempts.
	answers uint32
	running bool
	// gone means that the task still runs, but is no longer configured.
	gone bool
	// detached means that it runs without counting against its group.
	detached bool
	touched  bool // it is in Board.touched
	asked    bool // requested manually
	rush     bool // requested despite a wait that the backend asked for
	why      unique.Handle[Why]
	began    int64 // when it last started, in nanoseconds
	hold     *Hold // nil for none
	// stale holds the inputs whose values were refused: the task waits until they
	// are renewed.
	stale map[string]refusal
	// with is the set of hooks that run together with this one, ranWith the set
	// that the current run belongs to.
	with, ranWith *together
}

// group is a budget that tasks share.
type group struct {
	spec    Group
	buckets []bucket
	unaware bool // the buckets do not count earlier calls yet
	rec     ProviderRecord
	waiting queue
	running int
	gate    time.Time
	place   int // index in Board.gates, -1 if absent
}

// started records the start of an attempt.
func (e *entry) started(now time.Time, applies uint32) {
	e.began, e.startedIn = now.UnixNano(), applies
}

// at returns the planned instant.
func (e *entry) at() time.Time { return unpack(e.plannedSecond, e.plannedNano) }

func (e *entry) setAt(t time.Time) { e.plannedSecond, e.plannedNano = pack(t) }

func (e *entry) dueAt() time.Time { return unpack(e.dueSecond, e.dueNano) }

func (e *entry) setDueAt(t time.Time) { e.dueSecond, e.dueNano = pack(t) }

// firstSecond is the zero time.Time, which packs to zeros.
const firstSecond = -62135596800

// pack returns an instant in half the room.
func pack(t time.Time) (second int64, nano int32) {
	return t.Unix() - firstSecond, int32(t.Nanosecond()) //nolint:gosec // below a billion
}

func unpack(second int64, nano int32) time.Time {
	return time.Unix(second+firstSecond, int64(nano)).UTC()
}

// startedAt returns when the entry last started.
func (e *entry) startedAt() time.Time { return time.Unix(0, e.began).UTC() }

// reason returns why the entry is planned for its instant.
func (e *entry) reason() Why {
	if e.why == (unique.Handle[Why]{}) {
		return Why{}
	}
	return e.why.Value()
}

// edit replaces the entry's record with a changed copy. Readers of the previous
// record do not see the changes.
func (e *entry) edit(change func(*Record)) {
	r := e.rec.Record()
	change(&r)
	e.rec = Pack(r)
}

// New returns an empty board. The seed determines the jitter: the same seed
// gives the same plan.
func New(seed uint64) *Board {
	return &Board{
		seed:       seed,
		entries:    map[Key]*entry{},
		groups:     map[string]*group{},
		timed:      queue{less: sooner},
		dependents: map[string][]*entry{},
		together:   map[string]*together{},
		corrected:  map[Key]bool{},
		refused:    map[string]*Note{},
	}
}

// Start is one task that must start now.
type Start struct {
	Task   *Task
	Record Record
	DueAt  time.Time
	Why    Why
	inputs map[string]uint64 // the generations that it started with
	// setBack is Board.setBack at the start.
	setBack     time.Duration
	asked, rush bool
}

// Due returns the tasks that must start now, in order, and the instant at which
// to call it again, zero if no task will become due by itself. A returned task
// counts as running until Fold. The next call reuses the slice.
func (b *Board) Due(now time.Time) (starts []Start, wake time.Time) {
	now = b.see(now)
	starts = b.starts[:0]
	for e := b.timed.first(); e != nil && !e.at().After(now); e = b.timed.first() {
		e.dueSecond, e.dueNano = e.plannedSecond, e.plannedNano
		b.touchOne(e)
		e.group.waiting.put(e)
		b.regate(e.group, now)
	}
	for len(b.gates) > 0 && !b.gates[0].gate.After(now) {
		g := b.gates[0]
		e := g.waiting.first()
		e.leave()
		b.touchOne(e)
		if at, why := b.next(e, now); at.IsZero() || at.After(now) {
			// The reason went away while it waited, for example because an input
			// expired.
			b.plan(e, at, why)
		} else {
			asked, rush := e.asked, e.rush
			e.running, e.asked, e.rush, e.detached = true, false, false, false
			e.hold = nil
			e.started(now, b.applies)
			b.regroup(e, now)
			g.running++
			for i := range g.buckets {
				g.buckets[i].take(now)
			}
			starts = append(starts, Start{e.task, e.rec.Record(), e.dueAt(), why, b.generations(e.task), b.setBack, asked, rush})
			starts = b.started(e, now, starts)
		}
		b.regate(g, now)
	}
	if e := b.timed.first(); e != nil {
		wake = e.at()
	}
	if len(b.gates) > 0 && (wake.IsZero() || b.gates[0].gate.Before(wake)) {
		wake = b.gates[0].gate
	}
	b.starts = starts
	if len(starts) == 0 {
		return nil, wake
	}
	return starts, wake
}

// regate computes when the group's first waiting task may start. A group that
// must wait for the end of a running task is removed from the gates.
func (b *Board) regate(g *group, now time.Time) {
	if g.waiting.Len() == 0 || g.running >= g.spec.Concurrency {
		b.gates.drop(g)
		return
	}
	g.gate = now
	if g.rec.CooldownUntil.After(now) && !g.waiting.first().rush {
		g.gate = g.rec.CooldownUntil
	}
	for i := range g.buckets {
		g.gate = g.buckets[i].allowedAt(g.gate)
	}
	b.gates.set(g)
}

// next returns when the entry should start, according to its own record and
// those it depends on.
func (b *Board) next(e *entry, now time.Time) (time.Time, Why) {
	if b.closed[e.task.Kind] {
		return never, whyIdle
	}
	switch e.task.Kind {
	case Obtaining:
		if e.task.More().Absent != "" {
			return never, whyAbsent
		}
		at, why := b.nextObtain(e, now)
		past := e.rec.Past()
		at, why = past.paused(at, why, now)
		if !at.IsZero() && e.hold != nil && e.hold.Until.After(later(at, now)) {
			return e.hold.Until, Why{"", e.hold.Text}
		}
		return at, why
	case Delivering:
		switch why, owed := b.owes(e); {
		case owed:
			return retryOr(e, now, why)
		case why == whyInput:
			return never, whyInput
		case e.asked:
			return now, whyAsked
		}
	case Hooking:
		if b.hookReady(e) {
			return b.withOthers(e, now)
		}
	}
	return never, whyIdle
}

func (b *Board) nextObtain(e *entry, now time.Time) (time.Time, Why) {
	for _, name := range e.task.Needs {
		input := b.entries[Key{Obtaining, name}]
		if input == nil {
			return never, whyInput
		}
		held := input.rec.Outline()
		if held.Borrowed() || !inForce(held.Credential, now) {
			return never, whyInput
		}
		if r, refused := e.stale[name]; refused && r.generation == held.Generation && r.answers == input.answers {
			return never, whyInput
		}
	}
	if e.asked {
		p := e.rec.Past()
		if at := p.RetryAt; p.Asked && at.After(now) && at.After(e.group.rec.CooldownUntil) && !e.rush {
			return at, whyRetryAfter
		}
		if earliest := p.AttemptAt.Add(e.task.Policy.MinInterval); !p.AttemptAt.IsZero() && earliest.After(now) {
			return earliest, whyMinInterval
		}
		return now, whyAsked
	}
	r := e.rec.Record()
	return due(e.task, &r, now, b.seed)
}

// inForce reports whether the credential has values that have not expired. If
// the server states no expiry, they count as in force.
func inForce(c credential.Credential, now time.Time) bool {
	end := c.StatedEnd()
	return HasValue(c) && (end.IsZero() || end.After(now))
}

// owes reports whether a sink must be written: every credential it shows has a
// value, and its content is not up to date.
func (b *Board) owes(e *entry) (Why, bool) {
	why, owed, borrowed := whyIdle, false, false
	for _, name := range e.task.Needs {
		c := b.entries[Key{Obtaining, name}]
		if c == nil {
			return whyInput, false
		}
		held := c.rec.Outline()
		if !HasValue(held.Credential) {
			return whyInput, false
		}
		// The generation distinguishes values even if a crash lost revisions that
		// were never stored.
		if mark, _ := e.rec.Holds(name); mark != held.mark() {
			why, owed = whyOwed, true
		}
		borrowed = borrowed || held.Borrowed()
	}
	switch {
	case borrowed && (owed || e.rec.target() != e.task.Target):
		// Values of an earlier identity are written only to sinks that already
		// hold them.
		return whyInput, false
	case owed:
	case e.rec.target() != e.task.Target:
		why, owed = whyTarget, true
	case e.rec.Failures() > 0:
		// It was up to date, and a later repair of its content failed.
		why, owed = whyLocalRetry, true
	}
	return why, owed
}

// hookReady reports whether a hook is owed and its sink is not about to change
// again. A failing sink does not delay the hook of an earlier change.
func (b *Board) hookReady(e *entry) bool {
	sink := b.entries[Key{Delivering, e.task.Name}]
	if sink == nil || sink.running || sink.rec.changes() == e.rec.Ran() {
		return false
	}
	_, owed := b.owes(sink)
	return !owed || sink.rec.Failures() > 0
}

func retryOr(e *entry, now time.Time, why Why) (time.Time, Why) {
	if p := e.rec.Past(); !e.asked && p.Failures > 0 && p.RetryAt.After(now) {
		return p.RetryAt, whyLocalRetry
	}
	return now, why
}

// plan sets the entry's next instant and queues it.
func (b *Board) plan(e *entry, at time.Time, why Why) {
	e.setAt(at)
	e.why = unique.Make(why)
	if at.IsZero() {
		e.leave()
		return
	}
	b.timed.put(e)
}

// replan recomputes the entry's instant, unless it is running.
func (b *Board) replan(e *entry, now time.Time) {
	b.touchOne(e)
	b.regroup(e, now)
	if e.running {
		return
	}
	waited := e.in == &e.group.waiting
	at, why := b.next(e, now)
	if waited && !at.IsZero() && !at.After(now) {
		e.setAt(at)
		e.why = unique.Make(why)
		e.group.waiting.put(e)
		return
	}
	b.plan(e, at, why)
	if waited {
		b.regate(e.group, now)
	}
}

// Kick makes a task due immediately, parked or not, within its minimum interval,
// rate and cool-down. It ends the hold of a final refusal, whose reason may be gone.
// It has no effect on a running task. It reports whether the task exists.
func (b *Board) Kick(now time.Time, key Key) bool {
	now = b.see(now)
	e := b.entries[key]
	if e == nil {
		return false
	}
	if !e.running && e.task.More().Absent == "" {
		if e.hold != nil && e.hold.Final {
			e.hold = nil
		}
		e.asked = true
		b.replan(e, now)
	}
	return true
}

// Hurry is Kick, but ignores a wait that the backend asked for. The minimum
// interval and the rate still apply.
func (b *Board) Hurry(now time.Time, key Key) bool {
	if e := b.entries[key]; e != nil && !e.running {
		e.rush = true
	}
	return b.Kick(now, key)
}

// Detach stops counting a running task against its group, so that a hanging task
// does not block others. The task itself still counts as running.
func (b *Board) Detach(now time.Time, key Key) {
	now = b.see(now)
	if e := b.entries[key]; e != nil && e.running && !e.detached {
		e.detached = true
		e.group.running--
		b.regate(e.group, now)
	}
}

// Close stops further tasks of this kind from starting, for shutdown.
func (b *Board) Close(kind Kind) { b.closed[kind] = true }
