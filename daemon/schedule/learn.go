package schedule

import "time"

// Memory holds the records of an earlier life, by name.
type Memory struct {
	Records   map[Key]Record
	Providers map[string]ProviderRecord
}

// LearnAll takes in what an earlier life of the daemon has stored. Apply gives
// each record to its task once that is on the board; see Unclaimed for the rest.
func (b *Board) LearnAll(m Memory) {
	b.learned = Memory{make(map[Key]Record, len(m.Records)), make(map[string]ProviderRecord, len(m.Providers))}
	for key, r := range m.Records {
		b.learned.Records[key] = r
	}
	for name, r := range m.Providers {
		b.learned.Providers[name] = r
	}
}

// Unclaimed returns the keys of the records of sinks and hooks that were learned
// and that no task has claimed. Those of credentials are kept like the records of
// what is removed while the daemon runs, from now on unless they were before. Those of retained names wait for their tasks.
func (b *Board) Unclaimed(now time.Time, retained func(name string) bool) (keys []Key) {
	for key, r := range b.learned.Records {
		switch {
		case retained(key.Name):
		case key.Kind != Obtaining:
			keys = append(keys, key)
			delete(b.learned.Records, key)
		case r.Token().LeftAt.IsZero():
			b.keep(key, r, now)
		default:
			b.expireAt(r.Token().LeftAt.Add(removedKept))
		}
	}
	return keys
}

// Learn takes in a record that no attempt of this board led to: another machine
// made it, say. It replaces what the board holds, as the end of an attempt
// would: what depends on it is planned anew, and the floor and the pace that it
// tells of hold. It is refused while the task runs, since the attempt builds on
// the record before, and for a task that the board does not have.
func (b *Board) Learn(now time.Time, key Key, rec Record) bool {
	now = b.see(now)
	e := b.entries[key]
	if e == nil || e.running {
		return false
	}
	waited := e.in == &e.group.waiting
	e.leave()
	rec.Past.AttemptAt = later(rec.Past.AttemptAt, e.rec.Past.AttemptAt)
	rec.Past.PausedUntil = e.rec.Past.PausedUntil // a pause is this machine's own
	fresh := rec.Token().IssuedAt.After(e.rec.Token().IssuedAt)
	e.rec, e.stale, e.hold = &rec, nil, nil
	e.answers++
	b.settleIdentity(e, now)
	if waited {
		e.group.waiting.put(e)
	}
	e.group.rec.CooldownUntil = later(e.group.rec.CooldownUntil, e.group.recall(rec.Past))
	b.replan(e, now)
	b.regate(e.group, now)
	b.touch(e, now)
	b.learnClient(e, fresh, now)
	return true
}

// LearnProvider takes in what the callers of one backend share, in the way of
// Learn.
func (b *Board) LearnProvider(now time.Time, name string, rec ProviderRecord) {
	now = b.see(now)
	g := b.groups[name]
	if g == nil {
		return
	}
	rec.settle(now)
	rec.CooldownUntil = later(rec.CooldownUntil, g.rec.CooldownUntil)
	g.rec = rec
	b.regate(g, now)
}
