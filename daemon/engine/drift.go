package engine

import (
	"container/heap"
	"context"
	"slices"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// repairEvery is the minimum interval between repairs of one sink: at most 20 a
// minute if another program keeps writing.
const repairEvery = 3100 * time.Millisecond

// rememberedValues is how many of our older values are recognized.
const rememberedValues = 32

// foreignMessage is shown for a value changed by someone else.
const foreignMessage = "the target holds a value that nobody here issued: find out who put it there; it is left until the next renewal (enforce = true replaces it, vigente renew replaces it now)"

// Messages for a target without the newest value that no one else has written.
const (
	lostMessage  = "the target lost the value: it is written again"
	olderMessage = "not yet the newest value: an older one of ours is delivered, and the delivery of the newest is due"
)

// sink is a sink with the known state of its target.
type sink struct {
	spec     *plan.Sink
	refused  *schedule.Note // failure of its last preflight; nil after a success
	foreign  *schedule.Note // set while it holds a value changed by someone else
	seen     bool           // checked since the start
	lost     bool           // it held no value of ours, or could not be checked
	looking  bool           // the next delivery checks the target first
	again    bool           // check it when the running delivery or glance has ended
	glancing bool           // it is in Engine.glances
	repaired moment         // the last repair
	lookAt   moment         // next check, while in Engine.suspects
	place    int            // index in Engine.suspects, -1 if absent
	slot     uint32         // its row; never changes
}

// suspects is a heap of sinks by the instant at which to check them.
type suspects []*sink

func (s suspects) Len() int           { return len(s) }
func (s suspects) Less(i, j int) bool { return s[i].lookAt < s[j].lookAt }
func (s suspects) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].place, s[j].place = i, j
}

func (s *suspects) Push(x any) {
	one := x.(*sink)
	one.place = len(*s)
	*s = append(*s, one)
}

func (s *suspects) Pop() any {
	last := len(*s) - 1
	one := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	one.place = -1
	return one
}

// plan adds the sink, or changes its instant.
func (s *suspects) plan(one *sink, at time.Time) {
	if one.lookAt = momentOf(at); one.place >= 0 {
		heap.Fix(s, one.place)
		return
	}
	heap.Push(s, one)
}

// dropSink removes a sink.
func (e *Engine) dropSink(name string) {
	s := e.sinks[name]
	if s == nil {
		return
	}
	if s.place >= 0 {
		heap.Remove(&e.suspects, s.place)
	}
	e.model.markStale(s.spec.Needs)
	e.removeSinkRow(s)
	delete(e.sinks, name)
}

// Suspect plans a check of the targets of the named sinks, which may have changed.
// A target that lost our value is written again. No backend is called.
func (e *Engine) Suspect(ctx context.Context, names []string) error {
	return e.ask(ctx, func() {
		for _, name := range names {
			e.suspect(name)
		}
	})
}

// suspect plans a check of one sink, at least repairEvery after its last repair.
func (e *Engine) suspect(name string) {
	s := e.sinks[name]
	if s == nil {
		return
	}
	at := e.now()
	if free := s.repaired.time().Add(repairEvery); s.repaired != 0 && at.Before(free) {
		at = free
	}
	if s.place < 0 || momentOf(at) < s.lookAt {
		e.suspects.plan(s, at)
	}
}

// lookAtSuspects makes the sinks due whose check is due, and returns the instant of
// the next check, zero if there is none.
func (e *Engine) lookAtSuspects(now time.Time) (next time.Time) {
	for len(e.suspects) > 0 {
		s := e.suspects[0]
		if s.lookAt > momentOf(now) {
			return s.lookAt.time()
		}
		heap.Pop(&e.suspects)
		e.lookAt(now, s)
	}
	e.suspects = nil // at a start it holds every sink
	return time.Time{}
}

// lookAt checks the target of a sink: together with others if it was in order, and
// otherwise by an attempt.
func (e *Engine) lookAt(now time.Time, s *sink) {
	switch {
	case s.glancing:
		s.again = true
	case glances(s) && s.foreign == nil && !s.lost && s.refused == nil:
		e.glances.add(s)
	default:
		e.inspectLater(now, s)
	}
}

// inspectLater makes a sink due to be checked by an attempt, unless it will be written
// anyway or was never written.
func (e *Engine) inspectLater(now time.Time, s *sink) {
	key := delivering(s.spec.Name)
	status, known := e.board.Look(now, key)
	switch {
	case status.Running:
		s.again = true
	case known && s.spec.Guard != nil && !status.Owed && len(status.Record.Delivery().Delivered) >= len(s.spec.Needs):
		s.looking = true
		e.board.Kick(now, key)
	}
}

// inspect checks the target instead of writing it, and reports whether it must be
// written.
func (j *job) inspect(ctx context.Context) (end finished, write bool) {
	spec, r := j.sink, j.start.Record
	issued := r.Delivery().Issued
	ctx, cancel := context.WithTimeout(ctx, deliverTimeout)
	defer cancel()
	at := j.clock()
	drift, err := spec.Guard.Inspect(ctx, j.tokens, func(name, digest string) bool {
		return slices.Contains(issued.Of(name), digest)
	})
	end = finished{start: &j.start, record: r, quiet: true, result: schedule.Result{At: at, End: j.clock()}}
	switch {
	case err != nil:
		j.lost = true
		return end, true // the write will fail or repair it
	case drift == plan.Foreign:
		end.foreign = &schedule.Note{Reason: credential.ReasonInternal, Message: foreignMessage, At: j.clock()}
	case drift == plan.Lost:
		j.lost = true
		return end, true
	}
	return end, false
}

// issue records digests of the values just written.
func (j *job) issue(r schedule.Record) schedule.Record {
	spec := j.sink
	if spec.Guard == nil {
		return r
	}
	digests, err := spec.Guard.Values(j.tokens)
	if err != nil {
		return r
	}
	d := r.Delivery()
	issued := make(schedule.Issued, 0, len(digests))
	for name, digest := range digests {
		held := d.Issued.Of(name)
		if n := len(held); n == 0 || held[n-1] != digest {
			held = append(slices.DeleteFunc(slices.Clone(held), func(d string) bool { return d == digest }), digest)
		}
		issued = append(issued, schedule.IssuedValues{Name: name, Digests: slices.Clip(held[max(0, len(held)-rememberedValues):])})
	}
	issued.Sort()
	d.Issued = issued
	r.Part = d
	return r
}

// noteDrift records what a delivery found out about its target.
func (e *Engine) noteDrift(name string, f *finished, now time.Time) {
	s := e.sinks[name]
	if s == nil {
		return
	}
	s.looking = false
	foreign, lost, seen := s.foreign, s.lost, s.seen
	s.seen = true
	switch {
	case f.foreign != nil:
		s.foreign, s.lost, s.refused = f.foreign, true, nil
	case f.result.Fault == nil:
		s.foreign, s.lost, s.refused = nil, false, nil
	default:
		s.lost = s.lost || f.lost
	}
	if (foreign == nil) != (s.foreign == nil) {
		e.tellForeign(now, s)
	}
	if foreign != s.foreign || lost != s.lost || !seen {
		e.updateSinkRow(s, func(*sinkRow) {}, now)
		e.model.dirty = true
	}
	if f.repair {
		s.repaired = momentOf(now)
	}
	if s.spec.Guard != nil && f.result.Changed {
		// Check again a little later, to find a change that the watcher missed.
		e.suspects.plan(s, now.Add(repairEvery))
	}
	if s.again {
		s.again = false
		e.suspect(name)
	}
}

// tellForeign tells the observer that a sink holds a value changed by someone else,
// or no longer does.
func (e *Engine) tellForeign(now time.Time, s *sink) {
	o, ok := e.opt.Observer.(ForeignObserver)
	if !ok {
		return
	}
	message := ""
	if s.foreign != nil {
		message = s.foreign.Message
	}
	o.ObserveForeign(now, s.spec.Name, message)
}
