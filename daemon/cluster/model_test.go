package cluster

import (
	"fmt"
	"maps"
	"testing"

	"github.com/vigented/vigente/internal/needs"
)

// The model is a search through everything that can happen to one credential on two or
// three machines: requests to the engine that are lost, or arrive late, or whose answer
// is lost; machines that crash, pause and restart; answers of the backend that are lost;
// intents that are taken over at any time, since clocks prove nothing; a restored backup
// of the engine. The backend revokes a family of seeds when one is sent twice, and that
// must never happen.
//
// There is one assumption: when a backup is restored, the machines that are up had seen
// the state before it. If a machine crashed during its call, and its intent is neither in
// the backup nor was seen by another machine, the call would remain unknown.

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
	broken   bool
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
	late    Shared // a request that may still arrive
	lateRev uint8
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
	// open reports whether a machine that takes over reads back or logs in.
	repeats bool
}

type bounds struct {
	machines                           int
	calls, attempts, crashes, restores uint8
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
		state modelState
		what  string
	}
	came := map[modelState]from{first: {}}
	queue := []modelState{first}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		if int(s.issued) > renewals {
			renewals = int(s.issued)
		}
		if s.broken {
			for at := s; came[at].what != ""; at = came[at].state {
				way = append([]string{came[at].what}, way...)
			}
			return len(came), renewals, takeovers, way
		}
		s.steps(b, r, func(what string, next modelState) {
			if what == "takeover" {
				takeovers++
			}
			if _, known := came[next]; !known {
				came[next] = from{s, what}
				queue = append(queue, next)
			}
		})
	}
	return len(came), renewals, takeovers, nil
}

func (s modelState) write(next Shared) modelState {
	s.cell = next
	s.rev++
	return s
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
				*n = modelNode{held: n.held, open: n.open, late: n.late, lateRev: n.lateRev, isLate: n.isLate}
			})
		}
		if n.isLate && n.lateRev == s.rev {
			with("has a late request arrive", func(t *modelState, n *modelNode) {
				n.isLate = false
				*t = t.write(n.late)
			})
		}
		if (n.seenRev != s.rev || !n.known) && n.phase == idle {
			with("reads", func(t *modelState, n *modelNode) { t.read(i) })
		}
		switch n.phase {
		case idle:
			s.wants(b, r, i, next)
		case unsure:
			with("reads back", func(t *modelState, n *modelNode) {
				mine := t.cell.Intent.Attempt == n.attempt
				if t.read(i); mine {
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
				n.phase, n.answer = saved, n.held
			})
			with("calls", func(t *modelState, n *modelNode) { t.call(b, r, i, true) })
			with("calls, and the answer is lost", func(t *modelState, n *modelNode) { t.call(b, r, i, false) })
		case answered:
			with("saves", func(t *modelState, n *modelNode) {
				n.held, n.open, n.phase = n.answer, false, saved
			})
		case saved:
			s.commits(i, next)
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
	if !n.known || s.attempts >= b.attempts || s.issued > b.calls || n.isLate {
		return
	}
	name := string(rune('a' + i))
	for _, silent := range []bool{false, true} {
		f := Facts{
			Node: name, Attempt: fmt.Sprint(s.attempts + 1), Ability: b.ability, Open: n.open, Silent: silent, Uncalled: n.uncall[:],
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
			t.node[i].attempt = f.Attempt
			for _, arrives := range []bool{true, false} {
				u := t
				u.node[i].phase = unsure
				if arrives && u.node[i].seenRev == u.rev {
					u = u.write(write)
					next(name+" "+took+", its intent is there", u)
				} else if !arrives {
					next(name+" "+took+", its intent is lost", u)
					u.node[i].late, u.node[i].lateRev, u.node[i].isLate = write, u.node[i].seenRev, true
					next(name+" "+took+", its intent is late", u)
				}
			}
		default: // it waits
		}
	}
}

// read adopts what is there.
func (s *modelState) read(i int) {
	n := &s.node[i]
	now := s.cell
	if n.known && now.Serial < n.seen.Serial && n.phase == idle {
		*s = s.write(Restored(n.held, n.seen, now)) // compared with what was just read
		now = s.cell
		n = &s.node[i]
	}
	n.seen, n.seenRev, n.known = now, s.rev, true
	if n.phase != idle {
		return
	}
	merged, write, adopt := Merge(n.held, now)
	if write {
		merged.Serial++
		*s = s.write(merged)
		n = &s.node[i]
		n.seen, n.seenRev = merged, s.rev
	}
	if adopt {
		n.held, n.open = merged.Value, false
	}
}

// call sends a seed to the backend, or uses the other way in.
func (s *modelState) call(b bounds, r rules, i int, arrives bool) {
	n := &s.node[i]
	if login := b.ability == SpendsElse && n.open && !r.repeats; !login {
		var seed uint8
		_, _ = fmt.Sscan(n.held.Body, &seed)
		if s.shown&(1<<seed) != 0 {
			s.broken = true
			return
		}
		s.shown |= 1 << seed
	}
	s.issued++
	n.open = true // durable since before the call
	if arrives {
		n.phase, n.answer = answered, value(s.issued)
		n.answer.Generation = n.held.Generation + 1
		return
	}
	n.phase, n.answer = saved, n.held
	n.answer.Touched++
}

// commits shares the result of a call.
func (s modelState) commits(i int, next func(string, modelState)) {
	n := s.node[i]
	name := string(rune('a' + i))
	lost := n.open
	out, write := Finish(n.held, s.cell, n.attempt, lost)
	done := s
	if write {
		done = done.write(out)
	}
	u := &done.node[i]
	u.phase, u.answer, u.attempt = idle, Value{}, ""
	done.read(i)
	next(name+" shares the end", done)
	if write {
		unheard := s.write(out)
		next(name+" shares the end, and does not hear of it", unheard)
	}
}

// TestNoSeedIsShownTwice searches everything that can happen within bounds. The largest
// searches run only in long tests.
func TestNoSeedIsShownTwice(t *testing.T) {
	if needs.Race {
		t.Skip("the search shares nothing between goroutines, and takes ten times as long under the race detector")
	}
	right := rules{claim: Claim}
	all := map[string]bounds{
		"two machines, spends, a backup": {machines: 2, ability: Spends, calls: 2, attempts: 2, crashes: 1, restores: 1},
		"two machines, another way in":   {machines: 2, ability: SpendsElse, calls: 2, attempts: 2, crashes: 1},
		"three machines, spends":         {machines: 3, ability: Spends, calls: 2, attempts: 2, crashes: 1},
	}
	if needs.Long() {
		maps.Copy(all, map[string]bounds{
			"two machines, spends, more crashes":  {machines: 2, ability: Spends, calls: 2, attempts: 3, crashes: 2},
			"two machines, more attempts":         {machines: 2, ability: SpendsElse, calls: 2, attempts: 3, crashes: 1},
			"two machines, another way, a backup": {machines: 2, ability: SpendsElse, calls: 2, attempts: 2, crashes: 1, restores: 1},
			"three machines, another way in":      {machines: 3, ability: SpendsElse, calls: 2, attempts: 2, crashes: 1},
		})
	}
	for name, b := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			states, renewals, _, way := search(b, right)
			t.Logf("%d states", states)
			if way != nil {
				t.Errorf("a seed is shown twice:\n%q", way)
			}
			if renewals < int(b.calls) {
				t.Errorf("it never comes to %d renewals, only to %d", b.calls, renewals)
			}
		})
	}
}

// The model detects faults: these are flawed protocols in common use.
func TestTheModelRefutesOtherProtocols(t *testing.T) {
	for name, r := range map[string]rules{
		"a lock that a lease ends": {claim: func(held Value, shared Shared, f Facts) (Shared, Decision) {
			if f.Silent {
				shared.Intent = Intent{} // the lease expired: the lock is free
			}
			f.Ability = Plain
			return Claim(held, shared, f)
		}},
		"the call is repeated on takeover": {repeats: true, claim: func(held Value, shared Shared, f Facts) (Shared, Decision) {
			f.Open = true
			f.Ability = SpendsElse
			shared.Intent.Ability = min(shared.Intent.Ability, SpendsElse)
			return Claim(held, shared, f)
		}},
	} {
		states, _, _, way := search(bounds{machines: 2, ability: Spends, calls: 2, attempts: 2, crashes: 1}, r)
		if way == nil {
			t.Errorf("%s: no fault is found in %d states", name, states)
		}
		t.Logf("%s: %d states, %q", name, states, way)
	}
}
