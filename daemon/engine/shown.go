package engine

import (
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"github.com/vigented/vigente/daemon/schedule"
)

// publishEvery is the maximum age of published data.
const publishEvery = 250 * time.Millisecond

// shown is a snapshot of the tables for readers. It never changes.
type shown struct {
	credentials []*chunk[credentialRow]
	sinks       []*chunk[sinkRow]
	groups      map[string]schedule.GroupStatus // by provider
	sum         Summary
	next        chan struct{} // closed when the next snapshot is published
}

// readModel holds the rows for readers. The loop replaces the rows of changed tasks and
// publishes a snapshot a few times a second, and before it reports the end of a
// command. Readers do not wait for the loop and cause it no work.
type readModel struct {
	now         atomic.Pointer[shown]
	credentials table[credentialRow]
	sinks       table[sinkRow]
	sums        sums
	lapses      slotHeap // slots of credentials, by when their state changes with time
	sinkLapses  slotHeap
	at          instants
	sinkAt      instants
	dirty       bool          // changed independently of the board
	published   time.Duration // in elapsed time
	on          bool
	// names guards the engine's maps of credentials and sinks, which only the loop
	// writes.
	names sync.RWMutex
	stale map[string]bool // credentials whose set of sinks may have changed
}

// markStale records that the sinks of these credentials may have changed.
func (s *readModel) markStale(names []string) {
	for _, name := range names {
		s.stale[name] = true
	}
	s.dirty = true
}

func newReadModel() *readModel {
	s := &readModel{sums: newSums(), stale: map[string]bool{}}
	s.lapses.of, s.sinkLapses.of = &s.at, &s.sinkAt
	s.now.Store(&shown{sum: s.sums.summary(), next: make(chan struct{})})
	return s
}

// show publishes if it is time to, and returns when to call it again; 0 for never.
func (e *Engine) show(now time.Time) time.Duration {
	s := e.model
	if !s.on {
		return 0
	}
	due := first2(s.lapses.first(), s.sinkLapses.first())
	lapsed := !due.IsZero() && !due.After(now)
	if s.dirty || lapsed || e.board.AnyTouched() {
		left := s.published + publishEvery - e.elapsed()
		if left > 0 {
			return left
		}
		e.publish(now)
		due = first2(s.lapses.first(), s.sinkLapses.first())
	}
	if due.IsZero() {
		return 0
	}
	return max(1, due.Sub(now))
}

func first2(a, b time.Time) time.Time {
	first(&a, b)
	return a
}

// publish publishes a snapshot of the current state.
func (e *Engine) publish(now time.Time) {
	s := e.model
	touched := map[string]bool{} // credentials whose renewals may be complete
	e.board.Touched(func(g schedule.Glimpse) { e.updateRow(g, now, touched) })
	for name := range s.stale {
		e.updateUsers(name)
	}
	s.stale = map[string]bool{} // the one of a start is large
	e.lapse(now)
	sum := s.sums.summary()
	sum.At, sum.StateError = now, e.unsaved.failing
	groups := make(map[string]schedule.GroupStatus, len(e.providers))
	for name, p := range e.providers {
		g, _ := e.board.LookGroup(name)
		groups[name] = g
		v := ProviderView{Name: name, Type: p.spec.Type, Waiting: g.Waiting, Running: g.Running, CooldownUntil: g.Record.CooldownUntil}
		sum.Providers = append(sum.Providers, v)
	}
	sortProviders(sum.Providers)
	before := s.now.Swap(&shown{s.credentials.publish(), s.sinks.publish(), groups, sum, make(chan struct{})})
	s.dirty, s.published = false, e.elapsed()
	close(before.next)
	e.tellRenewals(touched)
}

// updateRow updates the row of a task.
func (e *Engine) updateRow(g schedule.Glimpse, now time.Time, touched map[string]bool) {
	switch g.Key.Kind {
	case schedule.Obtaining:
		touched[g.Key.Name] = true
		if c := e.credentials[g.Key.Name]; c != nil && !g.Gone {
			e.updateCredentialRow(c, g, now)
		}
	case schedule.Delivering:
		if one := e.sinks[g.Key.Name]; one != nil && !g.Gone {
			e.updateSinkRow(one, func(r *sinkRow) { r.record, r.at, r.owed = g.Record, schedule.InstantOf(g.At), g.Owed }, now)
			for _, name := range one.spec.Needs {
				touched[name] = true
			}
		}
	case schedule.Hooking:
		if one := e.sinks[g.Key.Name]; one != nil {
			e.updateSinkRow(one, func(r *sinkRow) {
				if r.hook = &g; g.Gone {
					r.hook = nil
				}
			}, now)
		}
	}
}

func (e *Engine) updateCredentialRow(c *held, g schedule.Glimpse, now time.Time) {
	s := e.model
	was := s.credentials.row(c.slot)
	row := &credentialRow{
		spec: c.spec, record: g.Record, at: schedule.InstantOf(g.At), why: unique.Make(g.Why), running: g.Running, waiting: g.Waiting, rush: g.Rush,
		sum: s.sums.ofCredential(sumKey{c.spec.Provider, FleetOf(c.spec.Name)}),
	}
	if was != nil {
		row.shownBy = was.shownBy
	}
	state, until := row.judge(now)
	row.state, row.until = codeOf(state), momentOf(until)
	s.sums.replaceCredential(c.slot, was, row)
	s.at.grow(int(c.slot) + 1)
	s.lapses.set(c.slot, until)
	s.credentials.put(c.slot, row)
}

// noRecord is the record of every sink without one; it is never written to.
var noRecord schedule.Packed

// updateSinkRow replaces the row of a sink with an edited copy.
func (e *Engine) updateSinkRow(one *sink, edit func(*sinkRow), now time.Time) {
	s := e.model
	was, row := s.sinks.row(one.slot), &sinkRow{record: &noRecord}
	if was != nil {
		*row = *was
	}
	edit(row)
	row.spec, row.refused, row.foreign, row.lost = one.spec, one.refused, one.foreign, one.lost
	row.unseen = one.spec.Guard != nil && !one.seen
	row.begun = 0
	if f := e.running[delivering(one.spec.Name)]; f != nil {
		row.begun = momentOf(f.at)
	}
	row.sum = s.sums.ofSink(sumKey{one.spec.Type, FleetOf(one.spec.Name)})
	state, _, until := row.stateAt(now)
	row.state, row.until = codeOf(state), momentOf(until)
	s.sums.replaceSink(was, row)
	s.sinkAt.grow(int(one.slot) + 1)
	s.sinkLapses.set(one.slot, until)
	s.sinks.put(one.slot, row)
}

// updateUsers updates the list of sinks that use a credential.
func (e *Engine) updateUsers(name string) {
	c := e.credentials[name]
	if c == nil {
		return
	}
	was := e.model.credentials.row(c.slot)
	if was == nil {
		return
	}
	row := *was
	var slots []uint32
	for _, sink := range e.board.Showing(name) {
		if one := e.sinks[sink]; one != nil {
			slots = append(slots, one.slot)
		}
	}
	row.shownBy = usersOf(slots)
	e.model.credentials.put(c.slot, &row)
}

// lapse updates the rows whose state has changed with time.
func (e *Engine) lapse(now time.Time) {
	s := e.model
	for at := s.lapses.first(); !at.IsZero() && !at.After(now); at = s.lapses.first() {
		slot := s.lapses.slots[0]
		was := s.credentials.row(slot)
		row := *was
		state, until := row.judge(now)
		row.state, row.until = codeOf(state), momentOf(until)
		s.sums.replaceCredential(slot, was, &row)
		s.lapses.set(slot, until)
		s.credentials.put(slot, &row)
	}
	for at := s.sinkLapses.first(); !at.IsZero() && !at.After(now); at = s.sinkLapses.first() {
		slot := s.sinkLapses.slots[0]
		was := s.sinks.row(slot)
		row := *was
		state, _, until := row.stateAt(now)
		row.state, row.until = codeOf(state), momentOf(until)
		s.sums.replaceSink(was, &row)
		s.sinkLapses.set(slot, until)
		s.sinks.put(slot, &row)
	}
}

// removeCredentialRow removes the row of a removed credential.
func (e *Engine) removeCredentialRow(c *held) {
	s := e.model
	s.sums.replaceCredential(c.slot, s.credentials.row(c.slot), nil)
	s.at.grow(int(c.slot) + 1)
	s.lapses.set(c.slot, time.Time{})
	s.credentials.release(c.slot)
	s.dirty = true
}

// removeSinkRow is removeCredentialRow for a sink.
func (e *Engine) removeSinkRow(one *sink) {
	s := e.model
	s.sums.replaceSink(s.sinks.row(one.slot), nil)
	s.sinkAt.grow(int(one.slot) + 1)
	s.sinkLapses.set(one.slot, time.Time{})
	s.sinks.release(one.slot)
	s.dirty = true
}
