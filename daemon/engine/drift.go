package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// repairEvery keeps the repairs of one sink apart: against a writer that does
// not give in, 20 a minute at the most.
const repairEvery = 3100 * time.Millisecond

// rememberedValues is how many older values of ours are known again.
const rememberedValues = 32

// foreignMessage is what people read about a value of somebody else.
const foreignMessage = "the target holds a value that nobody here issued: find out who put it there; it is left until the next renewal (enforce = true replaces it, vigente renew replaces it now)"

// Suspect says that the targets of the named sinks may hold something else by
// now: each is looked at, and repaired where it lost a value of ours. No
// backend is called for it.
func (e *Engine) Suspect(ctx context.Context, names []string) error {
	return e.ask(ctx, func() {
		for _, name := range names {
			e.suspect(name)
		}
	})
}

// suspect plans a look at one sink, not sooner after its last repair than
// allowed.
func (e *Engine) suspect(name string) {
	at := e.now()
	if last, ok := e.repaired[name]; ok && at.Before(last.Add(repairEvery)) {
		at = last.Add(repairEvery)
	}
	if planned, ok := e.suspects[name]; !ok || at.Before(planned) {
		e.suspects[name] = at
	}
}

// lookAtSuspects makes the sinks due whose time has come, and returns the
// instant of the next one, zero when there is none.
func (e *Engine) lookAtSuspects(now time.Time) (next time.Time) {
	for name, at := range e.suspects {
		if at.After(now) {
			if next.IsZero() || at.Before(next) {
				next = at
			}
			continue
		}
		key := schedule.Key{Kind: schedule.Delivering, Name: name}
		s, known := e.board.Look(now, key)
		if s.Running {
			continue // looked at again when that has ended
		}
		delete(e.suspects, name)
		spec, _ := s.Task.Payload.(*plan.Sink)
		if !known || spec.Guard == nil || s.Owed || len(s.Record.Delivered) < len(spec.Needs) {
			continue // what is owed is written anyway, what was never written is not lost
		}
		e.looking[name] = true
		e.board.Kick(now, key)
	}
	return next
}

// inspect looks at the target instead of writing, and reports whether it must
// be written.
func (j *job) inspect(ctx context.Context) (end finished, write bool) {
	spec, r := j.start.Task.Payload.(*plan.Sink), j.start.Record
	ctx, cancel := context.WithTimeout(ctx, deliverTimeout)
	defer cancel()
	at := j.clock()
	drift, err := spec.Guard.Inspect(ctx, j.tokens, func(name, digest string) bool {
		return slices.Contains(r.Issued[name], digest)
	})
	end = finished{start: &j.start, record: r, quiet: true, result: schedule.Result{At: at, End: j.clock()}}
	switch {
	case err != nil:
		return end, true // writing will say what is wrong, or put it right
	case drift == plan.Foreign:
		end.foreign = &schedule.Note{Reason: credential.ReasonInternal, Message: foreignMessage, At: j.clock()}
	case drift == plan.Lost:
		return end, true
	}
	return end, false
}

// issue remembers the values that were just written.
func (j *job) issue(r schedule.Record) schedule.Record {
	spec := j.start.Task.Payload.(*plan.Sink)
	if spec.Guard == nil {
		return r
	}
	digests, err := spec.Guard.Values(j.tokens)
	if err != nil {
		return r
	}
	issued := maps.Clone(r.Issued)
	if issued == nil {
		issued = map[string][]string{}
	}
	for name, digest := range digests {
		held := issued[name]
		if n := len(held); n > 0 && held[n-1] == digest {
			continue
		}
		held = append(slices.DeleteFunc(slices.Clone(held), func(d string) bool { return d == digest }), digest)
		issued[name] = held[max(0, len(held)-rememberedValues):]
	}
	for name := range issued {
		if _, shown := digests[name]; !shown {
			delete(issued, name)
		}
	}
	r.Issued = issued
	return r
}

// noteDrift keeps what the end of a delivery says about its target.
func (e *Engine) noteDrift(name string, f *finished, now time.Time) {
	delete(e.looking, name)
	switch {
	case f.foreign != nil:
		e.foreign[name] = f.foreign
	case f.result.Fault == nil:
		delete(e.foreign, name)
	}
	if f.repair {
		e.repaired[name] = now
	}
	if spec, ok := f.start.Task.Payload.(*plan.Sink); ok && spec.Guard != nil && f.result.Changed {
		// Read back a little later: what came and went between two looks of the
		// watcher would be missed otherwise.
		e.suspects[name] = now.Add(repairEvery)
	}
}
