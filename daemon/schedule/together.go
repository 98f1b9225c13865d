package schedule

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// patience is how long a hook waits for the other sinks of its command: for one
// that is slow, or that fails.
const patience = 5 * time.Second

// together are the hooks of sinks that have one command. It is run once for all
// that changed, after the last of their deliveries, and never twice at a time.
type together struct {
	name    string
	hooks   int
	owed    map[*entry]bool // hooks with something to tell
	busy    map[string]bool // sinks that are delivered to, or are about to be
	running int
}

// join makes a hook belong to those of its task.
func (b *Board) join(e *entry, name string) {
	if e.with != nil && e.with.name == name {
		return
	}
	b.part(e)
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

// part takes a hook from those that it belongs to.
func (b *Board) part(e *entry) {
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

// regroup records what a hook owes, or whether its sink is about to be delivered
// to or is looked at. Once no sink is, the hooks that waited are due. Without the
// look, a command would start beside it, and once more for this sink alone.
func (b *Board) regroup(e *entry, now time.Time) {
	switch e.task.Kind {
	case Hooking:
		if e.with == nil {
			return
		}
		if sink := b.entries[Key{Delivering, e.task.Name}]; sink != nil && sink.rec.Delivery().Changes != e.rec.Ran() {
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

// busy reports whether others wait for the sink. One that failed is retried only
// later where everything is done once.
func (b *Board) busy(e *entry) bool {
	if e.running {
		return true
	}
	_, owed := b.owes(e)
	return owed && (e.rec.Past.Failures == 0 || !b.once)
}

func (b *Board) replanTogether(t *together, now time.Time) {
	for _, e := range t.sorted() {
		b.replan(e, now)
	}
}

// sorted returns the hooks that owe something, by name.
func (t *together) sorted() []*entry {
	return slices.SortedFunc(maps.Keys(t.owed), func(a, b *entry) int { return cmp.Compare(a.task.Name, b.task.Name) })
}

// withOthers delays a hook that is ready while its command runs, and, for a
// while, until the last of its sinks has been delivered to.
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
	until := b.entries[Key{Delivering, e.task.Name}].rec.Delivery().DeliveredAt.Add(patience)
	if until.After(now.Add(patience)) {
		until = now.Add(patience)
	}
	if until.After(at) {
		return until, whyTogether
	}
	return at, why
}

// started makes the other hooks of the command that is about to run start with
// it. They count against no budget: one process runs.
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
		o.dueAt = now
		b.touchOne(o)
		o.running, o.asked, o.detached = true, false, true
		o.hold = nil
		o.started(now, b.applies)
		o.ranWith = t
		t.running++
		starts = append(starts, Start{Task: o.task, Record: *o.rec, DueAt: now, Why: whyHook, setBack: b.setBack})
	}
	return starts
}

// ended takes the end of a hook in; with the last one the command has ended.
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

// Once makes hooks wait for no sink that fails: nothing is retried here.
func (b *Board) Once() { b.once = true }
