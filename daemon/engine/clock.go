package engine

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// leastStep is what the clock must have been set back by to be told to the
// board; readings of the clocks are apart by far less.
const leastStep = 10 * time.Millisecond

// reading is what all clocks show at one instant. Only the first can be set:
// awake counts the time in which the machine ran, slept that in which it was
// suspended.
type reading struct {
	wall         time.Time
	awake, slept time.Duration
}

// elapsed is how much time really passed since the engine was made.
func (r reading) elapsed() time.Duration { return r.awake + r.slept }

// sleptFor is how long an answer to how long the machine was suspended is good
// for, unless the clock's distance from the time awake says that it was again:
// asking takes three calls of the system.
const sleptFor = 50 * time.Millisecond

// read reads the clocks. They are read again when the machine was suspended
// between the first of them and the last.
func (e *Engine) read() reading {
	r := e.readAwake()
	if known := e.asked.Load(); known != nil {
		since := r.awake - known.awake
		if jump := r.wall.Sub(known.wall) - since; since >= 0 && since < sleptFor && jump.Abs() < leastStep/2 {
			r.slept = known.slept
			return r
		}
	}
	for before := e.slept(); ; {
		r = e.readAwake()
		r.slept = e.slept()
		if r.slept-before < leastStep {
			e.asked.Store(&r)
			return r
		}
		before = r.slept
	}
}

// readAwake reads the clocks that stand still while the machine is suspended, or
// can be set.
func (e *Engine) readAwake() reading {
	t := e.clock()
	if e.steady != nil {
		return reading{wall: t.Round(0), awake: e.steady()}
	}
	return reading{wall: t.Round(0), awake: max(0, t.Sub(e.made))}
}

// wall reads the engine's clock without its monotonic reading: lives are
// instants of the world, and the monotonic clock stands still during suspend.
func (e *Engine) wall() time.Time { return e.clock().Round(0) }

// elapsed returns how much time really passed since the engine was made.
func (e *Engine) elapsed() time.Duration { return e.read().elapsed() }

// now reads the clock for the conductor, and tells whoever counts by it when it
// was set back since the last look: it made less way than time did. A clock that
// was set forward needs no word: what comes due early is on the safe side.
func (e *Engine) now() time.Time {
	r := e.read()
	if e.seen.wall.IsZero() {
		e.seen = r
		return r.wall
	}
	// What falls behind by little is not marked as seen, so that many small steps
	// count as one.
	by := r.elapsed() - e.seen.elapsed() - r.wall.Sub(e.seen.wall)
	if by <= 0 || by >= leastStep {
		e.seen = r
	}
	if by >= leastStep {
		e.setBack(r.wall, by)
	}
	return r.wall
}

// setBack moves everything that counts by the clock together with it.
func (e *Engine) setBack(now time.Time, by time.Duration) {
	e.board.SetBack(now, by)
	for _, f := range e.running {
		f.at = f.at.Add(-by)
	}
	for _, s := range e.sinks {
		s.repaired = earlier(s.repaired, by)
		s.lookAt = earlier(s.lookAt, by)
	}
	e.unsaved.retryAt = e.unsaved.retryAt.Add(-by)
	e.keepCorrections()
	for name := range e.providers {
		if g, ok := e.board.LookGroup(name); ok && !g.Record.CooldownUntil.IsZero() {
			e.unsaved.keepProvider(name, g.Record)
		}
	}
}

// earlier moves an instant; zero stays.
func earlier(t time.Time, by time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-by)
}

// keepCorrections has the records stored that the board changed outside of an
// attempt.
func (e *Engine) keepCorrections() {
	for _, c := range e.board.Corrections() {
		e.unsaved.owe(c.Key, c.Record)
	}
}

// sleeps returns a function that tells how long this machine was suspended
// since it was started: one clock of the kernel counts that time, the other does
// not. They are not read at the very same instant; what is apart by no more than
// that counts as nothing.
func sleeps() func() time.Duration {
	var known atomic.Int64
	return func() time.Duration {
		was := known.Load()
		if is := sinceBoot(); time.Duration(is-was) > time.Millisecond {
			known.CompareAndSwap(was, is)
		}
		return time.Duration(known.Load())
	}
}

// sinceBoot reads both clocks until they were read close enough together.
func sinceBoot() (slept int64) {
	least := int64(-1)
	for range 10 {
		var before, boot, after unix.Timespec
		if unix.ClockGettime(unix.CLOCK_MONOTONIC, &before) != nil ||
			unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil ||
			unix.ClockGettime(unix.CLOCK_MONOTONIC, &after) != nil {
			return 0
		}
		if took := after.Nano() - before.Nano(); least < 0 || took < least {
			slept, least = boot.Nano()-after.Nano(), took
		}
		if least < int64(100*time.Microsecond) {
			break
		}
	}
	return slept
}
