package schedule

import (
	"slices"
	"time"

	"github.com/vigented/vigente/credential"
)

// Folded is what a fold changed beyond its own task.
type Folded struct {
	// Provider is the record of the task's group, Cooled whether it changed.
	Provider ProviderRecord
	Cooled   bool
	// Removed says that the configuration no longer has the sink or the hook: what
	// is stored of it can go.
	Removed bool
}

// Fold takes the end of an attempt back: the record it led to, and the result
// for what the group shares. A task that has another identity by now keeps
// nothing of it but the instant of the call.
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
	// The backend that answered, wherever the task belongs by now.
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
		r := e.edit()
		r.Past.AttemptAt = at
		r.keepAnswer(rec)
		b.corrected[s.Task.Key] = true
	} else {
		if d, ok := rec.Part.(Delivery); ok {
			if meant := b.stillMeant(e, d.Delivered); len(meant) < len(d.Delivered) {
				d.Delivered = meant
				rec.Part = d
				b.corrected[s.Task.Key] = true
			}
		}
		if until := e.rec.Past.PausedUntil; !until.Equal(rec.Past.PausedUntil) {
			rec.Past.PausedUntil = until // set while the attempt was under way
			b.corrected[s.Task.Key] = true
		}
		e.rec = &rec
		b.catchUp(e, s, res, now)
		b.age(e, now) // max_age may be another one since it began
	}
	if res.Fault == nil {
		e.answers++
	}
	b.settleClient(s, res, now)
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

// Hold keeps a task from starting before an instant; Text says why, for people.
// With Final whoever asked for the attempt was told that it is not made: it is no
// longer asked for.
type Hold struct {
	Until time.Time
	Text  string
	Final bool
}

// Return takes back an attempt that was not made: it is as due as it was before,
// and waits for its turn anew, not before the hold has passed. It reports that
// the configuration no longer has the task.
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
			b.keep(s.Task.Key, *e.rec, now)
			return false
		}
		return true
	}
	if by := b.setBack - s.setBack; by > 0 && e.edit().moveLife(by) {
		b.corrected[s.Task.Key] = true
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

// stillMeant returns the marks that a delivery brought, without those of
// credentials that were removed and added again meanwhile: they count from one
// again, and the same mark means other values.
func (b *Board) stillMeant(e *entry, marks Marks) Marks {
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

// generations returns those of a task's inputs, nil when it has none.
func (b *Board) generations(t *Task) map[string]uint64 {
	if t.Kind != Obtaining || len(t.Needs) == 0 {
		return nil
	}
	out := make(map[string]uint64, len(t.Needs))
	for _, name := range t.Needs {
		if input := b.entries[Key{Obtaining, name}]; input != nil {
			out[name] = input.rec.Token().Generation
		}
	}
	return out
}

// refusal is what was known of an input when its values were refused. Another
// expiry alone, for a clock that was set back, makes them no others.
type refusal struct {
	generation uint64
	answers    uint32
}

// refuse notes that an input's values were refused, and asks for new ones
// unless they have been renewed since they were handed out. An input whose
// renewal fails keeps its own pace. When the answer brings the same values
// again the task is tried all the same, at its own pace: the refusal may have
// been the backend's passing fault.
func (b *Board) refuse(e *entry, s Start, res Result, now time.Time) {
	name := res.Fault.StaleInput
	input := b.entries[Key{Obtaining, name}]
	if input == nil || input.rec.Token().Generation != s.inputs[name] {
		return
	}
	e.stale = map[string]refusal{name: {input.rec.Token().Generation, input.answers}}
	if !input.running && input.rec.Past.Failures == 0 {
		input.asked = true
		b.replan(input, now)
	}
}

// touch replans what depends on the entry.
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

// touchDependents replans what is made from a credential or shows it.
func (b *Board) touchDependents(name string, now time.Time) {
	for _, d := range b.dependents[name] {
		b.replan(d, now)
		if d.task.Kind == Delivering {
			b.touch(d, now)
		}
	}
}

// cool folds a result into what the callers of one backend share and reports
// whether that changed.
func (b *Board) cool(g *group, res Result) bool {
	before := g.rec
	switch {
	case !res.Called:
	case res.Fault == nil:
		g.rec.Throttles = 0
	case res.Fault.RetryAfter.After(res.End) && !res.Fault.RetryAlone || res.Fault.Reason == credential.ReasonThrottled:
		until := res.Fault.RetryAfter
		// Nothing starts during a cool-down: what is refused then was under way
		// together with the call that began it, and is the same refusal.
		same := g.rec.CooldownUntil.After(res.End)
		if !until.After(res.End) && !same {
			// Asked for fewer calls, but not told how long: as after any other
			// failure, and together for all callers.
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

// firstCooldown is the shared wait after a refusal that names none.
const firstCooldown = 15 * time.Second
