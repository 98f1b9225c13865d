package schedule

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// maxSinkWait is how long a hook waits for other sinks of its command that are
// slow or failing.
const maxSinkWait = 5 * time.Second

// together is a set of hooks that share a command. The command runs once for all
// changed sinks, after the last of their deliveries, and never in parallel.
type together struct {
	name    string
	hooks   int
	owed    map[*entry]bool // hooks that are owed
	busy    map[string]bool // sinks with a delivery running or due
	running int
}

// join adds a hook to the set with the given name.
func (b *Board) join(e *entry, name string) {
	if e.with != nil && e.with.name == name {
		return
	}
	b.leaveTogether(e)
	if name == "" {
		return
	}
	t := b.together[name]
	if t == nil {
		t = &together{name: name, owed: map[*entry]bool{}, busy: map[string]bool{}}
		b.together[name] = t
	}
	t.hooks++
	e.with = t
}

// leaveTogether removes a hook from its set.
func (b *Board) leaveTogether(e *entry) {
	t := e.with
	if t == nil {
		return
	}
	e.with = nil
	delete(t.owed, e)
	delete(t.busy, e.task.Name)
	if t.hooks--; t.hooks == 0 {
		delete(b.together, t.name)
	}
}

// regroup records whether a hook is owed, or whether its sink is busy. Once no
// sink is busy, the waiting hooks become due. A sink that is only being checked
// counts as busy too: if the check finds a change, the command would otherwise
// run a second time for this sink alone.
func (b *Board) regroup(e *entry, now time.Time) {
	switch e.task.Kind {
	case Hooking:
		if e.with == nil {
			return
		}
		if sink := b.entries[Key{Delivering, e.task.Name}]; sink != nil && sink.rec.changes() != e.rec.Ran() {
			e.with.owed[e] = true
		} else {
			delete(e.with.owed, e)
		}
	case Delivering:
		hook := b.entries[Key{Hooking, e.task.Name}]
		if hook == nil || hook.with == nil {
			return
		}
		t := hook.with
		if b.busy(e) {
			t.busy[e.task.Name] = true
			return
		}
		if delete(t.busy, e.task.Name); len(t.busy) == 0 {
			b.replanTogether(t, now)
		}
	case Obtaining:
	}
}

// busy reports whether other hooks should wait for the sink. In a single run they
// do not wait for a failed sink, which is not retried.
func (b *Board) busy(e *entry) bool {
	if e.running {
		return true
	}
	_, owed := b.owes(e)
	return owed && (e.rec.Failures() == 0 || !b.once)
}

func (b *Board) replanTogether(t *together, now time.Time) {
	for _, e := range t.sorted() {
		b.replan(e, now)
	}
}

// sorted returns the owed hooks, by name.
func (t *together) sorted() []*entry {
	return slices.SortedFunc(maps.Keys(t.owed), func(a, b *entry) int { return cmp.Compare(a.task.Name, b.task.Name) })
}

// withOthers delays a ready hook while its command runs and, up to maxSinkWait,
// until the other sinks of its command have been delivered to.
func (b *Board) withOthers(e *entry, now time.Time) (time.Time, Why) {
	at, why := retryOr(e, now, whyHook)
	t := e.with
	if t == nil {
		return at, why
	}
	if t.running > 0 {
		return never, whyTogether
	}
	others := len(t.busy)
	if t.busy[e.task.Name] {
		others--
	}
	if others == 0 {
		return at, why
	}
	until := b.entries[Key{Delivering, e.task.Name}].rec.Delivery().DeliveredAt.Add(maxSinkWait)
	if until.After(now.Add(maxSinkWait)) {
		until = now.Add(maxSinkWait)
	}
	if until.After(at) {
		return until, whyTogether
	}
	return at, why
}

// started also starts the other hooks of the same command. They do not count
// against the group, because only one process runs.
func (b *Board) started(e *entry, now time.Time, starts []Start) []Start {
	t := e.with
	if t == nil {
		return starts
	}
	e.ranWith = t
	t.running++
	for _, o := range t.sorted() {
		if o == e || o.running || !b.hookReady(o) {
			continue
		}
		o.leave()
		o.setDueAt(now)
		b.touchOne(o)
		o.running, o.asked, o.detached = true, false, true
		o.hold = nil
		o.started(now, b.applies)
		o.ranWith = t
		t.running++
		starts = append(starts, Start{Task: o.task, Record: o.rec.Record(), DueAt: now, Why: whyHook, setBack: b.setBack})
	}
	return starts
}

// ended records the end of a hook; with the last hook, its command has ended.
func (b *Board) ended(e *entry, now time.Time) {
	t := e.ranWith
	if t == nil {
		return
	}
	e.ranWith = nil
	if t.running--; t.running == 0 {
		b.replanTogether(t, now)
	}
}

// Once tells the board that this is a single run, in which nothing is retried.
func (b *Board) Once() { b.once = true }
