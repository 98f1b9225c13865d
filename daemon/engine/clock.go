package engine

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// leastStep is the smallest step back that the board is told about. Readings of the
// clocks are much closer together.
const leastStep = 10 * time.Millisecond

// reading is a reading of all clocks. Only the wall clock can be set; awake is the
// time during which the machine was running, slept the time it was suspended.
type reading struct {
	wall         time.Time
	awake, slept time.Duration
}

// elapsed returns the time since the engine was created.
func (r reading) elapsed() time.Duration { return r.awake + r.slept }

// sleptFor is how long attempts use the last reading of slept, because it takes three
// system calls. A jump of the wall clock against awake time ends it early.
const sleptFor = 50 * time.Millisecond

// read reads the clocks for an attempt.
func (e *Engine) read() reading {
	r := e.readAwake()
	if known := e.asked.Load(); known != nil {
		since := r.awake - known.awake
		if jump := r.wall.Sub(known.wall) - since; since >= 0 && since < sleptFor && jump.Abs() < leastStep/2 {
			r.slept = known.slept
			return r
		}
	}
	return e.readAll()
}

// readAll reads the clocks, again if the machine was suspended in between.
func (e *Engine) readAll() reading {
	for before := e.slept(); ; {
		r := e.readAwake()
		r.slept = e.slept()
		if r.slept-before < leastStep {
			asked := r // a copy, so that r needs no memory where nothing is stored
			e.asked.Store(&asked)
			return r
		}
		before = r.slept
	}
}

// readAwake reads the wall clock and awake time.
func (e *Engine) readAwake() reading {
	t := e.clock()
	if e.steady != nil {
		return reading{wall: t.Round(0), awake: e.steady()}
	}
	return reading{wall: t.Round(0), awake: max(0, t.Sub(e.made))}
}

// wall returns the wall time without its monotonic reading, because lifetimes are in
// wall time and the monotonic clock stops during suspend.
func (e *Engine) wall() time.Time { return e.clock().Round(0) }

// elapsed returns the time since the engine was created.
func (e *Engine) elapsed() time.Duration { return e.read().elapsed() }

// now reads the clock for the loop and calls setBack if the clock was set back since
// the last call, that is if wall time advanced less than elapsed time. A clock set
// forward makes tasks due earlier, which is safe. It uses no earlier reading of
// slept: a step as long as a suspend shows in nothing else, and a call recorded before
// the board knows of the step would move back with what came before the step.
func (e *Engine) now() time.Time {
	r := e.readAll()
	if e.seen.wall.IsZero() {
		e.seen = r
		return r.wall
	}
	// Do not record a reading that is slightly behind, so that small steps add up.
	by := r.elapsed() - e.seen.elapsed() - r.wall.Sub(e.seen.wall)
	if by <= 0 || by >= leastStep {
		e.seen = r
	}
	if by >= leastStep {
		e.setBack(r.wall, by)
	}
	return r.wall
}

// setBack moves all recorded instants together with the clock.
func (e *Engine) setBack(now time.Time, by time.Duration) {
	e.board.SetBack(now, by)
	for _, f := range e.running {
		f.at = f.at.Add(-by)
	}
	for _, s := range e.sinks {
		s.repaired = s.repaired.earlier(by)
		s.lookAt = s.lookAt.earlier(by)
	}
	e.unsaved.retryAt = e.unsaved.retryAt.Add(-by)
	e.keepCorrections()
	for name := range e.providers {
		if g, ok := e.board.LookGroup(name); ok && !g.Record.CooldownUntil.IsZero() {
			e.unsaved.keepProvider(name, g.Record)
		}
	}
}

// keepCorrections stores the records that the board changed outside an attempt.
func (e *Engine) keepCorrections() {
	for _, c := range e.board.Corrections() {
		e.unsaved.owe(c.Key, c.Record)
	}
}

// sleeps returns a function that returns how long this machine was suspended since
// boot: the difference between two kernel clocks. As they cannot be read at the
// same instant, it ignores increases of up to a millisecond.
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

// sinceBoot returns the suspended time. It repeats the readings until they are close
// together.
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
