package schedule

import (
	"slices"
	"time"

	"github.com/vigented/vigente/credential"
)

// Change is what one configuration has over the one before. A start is the
// change from nothing.
type Change struct {
	Groups     []Group  // new, or with another budget
	GoneGroups []string // no task is left in them
	Tasks      []*Task  // new, or with another content
	Gone       []Key
}

// Apply makes the board hold what the change says, in time that grows with the
// change and not with the board. What is changed keeps its record, and is
// neither disturbed nor due earlier by a change of timing alone; what is new
// takes up what Learn has brought of it. It returns the keys of sinks and hooks that are
// no longer there; the record of a credential is kept for a while, see Expire. A running task goes on either way: one that is gone is reported by the
// Fold that ends it.
func (b *Board) Apply(now time.Time, c Change) (removed []Key) {
	now = b.see(now)
	b.applies++
	budgets := map[*group]bool{} // those to be reckoned again
	for _, spec := range c.Groups {
		budgets[b.budget(now, spec)] = true
	}
	unlinked := map[string]map[*entry]bool{}
	affected := make([]*entry, 0, len(c.Tasks))
	for _, t := range c.Tasks {
		affected = append(affected, b.take(t, now, budgets, unlinked))
	}
	var orphans []string
	for _, key := range c.Gone {
		e := b.entries[key]
		if e == nil || e.gone {
			continue
		}
		left := b.remove(e, budgets, unlinked)
		switch {
		case key.Kind == Obtaining:
			orphans = append(orphans, key.Name)
			if left {
				b.keep(key, *e.rec, now)
			}
		case left:
			removed = append(removed, key)
		}
	}
	b.relink(affected, unlinked)
	b.replay(now)
	b.recallClients(affected, now)
	for _, e := range affected {
		b.replan(e, now)
		b.touch(e, now)
	}
	for _, name := range orphans {
		b.touchDependents(name, now)
	}
	for _, name := range c.GoneGroups {
		if g := b.groups[name]; g != nil {
			b.gates.drop(g)
			delete(b.groups, name)
		}
	}
	for g := range budgets {
		b.regateLive(g, now)
	}
	slices.SortFunc(removed, Key.Compare)
	return removed
}

// budget takes over one group as it is from now on.
func (b *Board) budget(now time.Time, spec Group) *group {
	g := b.groups[spec.Name]
	if g == nil {
		g = &group{rec: b.learned.Providers[spec.Name], place: -1, waiting: queue{less: moreUrgent}, unaware: true}
		g.rec.settle(now)
		delete(b.learned.Providers, spec.Name)
		b.groups[spec.Name] = g
	}
	if !slices.Equal(g.spec.Rates, spec.Rates) {
		g.buckets, g.unaware = nil, true
		for _, r := range spec.Rates {
			g.buckets = append(g.buckets, newBucket(r))
		}
	}
	g.spec = spec
	return g
}

// take puts a task on the board, or in the place of its predecessor.
func (b *Board) take(t *Task, now time.Time, budgets map[*group]bool, unlinked map[string]map[*entry]bool) *entry {
	e := b.entries[t.Key]
	if e == nil {
		e = &entry{task: t, rec: b.claim(t), bornIn: b.applies}
		b.entries[t.Key] = e
	} else if budgets[e.group] = true; !e.gone {
		unlink(e, unlinked)
	}
	b.adopt(e, t, now)
	budgets[e.group] = true
	return e
}

// claim returns the record that was learned for a task, empty without any. What
// the two have in common is held once.
func (b *Board) claim(t *Task) *Record {
	r, found := b.learned.Records[t.Key]
	if !found {
		return &blank
	}
	delete(b.learned.Records, t.Key)
	switch part := r.Part.(type) {
	case Token:
		part.LeftAt = time.Time{}
		share(&part.Identity, t.Identity)
		share(&part.Inputs, t.Inputs)
		r.Part = part
	case Delivery:
		share(&part.Target, t.Target)
		r.Part = part
	}
	return &r
}

// blank is the record of every task that nothing is known of.
var blank Record

func share(mine *string, its string) {
	if *mine == its {
		*mine = its
	}
}

// remove takes an entry off the board, and reports whether it is gone already.
func (b *Board) remove(e *entry, budgets map[*group]bool, unlinked map[string]map[*entry]bool) bool {
	b.touchOne(e)
	b.part(e)
	unlink(e, unlinked)
	e.leave()
	budgets[e.group] = true
	if e.gone = e.running; !e.gone {
		delete(b.entries, e.task.Key)
	}
	return !e.gone
}

// unlink notes that the entry no longer depends on what it needed.
func unlink(e *entry, unlinked map[string]map[*entry]bool) {
	for _, name := range e.task.Needs {
		if unlinked[name] == nil {
			unlinked[name] = map[*entry]bool{}
		}
		unlinked[name][e] = true
	}
}

// relink puts right what depends on what.
func (b *Board) relink(affected []*entry, unlinked map[string]map[*entry]bool) {
	for name, lost := range unlinked {
		left := slices.DeleteFunc(b.dependents[name], func(e *entry) bool { return lost[e] })
		if b.dependents[name] = left; len(left) == 0 {
			delete(b.dependents, name)
		}
	}
	for _, e := range affected {
		for _, name := range e.task.Needs {
			b.dependents[name] = append(b.dependents[name], e)
		}
	}
}

// adopt gives the entry its new task and puts the record right for it.
func (b *Board) adopt(e *entry, t *Task, now time.Time) {
	if e.task.Identity != t.Identity || e.task.Inputs != t.Inputs {
		e.stale = nil // with other secrets the same input may do
	}
	e.task, e.gone = t, false
	b.join(e, t.More().Together)
	g, was := b.groups[t.Group], e.group
	waited := was != nil && e.in == &was.waiting
	if waited {
		e.leave() // what follows may change its place among those that wait
	}
	if g != was {
		e.leave()
		if e.running && !e.detached {
			was.running--
			g.running++
		}
		e.group = g
	}
	b.settleIdentity(e, now)
	if waited && g == was {
		g.waiting.put(e)
	}
}

// settleIdentity puts the record of a credential right for its task.
func (b *Board) settleIdentity(e *entry, now time.Time) {
	if !e.running {
		b.settle(e, now)
	}
	if e.task.Kind != Obtaining {
		return
	}
	held := e.rec.Token()
	if e.task.More().Absent == "" && held.Identity != e.task.Identity && (held.Identity != "" || HasValue(held.Credential)) {
		other := withIdentity(*e.rec, e.task.Identity, now)
		e.rec = &other
		b.corrected[e.task.Key] = true
	}
	if !e.running {
		b.age(e, now) // else at the end of the attempt, which builds on this record
	}
}

// age gives a life that is policy the end that max_age has by now, unless that
// would end it at once. It is stored, for sinks hold it by its revision.
func (b *Board) age(e *entry, now time.Time) {
	held := e.rec.Token()
	if !held.PolicyExpiry {
		return
	}
	if expires := held.IssuedAt.Add(held.MaxAge(e.task.Policy.MaxAge)); !expires.Equal(held.ExpiresAt) && expires.After(now) {
		held.ExpiresAt = expires
		held.Revision++
		e.edit().Part = held
		b.corrected[e.task.Key] = true
	}
}

// replay fills buckets that start empty with the calls that the records tell
// of, so that neither a restart nor another rate gives a fresh burst. It renews
// the cool-downs that they tell of, too.
func (b *Board) replay(now time.Time) {
	unaware := false
	for _, g := range b.groups {
		unaware = unaware || g.unaware
	}
	if !unaware {
		return
	}
	calls, hidden, cooled := map[*group][]time.Time{}, map[*group][]time.Time{}, map[*group]time.Time{}
	for _, e := range b.entries {
		if e.task.Kind != Obtaining || !e.group.unaware {
			continue
		}
		cooled[e.group] = later(cooled[e.group], e.group.recall(e.rec.Past))
		known, complete := e.calls()
		calls[e.group] = append(calls[e.group], known...)
		if !complete {
			hidden[e.group] = append(hidden[e.group], known[0])
		}
	}
	for g, at := range calls {
		at = slices.DeleteFunc(at, func(at time.Time) bool { return at.After(now) })
		slices.SortFunc(at, time.Time.Compare)
		for i := range g.buckets {
			g.buckets[i].replay(at, hidden[g], now)
		}
	}
	for _, g := range b.groups {
		g.unaware = false
		g.rec.CooldownUntil = later(g.rec.CooldownUntil, cooled[g])
	}
}

// calls returns the instants at which the backend was called, as far as the
// record remembers them, oldest first, and whether those are all.
func (e *entry) calls() (known []time.Time, complete bool) {
	p, last := e.rec.Past, e.rec.Past.AttemptAt
	if e.running {
		last = e.startedAt()
	}
	for _, a := range p.History {
		// What ended on this machine, at a preflight for one, was no call; what is
		// later than the last one is of a clock that was set back since.
		if a.Reason != credential.ReasonInternal && !a.At.After(last) {
			known = append(known, a.At)
		}
	}
	complete = len(p.History) < historyLength && p.Unknown <= 1
	if n := len(known); !last.IsZero() && (n == 0 || last.After(known[n-1])) {
		known = append(known, last)
	}
	return known, complete || len(known) == 0
}

// recall returns until when the backend is left alone by what a record tells: a
// kill between storing the one and the other must not lose that. Of a refusal
// that named no instant nothing is added to what the group knows of it.
func (g *group) recall(p Past) time.Time {
	switch {
	case p.Failures == 0 || p.Last == nil:
		return time.Time{}
	case p.PauseAlone:
		return time.Time{}
	case !p.PauseUntil.IsZero():
		return p.PauseUntil
	case p.Asked: // by a record from before there was another field for it
		return p.RetryAt
	case p.Last.Reason == credential.ReasonThrottled && !g.rec.CooldownUntil.After(p.Last.At):
		return p.Last.At.Add(firstCooldown)
	}
	return time.Time{}
}

// moreUrgent orders what waits for one group: earliest expiry first, and what
// has nothing in force as if it had expired when it became due.
func moreUrgent(a, b *entry) bool {
	if a.rush != b.rush {
		return a.rush
	}
	if c := urgency(a).Compare(urgency(b)); c != 0 {
		return c < 0
	}
	if c := a.dueAt.Compare(b.dueAt); c != 0 {
		return c < 0
	}
	return a.task.Name < b.task.Name
}

func urgency(e *entry) time.Time {
	if held := e.rec.Token(); HasValue(held.Credential) && !held.ExpiresAt.IsZero() {
		return held.ExpiresAt
	}
	return e.dueAt
}
