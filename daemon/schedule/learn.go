package schedule

import (
	"maps"
	"time"
)

// Memory holds the records that an earlier run stored.
type Memory struct {
	Records   map[Key]Record
	Providers map[string]ProviderRecord
}

// LearnAll adds the records that an earlier run of the daemon stored. Apply assigns
// each record to its task when it adds the task; for the others see Unclaimed. The
// board takes the maps over, since a copy would double the memory of a start.
func (b *Board) LearnAll(m Memory) { b.learned = m }

// Unclaimed drops the learned records of sinks and hooks that no task has claimed,
// and returns their keys. Records of credentials are kept as if the credential had
// just been removed, unless it was removed earlier. Records of retained names
// stay until their tasks are added.
func (b *Board) Unclaimed(now time.Time, retained func(name string) bool) (keys []Key) {
	for key, r := range b.learned.Records {
		switch {
		case retained(key.Name):
		case key.Kind != Obtaining:
			keys = append(keys, key)
			delete(b.learned.Records, key)
		case r.Outline().LeftAt.IsZero():
			b.keep(key, r, now)
		default:
			b.expireAt(r.Outline().LeftAt.Add(removedKept))
		}
	}
	// A map keeps the room of what was deleted from it.
	b.learned.Records = maps.Collect(maps.All(b.learned.Records))
	return keys
}

// Learn replaces the record of a task with one from elsewhere, for example from
// another machine. As at the end of an attempt, dependent tasks are replanned and
// the record's minimum interval and retries apply. Learn refuses the record, and
// returns false, if the task is unknown or is running: an attempt builds on the
// record it started with.
func (b *Board) Learn(now time.Time, key Key, rec Record) bool {
	now = b.see(now)
	e := b.entries[key]
	if e == nil || e.running {
		return false
	}
	waited := e.in == &e.group.waiting
	e.leave()
	was := e.rec.Past()
	again := rec.Past.AttemptAt.After(was.AttemptAt) && rec.Past.Last == nil && !rec.Past.Open // it had the same value
	rec.Past.AttemptAt = later(rec.Past.AttemptAt, was.AttemptAt)
	rec.Past.PausedUntil = was.PausedUntil // a pause is local to this machine
	fresh := rec.Outline().IssuedAt.After(e.rec.Outline().IssuedAt)
	e.rec, e.stale, e.hold = Pack(rec), nil, nil
	e.answers++
	b.updateIdentity(e, now)
	if waited {
		e.group.waiting.put(e)
	}
	e.group.rec.CooldownUntil = later(e.group.rec.CooldownUntil, e.group.recall(rec.Past))
	b.replan(e, now)
	b.regate(e.group, now)
	b.touch(e, now)
	b.learnClient(e, fresh || again, now)
	return true
}

// LearnProvider is Learn for the record of a group.
func (b *Board) LearnProvider(now time.Time, name string, rec ProviderRecord) {
	now = b.see(now)
	g := b.groups[name]
	if g == nil {
		return
	}
	rec.pullBack(now)
	rec.CooldownUntil = later(rec.CooldownUntil, g.rec.CooldownUntil)
	g.rec = rec
	b.regate(g, now)
}
