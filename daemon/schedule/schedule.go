// Package schedule is the board: it decides what is due, and says why.
//
// The board is pure. It reads no clock, starts no goroutine and does no I/O:
// instants come in as arguments, decisions go out as values, so that a daemon,
// a single run, a simulation and a test drive the very same code. Obtaining a
// credential, delivering it to a sink and running a hook are the same kind of
// task here; floor, retry, jitter and the reasons for each instant exist once.
//
// It promises: no credential's backend is called twice within its floor,
// whatever happened; no provider sees more calls than its rate, its
// concurrency and its cool-down allow; what waits for a provider is served
// earliest expiry first; a failure of one task moves no other task; every step
// costs O(log n) of the number of tasks.
//
// A Board belongs to one goroutine. Records that it was given or has returned
// are never changed.
package schedule

import (
	"time"
	"unique"

	"github.com/vigented/vigente/credential"
)

// Board holds every task, its record and its place in time.
type Board struct {
	seed      uint64
	seen      time.Time        // when it was asked last
	setBack   time.Duration    // by how much the clock was set back so far
	corrected map[Key]bool     // whose records the board changed by itself
	refused   map[string]*Note // clients, by Task.Client
	applies   uint32           // changes so far
	learned   Memory           // records that no task has claimed yet, or no longer
	expiry    time.Time        // when the first record of a removed credential has been kept long enough
	entries   map[Key]*entry
	groups    map[string]*group
	timed     queue // what is planned, by instant
	gates     gates // groups with waiting tasks, by instant
	closed    [3]bool
	// dependents are the tasks that need a credential, by its name.
	dependents map[string][]*entry
	together   map[string]*together // hooks with one command
	once       bool
	starts     []Start  // what Due returned last
	touched    []*entry // that may look different since Touched
}

// entry is one task on the board. There may be hundreds of thousands: the order
// of the fields leaves no gaps.
type entry struct {
	task  *Task
	rec   *Record // never written to: see edit
	group *group
	in    *queue
	place int32
	// startedIn is the change under which it was handed out last, bornIn the one
	// it came with.
	startedIn, bornIn uint32
	// answers counts the good ends of the task's attempts.
	answers uint32
	running bool
	// gone says that the configuration no longer has the task, which runs yet.
	gone bool
	// detached says that it runs without counting against the group any more.
	detached bool
	touched  bool // it is among Board.touched
	asked    bool
	rush     bool      // asked for in spite of what the backend asked to wait
	at       time.Time // planned instant; zero when not by itself
	why      unique.Handle[Why]
	// dueAt is when it became due, while it waits or runs; began when it was handed
	// out last, in nanoseconds.
	dueAt time.Time
	began int64
	hold  *Hold // nil for none
	// stale names the inputs whose values were refused: the task waits for
	// another answer to them.
	stale map[string]refusal
	// with are the hooks that run together with this one, ranWith those of the
	// run that is under way.
	with, ranWith *together
}

// group is one budget on the board.
type group struct {
	spec    Group
	buckets []bucket
	unaware bool // the buckets know of no call before them yet
	rec     ProviderRecord
	waiting queue
	running int
	gate    time.Time
	place   int // in Board.gates, -1 when not there
}

// started notes that the entry was handed out.
func (e *entry) started(now time.Time, applies uint32) {
	e.began, e.startedIn = now.UnixNano(), applies
}

// startedAt is when it was handed out last.
func (e *entry) startedAt() time.Time { return time.Unix(0, e.began).UTC() }

// reason is why the entry is planned when it is.
func (e *entry) reason() Why {
	if e.why == (unique.Handle[Why]{}) {
		return Why{}
	}
	return e.why.Value()
}

// edit gives the entry a copy of its record, which may be written to until the
// board's method ends: whoever was handed the one before keeps it as it was.
func (e *entry) edit() *Record {
	r := *e.rec
	e.rec = &r
	return e.rec
}

// New returns an empty board. The seed spreads instants: the same seed gives
// the same plan.
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
	inputs map[string]uint64 // the generations that were handed out
	// setBack is by how much the clock had been set back until then.
	setBack     time.Duration
	asked, rush bool
}

// Due takes out what must start at now, in the order in which it should, and
// returns the instant at which the board must be asked again, zero when no
// task will become due by itself. What it returned is running until Fold; the
// slice is used again by the next Due.
func (b *Board) Due(now time.Time) (starts []Start, wake time.Time) {
	now = b.see(now)
	starts = b.starts[:0]
	for e := b.timed.first(); e != nil && !e.at.After(now); e = b.timed.first() {
		e.dueAt = e.at
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
			// It waited for its turn, and meanwhile the reason went away (an
			// input expired, say).
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
			starts = append(starts, Start{e.task, *e.rec, e.dueAt, why, b.generations(e.task), b.setBack, asked, rush})
			starts = b.started(e, now, starts)
		}
		b.regate(g, now)
	}
	if e := b.timed.first(); e != nil {
		wake = e.at
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

// regate computes when the group may let its first waiting task through, and
// takes it out of the gates while only the end of a running task can open it.
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

// next says when the entry wants to start, by its own record and by those it
// depends on.
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
		at, why = e.rec.paused(at, why, now)
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
		held := input.rec.Token()
		if held.Borrowed() || !inForce(held.Credential, now) {
			return never, whyInput
		}
		if r, refused := e.stale[name]; refused && r.generation == held.Generation && r.answers == input.answers {
			return never, whyInput
		}
	}
	if e.asked {
		p := &e.rec.Past
		if at := p.RetryAt; p.Asked && at.After(now) && at.After(e.group.rec.CooldownUntil) && !e.rush {
			return at, whyRetryAfter
		}
		if floor := p.AttemptAt.Add(e.task.Policy.MinInterval); !p.AttemptAt.IsZero() && floor.After(now) {
			return floor, whyFloor
		}
		return now, whyAsked
	}
	return due(e.task, e.rec, now, b.seed)
}

// inForce reports whether the token shows something that has not expired. What
// the server states no end for is in force for all that anybody knows.
func inForce(c credential.Credential, now time.Time) bool {
	end := c.StatedEnd()
	return HasValue(c) && (end.IsZero() || end.After(now))
}

// owes reports whether a sink holds something else than it should, once every
// credential it shows has a value.
func (b *Board) owes(e *entry) (Why, bool) {
	why, owed, borrowed := whyIdle, false, false
	holds := e.rec.Delivery()
	for _, name := range e.task.Needs {
		c := b.entries[Key{Obtaining, name}]
		if c == nil {
			return whyInput, false
		}
		held := c.rec.Token()
		if !HasValue(held.Credential) {
			return whyInput, false
		}
		// The generation tells other values apart even where a count of revisions
		// that was never stored had to begin again after a crash.
		if holds.Delivered.Of(name) != held.mark() {
			why, owed = whyOwed, true
		}
		borrowed = borrowed || held.Borrowed()
	}
	switch {
	case borrowed && (owed || holds.Target != e.task.Target):
		// Values of an earlier identity are written to no sink that does not hold
		// them.
		return whyInput, false
	case owed:
	case holds.Target != e.task.Target:
		why, owed = whyTarget, true
	case e.rec.Past.Failures > 0:
		// It held everything once, and failed when that was to be repaired.
		why, owed = whyLocalRetry, true
	}
	return why, owed
}

// hookReady reports whether a hook is owed and its sink is not just about to
// change again. A sink that fails does not hold the hook of an earlier change
// back.
func (b *Board) hookReady(e *entry) bool {
	sink := b.entries[Key{Delivering, e.task.Name}]
	if sink == nil || sink.running || sink.rec.Delivery().Changes == e.rec.Ran() {
		return false
	}
	_, owed := b.owes(sink)
	return !owed || sink.rec.Past.Failures > 0
}

func retryOr(e *entry, now time.Time, why Why) (time.Time, Why) {
	if r := e.rec.Past.RetryAt; !e.asked && e.rec.Past.Failures > 0 && r.After(now) {
		return r, whyLocalRetry
	}
	return now, why
}

// plan puts the entry where its next instant belongs.
func (b *Board) plan(e *entry, at time.Time, why Why) {
	e.at, e.why = at, unique.Make(why)
	if at.IsZero() {
		e.leave()
		return
	}
	b.timed.put(e)
}

// replan computes the entry's instant anew, unless it runs.
func (b *Board) replan(e *entry, now time.Time) {
	b.touchOne(e)
	b.regroup(e, now)
	if e.running {
		return
	}
	waited := e.in == &e.group.waiting
	at, why := b.next(e, now)
	if waited && !at.IsZero() && !at.After(now) {
		e.at, e.why = at, unique.Make(why)
		e.group.waiting.put(e)
		return
	}
	b.plan(e, at, why)
	if waited {
		b.regate(e.group, now)
	}
}

// Kick makes a task due at once, parked or not, as far as the floor, the rate
// and the cool-down allow. It reports whether the task exists. One that is
// running already is left to its end.
func (b *Board) Kick(now time.Time, key Key) bool {
	now = b.see(now)
	e := b.entries[key]
	if e == nil {
		return false
	}
	if !e.running && e.task.More().Absent == "" {
		e.asked = true
		b.replan(e, now)
	}
	return true
}

// Hurry is Kick for somebody who calls before the instant that the backend asked
// to wait for. The minimum interval and the rate hold all the same.
func (b *Board) Hurry(now time.Time, key Key) bool {
	if e := b.entries[key]; e != nil && !e.running {
		e.rush = true
	}
	return b.Kick(now, key)
}

// Detach lets a running task go on without counting against its group: it
// hangs, and must not keep others from starting. Its own lane stays taken.
func (b *Board) Detach(now time.Time, key Key) {
	now = b.see(now)
	if e := b.entries[key]; e != nil && e.running && !e.detached {
		e.detached = true
		e.group.running--
		b.regate(e.group, now)
	}
}

// Close lets no further task of this kind start: the daemon is stopping.
func (b *Board) Close(kind Kind) { b.closed[kind] = true }
