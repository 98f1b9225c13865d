package schedule

import (
	"container/heap"
	"slices"
	"time"

	"github.com/vigented/vigente/credential"
)

// Memory holds the records of an earlier life, by name.
type Memory struct {
	Records   map[Key]Record
	Providers map[string]ProviderRecord
}

// Install makes the board hold exactly these groups and tasks. What it already
// holds keeps its record, and is neither disturbed nor due earlier by a change
// of timing alone; what is new takes its record from memory, if there is one.
// It returns the keys that are no longer there. A running task goes on either
// way: one that is gone is reported by the Fold that ends it.
func (b *Board) Install(now time.Time, groups []Group, tasks []*Task, memory Memory) (removed []Key) {
	now = b.see(now)
	b.installs++
	b.installGroups(now, groups, memory.Providers)
	wanted := make(map[Key]bool, len(tasks))
	b.dependents = make(map[string][]*entry, len(tasks))
	for _, t := range tasks {
		wanted[t.Key] = true
		e := b.entries[t.Key]
		if e == nil {
			e = &entry{task: t, rec: memory.Records[t.Key], bornIn: b.installs}
			b.entries[t.Key] = e
		}
		b.adopt(e, t, now)
		for _, name := range t.Needs {
			b.dependents[name] = append(b.dependents[name], e)
		}
	}
	for key, e := range b.entries {
		if wanted[key] {
			continue
		}
		e.leave()
		if e.gone = e.running; !e.gone {
			delete(b.entries, key)
			removed = append(removed, key)
		}
	}
	slices.SortFunc(removed, Key.Compare)
	for _, g := range b.groups {
		// What waits may have another expiry by now, and many at once.
		heap.Init(&g.waiting)
	}
	b.replay(now)
	for _, e := range b.entries {
		if !e.gone {
			b.replan(e, now)
		}
	}
	for name, g := range b.groups {
		if !slices.ContainsFunc(groups, func(s Group) bool { return s.Name == name }) {
			b.gates.drop(g)
			delete(b.groups, name)
			continue
		}
		b.regate(g, now)
	}
	return removed
}

// installGroups takes the groups over. Groups that are gone stay until their
// tasks have left them.
func (b *Board) installGroups(now time.Time, groups []Group, known map[string]ProviderRecord) {
	for _, spec := range groups {
		g := b.groups[spec.Name]
		if g == nil {
			g = &group{rec: known[spec.Name], place: -1, waiting: queue{less: moreUrgent}, unaware: true}
			g.rec.settle(now)
			b.groups[spec.Name] = g
		}
		if !slices.Equal(g.spec.Rates, spec.Rates) {
			g.buckets, g.unaware = nil, true
			for _, r := range spec.Rates {
				g.buckets = append(g.buckets, newBucket(r))
			}
		}
		g.spec = spec
	}
}

// adopt gives the entry its new task and puts the record right for it.
func (b *Board) adopt(e *entry, t *Task, now time.Time) {
	if e.task.Identity != t.Identity || e.task.Inputs != t.Inputs {
		e.stale = nil // with other secrets the same input may do
	}
	e.task, e.gone = t, false
	if g := b.groups[t.Group]; g != e.group {
		e.leave()
		if e.running && !e.detached {
			e.group.running--
			g.running++
		}
		e.group = g
	}
	if !e.running {
		b.settle(e, now)
	}
	if t.Kind != Obtaining {
		return
	}
	r := &e.rec
	if r.Identity != t.Identity && (r.Identity != "" || HasValue(r.Token)) {
		// The values, and what failed, belong to something else at the backend.
		// The floor and the count of revisions go on, so that sinks see a change.
		*r = Record{Past: Past{AttemptAt: r.Past.AttemptAt}, Revision: r.Revision, Token: credential.Credential{Generation: r.Token.Generation}}
	}
	if !e.running {
		b.age(e, now) // else at the end of the attempt, which builds on this record
	}
}

// age gives a life that is policy the end that max_age has by now, unless that
// would end it at once. It is stored, for sinks hold it by its revision.
func (b *Board) age(e *entry, now time.Time) {
	r := &e.rec
	if expires := r.Token.IssuedAt.Add(r.Token.MaxAge(e.task.Policy.MaxAge)); r.Token.PolicyExpiry && !expires.Equal(r.Token.ExpiresAt) && expires.After(now) {
		r.Token.ExpiresAt = expires
		r.Revision++
		b.moved[e.task.Key] = true
	}
}

// replay fills buckets that start empty with the calls that the records tell
// of, so that neither a restart nor another rate gives a fresh burst. It renews
// the cool-downs that they tell of, too.
func (b *Board) replay(now time.Time) {
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
		last = e.startedAt
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
	if c := urgency(a).Compare(urgency(b)); c != 0 {
		return c < 0
	}
	if c := a.dueAt.Compare(b.dueAt); c != 0 {
		return c < 0
	}
	return a.task.Name < b.task.Name
}

func urgency(e *entry) time.Time {
	if HasValue(e.rec.Token) && !e.rec.Token.ExpiresAt.IsZero() {
		return e.rec.Token.ExpiresAt
	}
	return e.dueAt
}
