package schedule

import (
	"slices"
	"time"

	"github.com/vigented/vigente/credential"
)

// Change is the difference between two configurations. At startup it is the
// difference from an empty one.
type Change struct {
	Groups     []Group  // new, or with a different budget
	GoneGroups []string // without any task left
	Tasks      []*Task  // new or changed
	Gone       []Key
}

// Apply applies a change, in time proportional to the change rather than to the
// board. A changed task keeps its record, and a change of timing alone does not
// make it due earlier; a new task claims its learned record. Apply returns the
// keys of removed sinks and hooks. The record of a removed credential is kept for
// a while: see Expire. Running tasks continue; the Fold that ends a removed one
// reports its removal.
func (b *Board) Apply(now time.Time, c Change) (removed []Key) {
	now = b.see(now)
	b.applies++
	b.clients = nil
	budgets := map[*group]bool{} // groups to regate
	for _, spec := range c.Groups {
		budgets[b.budget(now, spec)] = true
	}
	unlinked := map[string]map[*entry]bool{}
	affected := make([]*entry, 0, len(c.Tasks))
	for _, t := range c.Tasks {
		affected = append(affected, b.place(t, now, budgets, unlinked))
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
				b.keep(key, e.rec.Record(), now)
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

// budget adds or updates a group.
func (b *Board) budget(now time.Time, spec Group) *group {
	g := b.groups[spec.Name]
	if g == nil {
		g = &group{rec: b.learned.Providers[spec.Name], place: -1, waiting: queue{less: moreUrgent}, unaware: true}
		g.rec.pullBack(now)
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

// place adds a task to the board, or replaces its previous version.
func (b *Board) place(t *Task, now time.Time, budgets map[*group]bool, unlinked map[string]map[*entry]bool) *entry {
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

// claim returns the learned record of a task, or an empty one. It shares strings
// that are equal in both, to save memory. A failed sink is tried at once: who
// restarts the daemon may have repaired its place, and no backend is called.
func (b *Board) claim(t *Task) *Packed {
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
		for i := range min(len(part.Delivered), len(t.Needs)) { // both are sorted
			share(&part.Delivered[i].Name, t.Needs[i])
		}
		r.Part = part
	}
	if t.Kind == Delivering {
		r.Past.RetryAt = time.Time{}
	}
	return Pack(r)
}

// blank is the record of every task without one.
var blank Packed

func share(mine *string, its string) {
	if *mine == its {
		*mine = its
	}
}

// remove removes an entry, and reports whether that is complete: a running task
// stays until it ends.
func (b *Board) remove(e *entry, budgets map[*group]bool, unlinked map[string]map[*entry]bool) bool {
	b.touchOne(e)
	b.leaveTogether(e)
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

// relink updates the dependents.
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

// adopt gives the entry its new task and updates its record accordingly.
func (b *Board) adopt(e *entry, t *Task, now time.Time) {
	if e.task.Identity != t.Identity || e.task.Inputs != t.Inputs {
		e.stale = nil // with other secrets the same input may work
	}
	e.task, e.gone = t, false
	b.join(e, t.More().Together)
	g, was := b.groups[t.Group], e.group
	waited := was != nil && e.in == &was.waiting
	if waited {
		e.leave() // the new task may have another order
	}
	if g != was {
		e.leave()
		if e.running && !e.detached {
			was.running--
			g.running++
		}
		e.group = g
	}
	b.updateIdentity(e, now)
	if waited && g == was {
		g.waiting.put(e)
	}
}

// updateIdentity updates a record that does not fit the task's identity.
func (b *Board) updateIdentity(e *entry, now time.Time) {
	if !e.running {
		b.pullBack(e, now)
	}
	if e.task.Kind != Obtaining {
		return
	}
	held := e.rec.Outline()
	if e.task.More().Absent == "" && held.Identity != e.task.Identity && (held.Identity != "" || HasValue(held.Credential)) {
		e.rec = Pack(withIdentity(e.rec.Record(), e.task.Identity, now))
		b.corrected[e.task.Key] = true
	}
	if !e.running {
		b.age(e, now) // otherwise Fold does it at the end of the attempt
	}
}

// age recomputes an expiry that follows from max_age, unless the result has
// passed. The new expiry is stored, because sinks track it by revision.
func (b *Board) age(e *entry, now time.Time) {
	was := e.rec.Outline()
	if !was.PolicyExpiry {
		return
	}
	if expires := was.IssuedAt.Add(was.MaxAge(e.task.Policy.MaxAge)); !expires.Equal(was.ExpiresAt) && expires.After(now) {
		held := e.rec.Token()
		held.ExpiresAt = expires
		held.Revision++
		e.edit(func(r *Record) { r.Part = held })
		b.corrected[e.task.Key] = true
	}
}

// replay fills new buckets with the calls found in the records, so that neither
// a restart nor a changed rate permits another burst. It also restores the
// cool-downs found there.
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
		cooled[e.group] = later(cooled[e.group], e.group.recall(e.rec.Past()))
		known, before := e.calls()
		calls[e.group] = append(calls[e.group], known...)
		hidden[e.group] = append(hidden[e.group], before...)
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

// calls returns when the backend was called, oldest first, and instants before each of
// which there may have been calls that the record does not hold.
func (e *entry) calls() (known, hidden []time.Time) {
	p := e.rec.Past()
	last := p.AttemptAt
	if e.running {
		last = e.startedAt()
	}
	for i := range p.History {
		a := p.History[i].attempt()
		// A local failure, for example in the preflight, made no call. An attempt
		// later than the last one dates from before the clock was set back.
		if a.Reason != credential.ReasonInternal && !a.At.After(last) {
			known = append(known, a.At)
			if a.AfterUnknown {
				hidden = append(hidden, a.At)
			}
		}
	}
	if n := len(known); !last.IsZero() && (n == 0 || last.After(known[n-1])) {
		known = append(known, last)
	}
	if len(known) > 0 && len(p.History) >= historyLength {
		hidden = append(hidden, known[0])
	}
	unknown := p.Unknown
	if e.running {
		unknown++
	}
	if unknown > 1 { // only the last of these is recorded
		hidden = append(hidden, last)
	}
	return known, hidden
}

// recall returns the end of the cool-down that a record implies, in case the
// daemon was killed before it stored the group's own record. If the refusal named
// no time, the group's own cool-down prevails.
func (g *group) recall(p Past) time.Time {
	switch {
	case p.Failures == 0 || p.Last == nil:
		return time.Time{}
	case p.PauseAlone:
		return time.Time{}
	case !p.PauseUntil.IsZero():
		return p.PauseUntil
	case p.Asked: // a record written before PauseUntil existed
		return p.RetryAt
	case p.Last.Reason == credential.ReasonThrottled && !g.rec.CooldownUntil.After(p.Last.At):
		return p.Last.At.Add(firstCooldown)
	}
	return time.Time{}
}

// moreUrgent orders the tasks that wait for one group: earliest expiry first. A
// task without a value counts as expired since it became due.
func moreUrgent(a, b *entry) bool {
	if a.rush != b.rush {
		return a.rush
	}
	if c := urgency(a).Compare(urgency(b)); c != 0 {
		return c < 0
	}
	if c := a.dueAt().Compare(b.dueAt()); c != 0 {
		return c < 0
	}
	return a.task.Name < b.task.Name
}

func urgency(e *entry) time.Time {
	if held := e.rec.Outline(); HasValue(held.Credential) && !held.ExpiresAt.IsZero() {
		return held.ExpiresAt
	}
	return e.dueAt()
}
