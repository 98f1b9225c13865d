package schedule

import (
	"slices"
	"time"

	"github.com/vigented/vigente/credential"
)

// Folded is what Fold changed beyond its own task.
type Folded struct {
	// Provider is the record of the task's group, Cooled whether it has changed.
	Provider ProviderRecord
	Cooled   bool
	// Removed means that the sink or hook is no longer configured: its stored
	// record can be deleted.
	Removed bool
}

// Fold ends an attempt: it stores the new record and applies the result to the
// task's group. If the task's identity has changed meanwhile, the task itself
// keeps only the instant of the call.
func (b *Board) Fold(now time.Time, s Start, rec Record, res Result) Folded {
	now = b.see(now)
	e := b.entries[s.Task.Key]
	if e == nil || !e.running {
		return Folded{}
	}
	e.running = false
	if !e.detached {
		e.group.running--
	}
	out := Folded{Removed: e.gone}
	// The result concerns the backend that answered, even if the task has moved.
	if g := b.groups[s.Task.Group]; g != nil {
		out.Cooled = b.cool(g, res)
		out.Provider = g.rec
		b.regate(g, now)
	}
	if e.gone {
		delete(b.entries, s.Task.Key)
		b.regateLive(e.group, now)
		if s.Task.Kind == Obtaining {
			b.keep(s.Task.Key, rec, now)
			out.Removed = false
		}
		b.ended(e, now)
		return out
	}
	if e.task.Identity != s.Task.Identity {
		at := rec.Past.AttemptAt
		if at.After(now) {
			at = now // the clock was set back meanwhile
		}
		e.edit(func(r *Record) {
			r.Past.AttemptAt = at
			r.keepAnswer(rec)
		})
		b.corrected[s.Task.Key] = true
	} else {
		if d, ok := rec.Unpacked().(Delivery); ok {
			if valid := b.validMarks(e, d.Delivered); len(valid) < len(d.Delivered) {
				d.Delivered = valid
				rec.Part = d
				b.corrected[s.Task.Key] = true
			}
		}
		if until := e.rec.Past().PausedUntil; !until.Equal(rec.Past.PausedUntil) {
			rec.Past.PausedUntil = until // set during the attempt
			b.corrected[s.Task.Key] = true
		}
		e.rec = Pack(rec)
		b.catchUp(e, s, res, now)
		b.age(e, now) // max_age may have changed during the attempt
	}
	if res.Fault == nil {
		e.answers++
	}
	b.foldClient(s, res, now)
	e.stale = nil
	if res.Fault != nil && res.Fault.StaleInput != "" {
		b.refuse(e, s, res, now)
	}
	b.replan(e, now)
	b.ended(e, now)
	b.regate(e.group, now)
	b.touch(e, now)
	return out
}

// Hold keeps a task from starting before an instant; Text is the reason shown to
// people. Final also cancels a manual request, because its caller has been told
// that there will be no attempt; the next request ends such a hold.
type Hold struct {
	Until time.Time
	Text  string
	Final bool
}

// Return cancels a start without an attempt: the task is due as before, but waits
// for the end of the hold and for its turn. It reports whether the record of a
// task that is no longer configured can be deleted.
func (b *Board) Return(now time.Time, s Start, hold Hold) (removed bool) {
	now = b.see(now)
	e := b.entries[s.Task.Key]
	if e == nil || !e.running {
		return false
	}
	e.running = false
	if !e.detached {
		e.group.running--
	}
	if e.gone {
		delete(b.entries, s.Task.Key)
		b.regateLive(e.group, now)
		if s.Task.Kind == Obtaining {
			b.keep(s.Task.Key, e.rec.Record(), now)
			return false
		}
		return true
	}
	if by := b.setBack - s.setBack; by > 0 {
		e.edit(func(r *Record) {
			if r.moveLife(by) {
				b.corrected[s.Task.Key] = true
			}
		})
	}
	b.age(e, now)
	e.asked, e.rush, e.hold = (e.asked || s.asked) && !hold.Final, (e.rush || s.rush) && !hold.Final, nil
	if !hold.Until.IsZero() {
		e.hold = &hold
	}
	b.replan(e, now)
	b.regate(e.group, now)
	b.touch(e, now)
	return false
}

// validMarks returns the marks of a delivery, except those of credentials that
// were removed and added again meanwhile: their generations restart at one, so
// the same mark would mean other values.
func (b *Board) validMarks(e *entry, marks Marks) Marks {
	again := func(m CredentialMark) bool {
		c := b.entries[Key{Obtaining, m.Name}]
		return c == nil || c.bornIn > e.startedIn
	}
	if slices.ContainsFunc(marks, again) {
		return slices.DeleteFunc(slices.Clone(marks), again)
	}
	return marks
}

// regateLive is regate for a group that may have left the board.
func (b *Board) regateLive(g *group, now time.Time) {
	if b.groups[g.spec.Name] == g {
		b.regate(g, now)
	}
}

// generations returns the generations of a task's inputs, nil if it has no inputs.
func (b *Board) generations(t *Task) map[string]uint64 {
	if t.Kind != Obtaining || len(t.Needs) == 0 {
		return nil
	}
	out := make(map[string]uint64, len(t.Needs))
	for _, name := range t.Needs {
		if input := b.entries[Key{Obtaining, name}]; input != nil {
			out[name] = input.rec.Outline().Generation
		}
	}
	return out
}

// refusal identifies the values of an input that were refused. A changed expiry
// alone, for example after the clock was set back, does not make them new.
type refusal struct {
	generation uint64
	answers    uint32
}

// refuse records that an input's values were refused and requests new ones,
// unless the input was renewed during the attempt. A failing input keeps its own
// retry instant. If the renewal returns the same values, the task retries anyway
// at its own instant, because the refusal may have been temporary.
func (b *Board) refuse(e *entry, s Start, res Result, now time.Time) {
	name := res.Fault.StaleInput
	input := b.entries[Key{Obtaining, name}]
	if input == nil || input.rec.Outline().Generation != s.inputs[name] {
		return
	}
	e.stale = map[string]refusal{name: {input.rec.Outline().Generation, input.answers}}
	if !input.running && input.rec.Failures() == 0 {
		input.asked = true
		b.replan(input, now)
	}
}

// touch replans the tasks that depend on the entry.
func (b *Board) touch(e *entry, now time.Time) {
	switch e.task.Kind {
	case Obtaining:
		b.touchDependents(e.task.Name, now)
	case Delivering:
		if hook := b.entries[Key{Hooking, e.task.Name}]; hook != nil {
			b.replan(hook, now)
		}
	case Hooking: // nothing depends on a hook
	}
}

// touchDependents replans the tasks that use a credential.
func (b *Board) touchDependents(name string, now time.Time) {
	for _, d := range b.dependents[name] {
		b.replan(d, now)
		if d.task.Kind == Delivering {
			b.touch(d, now)
		}
	}
}

// cool applies a result to the cool-down of a group and reports whether the
// group's record changed.
func (b *Board) cool(g *group, res Result) bool {
	before := g.rec
	switch {
	case !res.Called:
	case res.Fault == nil:
		g.rec.Throttles = 0
	case res.Fault.RetryAfter.After(res.End) && !res.Fault.RetryAlone || res.Fault.Reason == credential.ReasonThrottled:
		until := res.Fault.RetryAfter
		// No call starts during a cool-down, so a call refused during it ran in
		// parallel with the one that started it: count both as one refusal.
		same := g.rec.CooldownUntil.After(res.End)
		if !until.After(res.End) && !same {
			// The backend named no time: back off, jointly for all callers.
			until = res.End.Add(min(firstCooldown<<min(g.rec.Throttles, 5), maxCallDelay))
		}
		if !same {
			g.rec.Throttles++
		}
		if until.After(g.rec.CooldownUntil) {
			g.rec.CooldownUntil, g.rec.CooledAt = until, res.End
		}
	}
	return g.rec != before
}

// firstCooldown is the first cool-down after a refusal that names no time.
const firstCooldown = 15 * time.Second
