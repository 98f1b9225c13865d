package schedule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

// rig drives a board step by step, as an engine would.
type rig struct {
	t testing.TB
	*Board
	now     time.Time
	wake    time.Time
	running map[Key]Start
	started map[Key]time.Time
	records map[Key]Record // what a store would hold
}

// localGroups returns the groups of local tasks.
func localGroups() []Group {
	return []Group{{Name: SinkGroup, Concurrency: 64}, {Name: HookGroup, Concurrency: 32}}
}

// provider returns the group of a backend.
func provider(name string, concurrency int, rates ...Rate) Group {
	return Group{Name: name, Concurrency: concurrency, Rates: rates}
}

func newRig(t testing.TB, groups []Group, tasks ...*Task) *rig {
	t.Helper()
	r := &rig{t: t, Board: New(7), now: instant0, running: map[Key]Start{}, started: map[Key]time.Time{}, records: map[Key]Record{}}
	r.install(groups, tasks...)
	return r
}

// install applies a configuration, with the rig's store as memory.
func (r *rig) install(groups []Group, tasks ...*Task) (removed []Key) {
	r.t.Helper()
	removed = r.Board.install(r.now, append(localGroups(), groups...), tasks, Memory{Records: r.records})
	for _, key := range removed {
		delete(r.records, key)
	}
	r.sound()
	return removed
}

// Forget and Expire also delete the records from the rig's store.
func (r *rig) Forget(name string) bool {
	delete(r.records, Key{Obtaining, name})
	return r.Board.Forget(name)
}

func (r *rig) Expire(now time.Time) (over []Key, next time.Time) {
	over, next = r.Board.Expire(now)
	for _, key := range over {
		delete(r.records, key)
	}
	return over, next
}

// due starts the due tasks and returns their names in order.
func (r *rig) due() string {
	r.t.Helper()
	starts, wake := r.Due(r.now)
	r.wake = wake
	var names []string
	for _, s := range starts {
		if _, twice := r.running[s.Task.Key]; twice {
			r.t.Fatalf("%v was started while running", s.Task.Key)
		}
		r.running[s.Task.Key], r.started[s.Task.Key] = s, r.now
		names = append(names, name(s.Task.Key))
	}
	r.sound()
	return strings.Join(names, " ")
}

// name returns the name of a task, with a prefix for sinks and hooks.
func name(k Key) string {
	return map[Kind]string{Obtaining: "", Delivering: "sink:", Hooking: "hook:"}[k.Kind] + k.Name
}

// keyOf is the inverse of name.
func keyOf(name string) Key {
	if rest, ok := strings.CutPrefix(name, "sink:"); ok {
		return Key{Delivering, rest}
	}
	if rest, ok := strings.CutPrefix(name, "hook:"); ok {
		return Key{Hooking, rest}
	}
	return Key{Obtaining, name}
}

// expect starts the due tasks and compares their names.
func (r *rig) expect(want string) {
	r.t.Helper()
	if got := r.due(); got != want {
		r.t.Fatalf("%s after the beginning: started %q, want %q", r.now.Sub(instant0), got, want)
	}
}

// pass moves the clock.
func (r *rig) pass(d time.Duration) { r.now = r.now.Add(d) }

// setBack sets the clock back and tells the board.
func (r *rig) setBack(d time.Duration) {
	r.t.Helper()
	r.now = r.now.Add(-d)
	r.SetBack(r.now, d)
	for _, m := range r.Corrections() {
		r.records[m.Key] = m.Record
	}
	r.sound()
}

// end ends a running task.
func (r *rig) end(name string, res Result) Folded {
	r.t.Helper()
	s, ok := r.running[keyOf(name)]
	if !ok {
		r.t.Fatalf("%s is not running", name)
	}
	delete(r.running, s.Task.Key)
	res.At, res.End = r.started[s.Task.Key], r.now
	rec := s.Record
	if res.Changed {
		raise(&rec)
	}
	rec = Advance(s.Task, rec, res, 7)
	out := r.Fold(r.now, s, rec, res)
	if !out.Removed {
		r.records[s.Task.Key] = rec
	}
	for _, m := range r.Corrections() {
		r.records[m.Key] = m.Record
	}
	r.sound()
	return out
}

// obtain ends a running credential with a new token of the given lifetime.
func (r *rig) obtain(name string, life time.Duration) {
	r.t.Helper()
	text := fmt.Sprintf("%s-%d", name, len(r.records[keyOf(name)].Past.History)+1)
	r.end(name, Result{Called: true, Token: token(text, r.now.Add(life))})
}

// fails ends a running task with a failure.
func (r *rig) fails(name string, reason credential.Reason, edits ...func(*credential.Fault)) Folded {
	r.t.Helper()
	res := refused(r.now, reason, edits...)
	return r.end(name, res)
}

// deliver ends a running sink with the board's current values.
func (r *rig) deliver(name string, changed bool) {
	r.t.Helper()
	var marks Marks
	for _, need := range r.running[keyOf(name)].Task.Needs {
		_, mark := r.Token(need)
		marks = append(marks, CredentialMark{need, mark})
	}
	r.end(name, Result{Called: true, Delivered: marks, Changed: changed})
}

// hooked ends a running hook with the sink's current change.
func (r *rig) hooked(name string) {
	r.t.Helper()
	sink, _ := r.Look(r.now, Key{Delivering, keyOf(name).Name})
	r.end(name, Result{Called: true, Ran: sink.Record.Delivery().Changes})
}

// look returns the status of a task, which must exist.
func (r *rig) look(name string) Status {
	r.t.Helper()
	s, ok := r.Look(r.now, keyOf(name))
	if !ok {
		r.t.Fatalf("%s is not on the board", name)
	}
	return s
}

// nextAt checks the planned instant, after instant0, and its reason.
func (r *rig) nextAt(name string, want time.Duration, why Why) {
	r.t.Helper()
	if s := r.look(name); !s.At.Equal(after(want)) || s.Why != why {
		r.t.Fatalf("%s: next attempt: got after %s, %v; want after %s, %v", name, s.At.Sub(instant0), s.Why, want, why)
	}
}

// restart creates a new board from the stored records.
func (r *rig) restart(groups []Group, tasks ...*Task) *rig {
	r.t.Helper()
	providers := map[string]ProviderRecord{}
	for _, g := range groups {
		if s, ok := r.LookGroup(g.Name); ok {
			providers[g.Name] = s.Record
		}
	}
	next := &rig{t: r.t, Board: New(7), now: r.now, running: map[Key]Start{}, started: map[Key]time.Time{}, records: r.records}
	next.Board.install(r.now, append(localGroups(), groups...), tasks, Memory{Records: r.records, Providers: providers})
	next.sound()
	return next
}

// sound checks the board's structure.
func (r *rig) sound() {
	r.t.Helper()
	if err := structure(r.Board, r.now); err != nil {
		r.t.Fatalf("%s after the beginning: %v", r.now.Sub(instant0), err)
	}
}

// structure checks the board's invariants: heap indexes, counts of running tasks, and
// that every planned task is queued.
func structure(b *Board, now time.Time) error {
	places, running := map[*entry]int{}, map[*group]int{}
	queued := func(q *queue, what string) error {
		for i, e := range q.items {
			places[e]++
			if e.in != q || int(e.place) != i {
				return fmt.Errorf("%s: %v has a wrong index or queue", what, e.task.Key)
			}
			if i > 0 && q.less(e, q.items[(i-1)/2]) {
				return fmt.Errorf("%s: %v is before its parent", what, e.task.Key)
			}
			if b.entries[e.task.Key] != e || e.running || e.gone {
				return fmt.Errorf("%s: %v does not belong there", what, e.task.Key)
			}
		}
		return nil
	}
	if err := queued(&b.timed, "timed"); err != nil {
		return err
	}
	for name, g := range b.groups {
		if err := queued(&g.waiting, name); err != nil {
			return err
		}
		if i := slices.IndexFunc(g.waiting.items, func(e *entry) bool { return e.group != g }); i >= 0 {
			return fmt.Errorf("%s: %v waits for another group", name, g.waiting.items[i].task.Key)
		}
		open := g.waiting.Len() > 0 && g.running < g.spec.Concurrency
		if open != (g.place >= 0) {
			return fmt.Errorf("%s: %d wait and %d run, at gate %d", name, g.waiting.Len(), g.running, g.place)
		}
	}
	for i, g := range b.gates {
		if g.place != i || b.groups[g.spec.Name] != g {
			return fmt.Errorf("gates: %s has a wrong index", g.spec.Name)
		}
		if i > 0 && b.gates.Less(i, (i-1)/2) {
			return fmt.Errorf("gates: %s is before its parent", g.spec.Name)
		}
	}
	for key, e := range b.entries {
		if e.task.Key != key || places[e] > 1 || (e.in == nil) != (places[e] == 0) {
			return fmt.Errorf("%v has %d places", key, places[e])
		}
		if e.running && !e.detached {
			running[e.group]++
		}
		if !e.running && e.in == nil {
			if at, why := b.next(e, now); !at.IsZero() {
				return fmt.Errorf("%v is planned at %s (%s) but not queued", key, at, why.Text)
			}
		}
		if !e.gone && b.groups[e.task.Group] != e.group {
			return fmt.Errorf("%v is in another group than its task", key)
		}
	}
	for name, g := range b.groups {
		if g.running != running[g] {
			return fmt.Errorf("%s counts %d running of %d", name, g.running, running[g])
		}
	}
	return nil
}

// raise counts one change of a sink's content.
func raise(r *Record) {
	d := r.Delivery()
	d.Changes++
	r.Part = d
}
