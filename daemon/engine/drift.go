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

// repairEvery keeps the repairs of one sink apart: against a writer that does
// not give in, 20 a minute at the most.
const repairEvery = 3100 * time.Millisecond

// rememberedValues is how many older values of ours are known again.
const rememberedValues = 32

// foreignMessage is what people read about a value of somebody else.
const foreignMessage = "the target holds a value that nobody here issued: find out who put it there; it is left until the next renewal (enforce = true replaces it, vigente renew replaces it now)"

// What people read of a place that does not hold the newest value, though nobody
// else wrote there.
const (
	lostMessage  = "the target lost the value: it is written again"
	olderMessage = "not yet the newest value: an older one of ours is delivered, and the delivery of the newest is due"
)

// sink is one sink, with what the engine knows of its target.
type sink struct {
	spec     *plan.Sink
	refused  *schedule.Note // what its last preflight said; nil for a good word
	foreign  *schedule.Note // somebody else's value in it; nil for none
	seen     bool           // what it holds was looked at since the start
	lost     bool           // it was seen to hold no value of ours, or could not be seen
	looking  bool           // the next delivery looks first
	again    bool           // to be looked at when what runs has ended
	repaired time.Time      // the last repair
	lookAt   time.Time      // while it is among the suspects
	place    int            // there, -1 when it is not
	slot     uint32         // where readers find it; never changed
}

// suspects is a heap of sinks by the instant at which to look at them.
type suspects []*sink

func (s suspects) Len() int           { return len(s) }
func (s suspects) Less(i, j int) bool { return s[i].lookAt.Before(s[j].lookAt) }
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

// plan puts the sink among the suspects, or moves it there.
func (s *suspects) plan(one *sink, at time.Time) {
	if one.lookAt = at; one.place >= 0 {
		heap.Fix(s, one.place)
		return
	}
	heap.Push(s, one)
}

// dropSink lets go of a sink.
func (e *Engine) dropSink(name string) {
	s := e.sinks[name]
	if s == nil {
		return
	}
	if s.place >= 0 {
		heap.Remove(&e.suspects, s.place)
	}
	e.shelf.markStale(s.spec.Needs)
	e.unshelveSink(s)
	delete(e.sinks, name)
}

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
	s := e.sinks[name]
	if s == nil {
		return
	}
	at := e.now()
	if free := s.repaired.Add(repairEvery); !s.repaired.IsZero() && at.Before(free) {
		at = free
	}
	if s.place < 0 || at.Before(s.lookAt) {
		e.suspects.plan(s, at)
	}
}

// lookAtSuspects makes the sinks due whose time has come, and returns the
// instant of the next one, zero when there is none.
func (e *Engine) lookAtSuspects(now time.Time) (next time.Time) {
	for len(e.suspects) > 0 {
		s := e.suspects[0]
		if s.lookAt.After(now) {
			return s.lookAt
		}
		heap.Pop(&e.suspects)
		key := delivering(s.spec.Name)
		status, known := e.board.Look(now, key)
		if status.Running {
			s.again = true
			continue
		}
		if !known || s.spec.Guard == nil || status.Owed || len(status.Record.Delivery().Delivered) < len(s.spec.Needs) {
			continue // what is owed is written anyway, what was never written is not lost
		}
		s.looking = true
		e.board.Kick(now, key)
	}
	return time.Time{}
}

// inspect looks at the target instead of writing, and reports whether it must
// be written.
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
		return end, true // writing will say what is wrong, or put it right
	case drift == plan.Foreign:
		end.foreign = &schedule.Note{Reason: credential.ReasonInternal, Message: foreignMessage, At: j.clock()}
	case drift == plan.Lost:
		j.lost = true
		return end, true
	}
	return end, false
}

// issue remembers the values that were just written.
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

// noteDrift keeps what the end of a delivery says about its target.
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
		e.shelveSink(s, func(*sinkRow) {}, now)
		e.shelf.dirty = true
	}
	if f.repair {
		s.repaired = now
	}
	if s.spec.Guard != nil && f.result.Changed {
		// Read back a little later: what came and went between two looks of the
		// watcher would be missed otherwise.
		e.suspects.plan(s, now.Add(repairEvery))
	}
	if s.again {
		s.again = false
		e.suspect(name)
	}
}

// tellForeign tells the observer that somebody else's value was found in a place,
// or that it is gone from there.
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
