package schedule

import "time"

// Glimpse is a reader's view of one task. It shares memory that the board never
// changes, so it needs no copy.
type Glimpse struct {
	Key    Key
	Gone   bool // the task left the board; the other fields are zero
	Record *Packed
	// At, Why and Waiting disregard the group: see GroupStatus.Turn.
	At                     time.Time
	Why                    Why
	Running, Waiting, Owed bool
	// Rush means that the cool-down of the group does not count.
	Rush bool
}

// Touched calls tell for each task that may have changed since the last call of
// Touched.
func (b *Board) Touched(tell func(Glimpse)) {
	for i, e := range b.touched {
		b.touched[i], e.touched = nil, false
		tell(b.glimpse(e))
	}
	if b.touched = b.touched[:0]; cap(b.touched) > keptTouched {
		b.touched = nil
	}
}

// keptTouched is the longest list of touched entries whose memory is used again. At a
// start it holds every task.
const keptTouched = 1024

// AnyTouched reports whether Touched would call tell.
func (b *Board) AnyTouched() bool { return len(b.touched) > 0 }

func (b *Board) touchOne(e *entry) {
	if !e.touched {
		e.touched = true
		b.touched = append(b.touched, e)
	}
}

func (b *Board) glimpse(e *entry) Glimpse {
	key := e.task.Key
	if b.entries[key] != e || e.gone {
		return Glimpse{Key: key, Gone: true}
	}
	g := Glimpse{Key: key, Record: e.rec, At: e.at(), Why: e.reason(), Running: e.running, Waiting: e.in == &e.group.waiting, Rush: e.rush}
	switch key.Kind {
	case Delivering:
		_, g.Owed = b.owes(e)
	case Hooking:
		sink := b.entries[Key{Delivering, key.Name}]
		g.Owed = sink != nil && sink.rec.changes() != e.rec.Ran()
	case Obtaining: // never owed
	}
	return g
}

// Turn returns when a task of the group is expected to start, and why. At is the
// task's own instant, waiting whether it is due and waits for the group, and rush
// whether it ignores the cool-down.
func (g GroupStatus) Turn(now, at time.Time, why Why, waiting, rush bool) (time.Time, Why) {
	cooling := g.Record.CooldownUntil
	if rush {
		cooling = never
	}
	switch {
	case waiting && cooling.After(now), !waiting && !at.IsZero() && cooling.After(at):
		return cooling, whyCooldown
	case waiting && g.Full:
		return now, whyConcurrency
	case waiting && g.Gate.After(now):
		return g.Gate, whyRate
	}
	return at, why
}
