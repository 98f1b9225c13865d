package engine

import (
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"github.com/vigented/vigente/daemon/schedule"
)

// publishEvery is how old may be what readers are shown.
const publishEvery = 250 * time.Millisecond

// shown is what readers see: the tables as they were at one instant. It is never
// changed.
type shown struct {
	credentials []*chunk[credentialRow]
	sinks       []*chunk[sinkRow]
	groups      map[string]schedule.GroupStatus // by provider
	sum         Summary
	next        chan struct{} // closed when another one takes its place
}

// shelf is where the loop keeps what readers are shown. Rows are replaced as the
// board tells of changes, and published together: a few times a second at the
// most, and before a command is told that it is done. No reader waits for the
// loop, and none makes it do more.
type shelf struct {
	now         atomic.Pointer[shown]
	credentials table[credentialRow]
	sinks       table[sinkRow]
	sums        sums
	lapses      pile // slots of credentials by the end of their state
	sinkLapses  pile
	at          instants
	sinkAt      instants
	dirty       bool          // something has changed that the board does not tell
	published   time.Duration // by the time that really passed
	on          bool
	// names guards the maps of credentials and sinks: the loop alone writes them.
	names sync.RWMutex
	stale map[string]bool // credentials whose sinks are others now
}

// markStale notes that other sinks show these credentials than before.
func (s *shelf) markStale(names []string) {
	for _, name := range names {
		s.stale[name] = true
	}
	s.dirty = true
}

func newShelf() *shelf {
	s := &shelf{sums: newSums(), stale: map[string]bool{}}
	s.lapses.of, s.sinkLapses.of = &s.at, &s.sinkAt
	s.now.Store(&shown{sum: s.sums.summary(), next: make(chan struct{})})
	return s
}

// show publishes when it is time, and returns how long that has until then; 0 for
// never.
func (e *Engine) show(now time.Time) time.Duration {
	s := e.shelf
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

// publish shows readers everything as it is now.
func (e *Engine) publish(now time.Time) {
	s := e.shelf
	touched := map[string]bool{} // credentials that somebody may wait for
	e.board.Touched(func(g schedule.Glimpse) { e.shelve(g, now, touched) })
	for name := range s.stale {
		e.shelveSinksOf(name)
	}
	clear(s.stale)
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

// shelve takes over what the board tells of one task.
func (e *Engine) shelve(g schedule.Glimpse, now time.Time, touched map[string]bool) {
	switch g.Key.Kind {
	case schedule.Obtaining:
		touched[g.Key.Name] = true
		if c := e.credentials[g.Key.Name]; c != nil && !g.Gone {
			e.shelveCredential(c, g, now)
		}
	case schedule.Delivering:
		if one := e.sinks[g.Key.Name]; one != nil && !g.Gone {
			e.shelveSink(one, func(r *sinkRow) { r.record, r.at, r.owed = g.Record, g.At, g.Owed }, now)
			for _, name := range one.spec.Needs {
				touched[name] = true
			}
		}
	case schedule.Hooking:
		if one := e.sinks[g.Key.Name]; one != nil {
			e.shelveSink(one, func(r *sinkRow) {
				if r.hook = &g; g.Gone {
					r.hook = nil
				}
			}, now)
		}
	}
}

func (e *Engine) shelveCredential(c *held, g schedule.Glimpse, now time.Time) {
	s := e.shelf
	was := s.credentials.row(c.slot)
	row := &credentialRow{
		spec: c.spec, record: g.Record, at: g.At, why: unique.Make(g.Why), running: g.Running, waiting: g.Waiting,
		sum: s.sums.ofCredential(sumKey{c.spec.Provider, FleetOf(c.spec.Name)}),
	}
	if was != nil {
		row.shownBy = was.shownBy
	}
	state, until := row.judge(now)
	row.state, row.until = state, momentOf(until)
	s.sums.replaceCredential(c.slot, was, row)
	s.at.grow(int(c.slot) + 1)
	s.lapses.set(c.slot, until)
	s.credentials.put(c.slot, row)
}

// shelveSink replaces the row of a sink by one that the edit has changed.
func (e *Engine) shelveSink(one *sink, edit func(*sinkRow), now time.Time) {
	s := e.shelf
	was, row := s.sinks.row(one.slot), &sinkRow{record: &schedule.Record{}}
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
	row.state, row.until = state, momentOf(until)
	s.sums.replaceSink(was, row)
	s.sinkAt.grow(int(one.slot) + 1)
	s.sinkLapses.set(one.slot, until)
	s.sinks.put(one.slot, row)
}

// shelveSinksOf notes anew which sinks show a credential.
func (e *Engine) shelveSinksOf(name string) {
	c := e.credentials[name]
	if c == nil {
		return
	}
	was := e.shelf.credentials.row(c.slot)
	if was == nil {
		return
	}
	row := *was
	row.shownBy = nil
	for _, sink := range e.board.Showing(name) {
		if one := e.sinks[sink]; one != nil {
			row.shownBy = append(row.shownBy, one.slot)
		}
	}
	e.shelf.credentials.put(c.slot, &row)
}

// lapse puts right what time alone has changed.
func (e *Engine) lapse(now time.Time) {
	s := e.shelf
	for at := s.lapses.first(); !at.IsZero() && !at.After(now); at = s.lapses.first() {
		slot := s.lapses.slots[0]
		was := s.credentials.row(slot)
		row := *was
		state, until := row.judge(now)
		row.state, row.until = state, momentOf(until)
		s.sums.replaceCredential(slot, was, &row)
		s.lapses.set(slot, until)
		s.credentials.put(slot, &row)
	}
	for at := s.sinkLapses.first(); !at.IsZero() && !at.After(now); at = s.sinkLapses.first() {
		slot := s.sinkLapses.slots[0]
		was := s.sinks.row(slot)
		row := *was
		state, _, until := row.stateAt(now)
		row.state, row.until = state, momentOf(until)
		s.sums.replaceSink(was, &row)
		s.sinkLapses.set(slot, until)
		s.sinks.put(slot, &row)
	}
}

// unshelveCredential takes a removed credential from what readers are shown.
func (e *Engine) unshelveCredential(c *held) {
	s := e.shelf
	s.sums.replaceCredential(c.slot, s.credentials.row(c.slot), nil)
	s.at.grow(int(c.slot) + 1)
	s.lapses.set(c.slot, time.Time{})
	s.credentials.release(c.slot)
	s.dirty = true
}

// unshelveSink is unshelveCredential for a sink.
func (e *Engine) unshelveSink(one *sink) {
	s := e.shelf
	s.sums.replaceSink(s.sinks.row(one.slot), nil)
	s.sinkAt.grow(int(one.slot) + 1)
	s.sinkLapses.set(one.slot, time.Time{})
	s.sinks.release(one.slot)
	s.dirty = true
}
