package engine

import (
	"context"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/internal/failpoint"
)

// attempt is a running attempt of a task.
type attempt struct {
	at    time.Time
	begun time.Duration // in awake time
	limit time.Duration
	stage *stage
}

// work is an attempt or a batch to store. It may run on any goroutine; its result
// goes back to the loop by Engine.take.
type work struct {
	job    *job
	batch  *writing
	glance *glance
}

// end is the result of a piece of work.
type end struct {
	attempt *finished // nil for the others
	glance  *glance   // nil for the others
	err     error     // of the batch, or of the glance
}

func (w *work) do(ctx context.Context) end {
	if w.batch != nil {
		return end{err: w.batch.write(ctx)}
	}
	if w.glance != nil {
		return end{glance: w.glance, err: w.glance.look(ctx)}
	}
	f := w.job.contain(ctx)
	return end{attempt: &f}
}

// step is one iteration of the loop, shared by the daemon, a single run, a
// simulation and the tests. It returns the work to start now, and when to call it
// again if nothing happens before, zero for never.
func (e *Engine) step(now time.Time) (todo []work, wake time.Time) {
	e.tellSaveState(now)
	awake := e.read().awake
	e.detach(now, awake)
	suspects := e.lookAtSuspects(now)
	todo = e.startGlances(now)
	over, expiry := e.board.Expire(now)
	for _, key := range over {
		e.unsaved.forget(key)
	}
	starts, wake := e.board.Due(now)
	commands := map[string]*job{} // the first hook of each shared command in this step
	for i := range starts {
		s := &starts[i]
		j := e.prepare(s)
		e.running[s.Task.Key] = &attempt{at: now, begun: awake, limit: limitOf(s.Task), stage: j.stage}
		if first := commands[s.Task.More().Together]; first != nil {
			first.joined = append(first.joined, j)
			continue
		}
		if s.Task.More().Together != "" {
			commands[s.Task.More().Together] = j
		}
		todo = append(todo, work{job: j})
	}
	batch, retry := e.save(now)
	if batch != nil {
		todo = append(todo, work{batch: batch})
	}
	first(&wake, suspects)
	first(&wake, e.checkReady(now))
	first(&wake, retry)
	first(&wake, expiry)
	if left := e.show(now); left > 0 {
		first(&wake, now.Add(left))
	}
	return todo, wake
}

// take processes the result of a piece of work.
func (e *Engine) take(end end) {
	switch {
	case end.glance != nil:
		e.foldGlance(end.glance, end.err)
		return
	case end.attempt == nil:
		e.unsaved.saved(e.now(), end.err)
		return
	}
	e.fold(end.attempt)
	for i := range end.attempt.joined {
		e.fold(&end.attempt.joined[i])
	}
}

func limitOf(t *schedule.Task) time.Duration {
	if t.Kind == schedule.Obtaining {
		return t.Policy.Timeout + hangingAfter
	}
	return hangingAfter
}

// fold processes the end of an attempt.
func (e *Engine) fold(f *finished) {
	key, now := f.start.Task.Key, e.now()
	delete(e.running, key)
	if f.unmade {
		e.foldUnmade(f, now)
	} else {
		e.foldMade(f, now)
	}
	e.learnAfter(f)
	for name, note := range f.refused {
		if s := e.sinks[name]; s != nil && s.refused != note {
			s.refused = note
			e.updateSinkRow(s, func(*sinkRow) {}, now)
			e.model.dirty = true
		}
	}
	if key.Kind == schedule.Delivering {
		e.noteDrift(key.Name, f, now)
	}
	e.noteReady(now, key)
	e.keepCorrections() // after the records of this attempt
	failpoint.Hit("end taken in")
}

// foldMade processes the end of an attempt that ran.
func (e *Engine) foldMade(f *finished, now time.Time) {
	key := f.start.Task.Key
	out := e.board.Fold(now, *f.start, f.record, f.result)
	switch {
	case out.Removed:
		e.unsaved.forget(key)
	case f.quiet, e.opt.Ledger == nil:
	case f.owed:
		// A delivery without a hook need not be durable at once, because a restart
		// checks every sink anyway.
		e.unsaved.owe(key, f.record)
	case f.saveError != nil:
		e.unsaved.keep(key, f.record, now, f.saveError)
	default:
		e.unsaved.durable(key)
	}
	if out.Cooled {
		e.unsaved.keepProvider(f.start.Task.Group, out.Provider)
		if p := e.providers[f.start.Task.Group]; p != nil {
			p.turns.closeUntil(e.elapsed() + out.Provider.CooldownUntil.Sub(now))
		}
	}
	if c := e.credentials[key.Name]; c != nil && key.Kind == schedule.Obtaining && !out.Removed {
		c.ends++
	}
	if !f.quiet {
		e.opt.Observer.Observe(e.outcome(f, now))
	}
}

// outcome returns the end of an attempt as the observer sees it.
func (e *Engine) outcome(f *finished, now time.Time) Outcome {
	task, was, is := f.start.Task, &f.start.Record, &f.record
	o := Outcome{
		Kind: task.Kind, Name: task.Name, Result: f.result.Outcome(task.Kind, is),
		Called: f.result.Called, DueAt: f.start.DueAt, StartedAt: f.result.At, Took: f.result.End.Sub(f.result.At),
		Fault: f.result.Fault, Panicked: f.panicked, Stack: f.stack, SaveError: f.saveError,
		Failures: int(is.Past.Failures), Parked: is.Past.Parked, Joined: f.with,
	}
	if o.Failures == 0 {
		o.Recovered = int(was.Past.Failures)
	}
	if task.Kind == schedule.Obtaining {
		o.Provider = task.Group
		held := is.Outline()
		o.Generation, o.ExpiresAt, o.UnreadEnd = held.Generation, held.StatedEnd(), held.UnreadEnd
	}
	o.NextAttemptAt = e.board.NextAttempt(now, task.Key)
	return o
}
