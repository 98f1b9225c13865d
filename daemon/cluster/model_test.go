package cluster

import (
	"fmt"
	"hash/maphash"
	"strings"
)

// The model is a search through everything that can happen to one credential on two or
// three machines: requests to the engine that are lost, or arrive late, or whose answer
// is lost; machines that crash, pause and restart; answers of the backend that are lost;
// intents that are taken over at any time, since clocks prove nothing; a restored backup
// of the engine. The backend revokes a family of seeds when one is sent twice, and that
// must never happen; nor may a machine hold an older value than before. What revokes is
// not renewed after a call with an unknown end before the current value is read back.
//
// There are two assumptions. When a backup is restored, the machines that are up had seen
// the state before it: if a machine crashed during its call, and its intent is neither in
// the backup nor was seen by another machine, the call would remain unknown. And what
// revokes, or was taken over by a person, is called only while the intent stands (see
// ticket.Lapsed): a machine that stops between its last look at the clock and its packet
// costs a value, or what the person decided to risk.

const machines = 3

// modelState is one complete state. It is comparable, to be a map key.
type modelState struct {
	cell     Shared
	rev      uint8 // of the cell, raised by every write
	backup   Shared
	node     [machines]modelNode
	shown    uint16 // seeds that were sent to the backend
	issued   uint8  // the last seed
	attempts uint8
	crashes  uint8
	restores uint8
	persons  uint8  // decisions to take over
	broken   string // the law that does not hold
}

type modelNode struct {
	absent  bool
	held    Value
	open    bool // treats the last call as lost; durable
	seen    Shared
	seenRev uint8
	known   bool // something was read since the start
	phase   uint8
	attempt string
	uncall  [3]string
	answer  Value
	allowed bool   // a person lets it send a seed again, once
	unknown bool   // the intent replaced one with an unknown end
	unmade  bool   // it was too late to call
	late    Shared // a request that may still arrive, until the next write
	isLate  bool
}

const (
	idle uint8 = iota
	unsure
	granted
	answered
	saved
)

// rules is the protocol under test.
type rules struct {
	claim func(Value, Shared, Facts) (Shared, Decision)
	// repeats means that a machine that takes over neither reads back nor logs in.
	repeats bool
	// bare means that no intent is written: the result is compared and swapped.
	bare bool
	// trusts means that a write whose answer was lost counts as done.
	trusts bool
	// forgets means that an intent that is withdrawn leaves nothing of the one before.
	forgets bool
	// believes means that a record that is older than one seen before is taken.
	believes bool
}

type bounds struct {
	machines                           int
	calls, attempts, crashes, restores uint8
	persons                            uint8
	ability                            Ability
}

func value(seed uint8) Value {
	return Value{Version: Version{Issued: int64(seed), Generation: uint64(seed)}, Body: fmt.Sprint(seed)}
}

func start(b bounds) modelState {
	s := modelState{issued: 1}
	s.cell = Shared{Value: value(1), Serial: 1}
	s.backup = s.cell
	for i := range s.node {
		s.node[i].absent = i >= b.machines
		s.node[i].held = value(1)
	}
	return s
}

// search visits every state. It returns their number, and the first state in which a
// seed was sent twice, with the path to it.
func search(b bounds, r rules) (states, renewals, takeovers int, way []string) {
	first := start(b)
	type from struct {
		state digest
		what  string
	}
	seeds := [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	came := map[digest]from{digestOf(seeds, first): {}}
	level := []modelState{first}
	for len(level) > 0 {
		var deeper []modelState
		for _, s := range level {
			here := digestOf(seeds, s)
			renewals = max(renewals, int(s.issued))
			if s.broken != "" {
				way = []string{s.broken}
				for at := here; came[at].what != ""; at = came[at].state {
					way = append([]string{came[at].what}, way...)
				}
				return len(came), renewals, takeovers, way
			}
			s.steps(b, r, func(what string, next modelState) {
				if strings.Contains(what, " takes over") {
					takeovers++
				}
				d := digestOf(seeds, next)
				if _, known := came[d]; !known {
					came[d] = from{here, what}
					deeper = append(deeper, next)
				}
			})
		}
		level = deeper
	}
	return len(came), renewals, takeovers, nil
}

// digest stands for a state, which is too large to keep all of them.
type digest [2]uint64

func digestOf(seeds [2]maphash.Seed, s modelState) digest {
	return digest{maphash.Comparable(seeds[0], s), maphash.Comparable(seeds[1], s)}
}

func (s modelState) write(next Shared) modelState {
	s.cell = next
	s.rev++
	for i := range s.node { // a late request for an earlier revision changes nothing
		if n := &s.node[i]; n.isLate {
			n.late, n.isLate = Shared{}, false
		}
	}
	return s
}

// hold gives a machine a value.
func (s *modelState) hold(i int, v Value) {
	n := &s.node[i]
	if v.Issued < n.held.Issued {
		s.broken = "a machine goes back to an older value"
	}
	n.held, n.open = v, false
}

// steps yields every state that may follow.
func (s modelState) steps(b bounds, r rules, next func(string, modelState)) {
	for i := range s.node {
		n := &s.node[i]
		if n.absent {
			continue
		}
		name := string(rune('a' + i))
		with := func(what string, change func(t *modelState, n *modelNode)) {
			t := s
			change(&t, &t.node[i])
			next(name+" "+what, t)
		}
		if s.crashes < b.crashes && (n.phase != idle || n.open || n.isLate) {
			with("crashes and starts again", func(t *modelState, n *modelNode) {
				t.crashes++
				*n = modelNode{held: n.held, open: n.open, late: n.late, isLate: n.isLate}
			})
		}
		if n.isLate {
			with("has a late request arrive", func(t *modelState, n *modelNode) { *t = t.write(n.late) })
		}
		if (n.seenRev != s.rev || !n.known) && n.phase == idle {
			with("reads", func(t *modelState, n *modelNode) { t.read(r, i) })
		}
		switch n.phase {
		case idle:
			s.wants(b, r, i, next)
		case unsure:
			with("reads back", func(t *modelState, n *modelNode) {
				mine := t.cell.Intent.Attempt == n.attempt || r.trusts
				if t.read(r, i); mine {
					n.phase = granted
					return
				}
				n.phase = idle
				for k := range n.uncall {
					if n.uncall[k] == "" {
						n.uncall[k] = n.attempt
						break
					}
				}
			})
		case granted:
			with("is too late to call", func(t *modelState, n *modelNode) {
				// Rolled back: the record is the one from before.
				n.phase, n.answer, n.unmade, n.allowed = saved, n.held, true, false
			})
			if (b.ability == Revokes || s.persons > 0) && s.cell.Intent.Attempt != n.attempt {
				continue
			}
			with("calls", func(t *modelState, n *modelNode) { t.call(b, r, i, true) })
			with("calls, and the answer is lost", func(t *modelState, n *modelNode) { t.call(b, r, i, false) })
		case answered:
			with("saves", func(t *modelState, n *modelNode) {
				t.hold(i, n.answer)
				n.phase = saved
			})
		case saved:
			s.commits(r, i, next)
		}
	}
	if s.restores < b.restores {
		t := s
		t.restores++
		for i := range t.node {
			if !t.node[i].absent {
				t.node[i].seen, t.node[i].seenRev, t.node[i].known = t.cell, t.rev, true
			}
		}
		old := t.backup
		next("the backup is brought back", t.write(old))
	}
	if s.backup != s.cell && s.restores < b.restores && s.cell.Serial <= 3 {
		t := s
		t.backup = t.cell
		next("a backup is made", t)
	}
}

// wants is a machine that wants to call.
func (s modelState) wants(b bounds, r rules, i int, next func(string, modelState)) {
	n := s.node[i]
	if !n.known || s.attempts >= b.attempts || s.issued > b.calls {
		return
	}
	name := string(rune('a' + i))
	for _, given := range []struct{ silent, person bool }{{false, false}, {true, false}, {true, true}} {
		if given.person && s.persons >= b.persons {
			continue
		}
		f := Facts{
			Node: name, Attempt: fmt.Sprint(s.attempts + 1), At: int64(s.issued), Ability: b.ability, Open: n.open, Silent: given.silent,
			Uncalled: n.uncall[:], TakeOver: given.person,
		}
		write, v := r.claim(n.held, n.seen, f)
		switch v {
		case Unended:
			t := s
			t.node[i].open = true
			next(name+" finds a call without an end", t)
		case Granted:
			took := "wants to call"
			if !n.seen.Intent.None() && n.seen.Intent.Node != name {
				took = "takes over"
			}
			t := s
			t.attempts++
			t.node[i].attempt, t.node[i].unknown = f.Attempt, write.Intent.Shown != 0
			if given.person {
				t.persons++
				t.node[i].allowed = true
			}
			if b.ability == Revokes && !n.open && n.held.Issued != int64(s.issued) && n.seenRev == s.rev {
				t.broken = "what revokes is renewed without reading back a lost answer"
			}
			if r.bare {
				t.node[i].phase = granted
				next(name+" wants to call", t)
				continue
			}
			for _, arrives := range []bool{true, false} {
				u := t
				u.node[i].phase = unsure
				if arrives && u.node[i].seenRev == u.rev {
					u = u.write(write)
					next(name+" "+took+", its intent is there", u)
				} else if !arrives {
					next(name+" "+took+", its intent is lost", u)
					if u.node[i].seenRev != u.rev || u.node[i].isLate {
						continue
					}
					u.node[i].late, u.node[i].isLate = write, true
					next(name+" "+took+", its intent is late", u)
				}
			}
		default: // it waits
		}
	}
}

// read adopts what is there.
func (s *modelState) read(r rules, i int) {
	n := &s.node[i]
	now := s.cell
	if n.known && now.Serial < n.seen.Serial && n.phase == idle && !r.believes {
		*s = s.write(Restored(n.held, n.seen, now)) // compared with what was just read
		now = s.cell
		n = &s.node[i]
	}
	n.seen, n.seenRev, n.known = now, s.rev, true
	if n.phase != idle {
		return
	}
	merged, write, adopt := Merge(n.held, now)
	if name := string(rune('a' + i)); Answered(n.held, now, name, n.open) {
		merged, write = Finish(n.held, now, now.Intent.Attempt, false)
	} else if write {
		merged.Serial++
	}
	if write {
		*s = s.write(merged)
		n = &s.node[i]
		n.seen, n.seenRev = merged, s.rev
	}
	if adopt {
		s.hold(i, merged.Value)
	}
}

// call sends a seed to the backend, reads back the current value, or uses the other way
// in.
func (s *modelState) call(b bounds, r rules, i int, arrives bool) {
	n := &s.node[i]
	lost := n.open && !r.repeats
	reads := b.ability == Revokes && lost && n.held.Issued != int64(s.issued)
	if b.ability == Spends || b.ability == SpendsElse && !lost {
		var seed uint8
		_, _ = fmt.Sscan(n.held.Body, &seed)
		if s.shown&(1<<seed) != 0 && !n.allowed {
			s.broken = "a seed is shown twice"
			return
		}
		s.shown |= 1 << seed
	}
	if !reads {
		s.issued++
	}
	n.open, n.allowed = true, false // durable since before the call
	if arrives {
		n.phase, n.answer = answered, value(s.issued)
		n.answer.Generation = n.held.Generation + 1
		return
	}
	n.phase, n.answer = saved, n.held
	n.answer.Touched++
}

// commits shares the result of a call.
func (s modelState) commits(r rules, i int, next func(string, modelState)) {
	n := s.node[i]
	name := string(rune('a' + i))
	lost := n.open || n.unmade && n.unknown && !r.forgets
	out, write := Finish(n.held, s.cell, n.attempt, lost)
	done := s
	if write {
		done = done.write(out)
	}
	u := &done.node[i]
	u.phase, u.answer, u.attempt, u.unmade, u.unknown = idle, Value{}, "", false, false
	done.read(r, i)
	next(name+" shares the end", done)
	if write {
		unheard := s.write(out)
		next(name+" shares the end, and does not hear of it", unheard)
		if !n.isLate {
			late := s
			late.node[i].late, late.node[i].isLate = out, true
			next(name+" shares the end, which is late", late)
		}
	}
}
