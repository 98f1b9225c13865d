package schedule

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

// dice chooses what happens in a world.
type dice interface {
	n(sides int) int // 0 to below sides
	spent() bool
}

// pick returns one of some things.
func pick[T any](d dice, of ...T) T { return of[d.n(len(of))] }

// world simulates an engine, a store, backends and a clock around a board, and checks
// the board's promises against its own model.
type world struct {
	t    testing.TB
	dice dice
	b    *Board
	now  time.Time
	// elapsed is the true elapsed time, which setting the clock does not change.
	elapsed time.Duration
	// replayed is when calls from records were last replayed, after a restart or a
	// change of a rate, replays how often.
	replayed time.Duration
	replays  int
	groups   map[string]Group
	tasks    map[Key]*Task
	known    map[string]*Task // the last task of each credential, including removed ones
	runs     map[Key]*run
	store    map[Key]Record
	cooled   map[string]ProviderRecord
	model    model
	mood     int // 0: every backend answers, 1: some fail, 2: most fail
	wake     time.Time
	texts    int
	trace    []string
}

// run is a running attempt.
type run struct {
	start    Start
	at       time.Time
	elapsed  time.Duration
	setBack  time.Duration
	provider string // the group it counts against, empty if none
	before   callTime
	shown    map[string]string
	marks    Marks
	ran      uint64
}

func newWorld(t testing.TB, d dice) *world {
	w := &world{
		t: t, dice: d, b: New(uint64(d.n(4))), now: instant0, mood: d.n(3),
		groups: map[string]Group{}, tasks: map[Key]*Task{}, known: map[string]*Task{}, runs: map[Key]*run{},
		store: map[Key]Record{}, cooled: map[string]ProviderRecord{}, model: newModel(),
	}
	w.found()
	w.install(Memory{})
	w.due()
	return w
}

// say records an event for failure reports.
func (w *world) say(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf("%12s %s", w.now.Sub(instant0), fmt.Sprintf(format, args...)))
}

// broken fails the test and prints the recorded events.
func (w *world) broken(format string, args ...any) {
	w.t.Helper()
	story := w.trace[max(0, len(w.trace)-60):]
	w.t.Fatalf("%s\n%s\nbroken: %s", w.describe(), strings.Join(story, "\n"), fmt.Sprintf(format, args...))
}

// play runs steps until the dice are used up.
func (w *world) play() {
	for !w.dice.spent() {
		w.step()
		w.due()
	}
}

func (w *world) step() {
	switch w.dice.n(16) {
	case 0, 1, 2, 3, 4:
		if w.wake.IsZero() {
			w.forward(time.Minute)
		} else {
			w.forward(w.wake.Sub(w.now))
		}
	case 5:
		w.forward(pick(w.dice, time.Nanosecond, 300*time.Millisecond, time.Second, 29*time.Second, time.Minute, 10*time.Minute))
	case 6:
		w.forward(pick(w.dice, time.Hour, 8*time.Hour, day, 10*day)) // suspended
	case 7:
		w.backward(pick(w.dice, 300*time.Millisecond, 999*time.Millisecond, time.Second, time.Minute, time.Hour, 3*day))
	case 8, 9, 10, 11, 12:
		for range 1 + w.dice.n(3) {
			w.endOne()
		}
	case 13:
		w.kick()
	case 14:
		w.reconfigure()
	case 15:
		switch w.dice.n(3) {
		case 0:
			w.restart()
		case 1:
			w.detach()
		case 2:
			w.install(Memory{}) // nothing changed
		}
	}
}

func (w *world) forward(d time.Duration) {
	w.now = w.now.Add(d)
	w.elapsed += d
}

func (w *world) backward(d time.Duration) {
	w.say("the clock is set back by %s", d)
	w.now = w.now.Add(-d)
	w.b.SetBack(w.now, d)
	w.model.setBack(w, d)
	w.storeMoved()
	for n := range w.groups {
		g, _ := w.b.LookGroup(n)
		w.cooled[n] = g.Record
	}
}

// storeMoved stores the board's corrections.
func (w *world) storeMoved() {
	for _, m := range w.b.Corrections() {
		w.store[m.Key] = m.Record
	}
}

// due starts the due tasks and checks them.
func (w *world) due() {
	starts, wake := w.b.Due(w.now)
	w.wake = wake
	for _, s := range starts {
		w.say("%s starts: %s", name(s.Task.Key), s.Why.Text)
		r := &run{start: s, at: w.now, elapsed: w.elapsed, setBack: w.model.setBackBy, shown: map[string]string{}}
		w.check(s)
		for _, need := range s.Task.Needs {
			r.shown[need] = w.model.credentials[need].shown()
			_, mark := w.b.Token(need)
			r.marks = append(r.marks, CredentialMark{need, mark})
		}
		switch s.Task.Kind {
		case Obtaining:
			r.provider = s.Task.Group
			c := w.model.credentials[s.Task.Name]
			r.before, c.call = c.call, callTime{true, w.elapsed, w.now}
			c.kicked = false
		case Hooking:
			r.ran = w.model.sinks[s.Task.Name].changes
		case Delivering:
		}
		w.runs[s.Task.Key] = r
	}
	w.checkOrder(starts)
	w.checkRest()
}

// endOne ends one of the running attempts.
func (w *world) endOne() {
	if len(w.runs) == 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(w.runs), Key.Compare)
	r := w.runs[pick(w.dice, keys...)]
	delete(w.runs, r.start.Task.Key)
	switch r.start.Task.Kind {
	case Obtaining:
		w.endObtaining(r)
	case Delivering:
		w.endDelivering(r)
	case Hooking:
		w.endHooking(r)
	}
}

func (w *world) endObtaining(r *run) {
	res := Result{At: r.at, End: w.now, Called: true}
	task := r.start.Task
	c := w.model.credentials[task.Name]
	if HasValue(r.start.Record.Previous()) && task.Identity == r.start.Record.Token().Identity && w.dice.n(4) == 0 {
		res.Token = w.sameAnswer(r.start.Record.Token().Credential)
	} else {
		res.Token = w.freshAnswer()
	}
	res.Fault = Vet(res.Token, res.End)
	if w.dice.n(6) < 2*w.mood+w.mood/2 {
		res.Fault = w.fault(task)
		if res.Called = w.dice.n(5) > 0; !res.Called {
			res.Fault = &credential.Fault{Reason: credential.ReasonInternal, Message: "preflight"}
		}
	}
	rec := r.start.Record
	if res.Called {
		rec = Begin(rec, r.at)
	}
	rec = Advance(task, rec, res, w.b.seed)
	w.say("%s ends: %s", task.Name, told(res, rec))
	w.store[task.Key] = rec
	out := w.b.Fold(w.now, r.start, rec, res)
	if out.Cooled {
		w.cooled[task.Group] = out.Provider
	}
	w.model.cool(task.Group, res)
	current := w.tasks[task.Key]
	if out.Removed {
		w.broken("%s was reported as removed, but must be kept", task.Name)
	}
	if current == nil {
		if !w.b.Forget(task.Name) {
			w.broken("%s was removed, but its record was not kept", task.Name)
		}
		w.forget(task.Key)
		return
	}
	w.modelEnd(c, r, rec, res)
	w.storeMoved()
}

// told describes a result in one line.
func told(res Result, rec Record) string {
	if res.Fault != nil {
		return fmt.Sprintf("%s, retry at %s", res.Fault.Reason, rec.Past.RetryAt.Sub(instant0))
	}
	return fmt.Sprintf("generation %d, revision %d, expires at %s", rec.Token().Generation, rec.Token().Revision, rec.Token().ExpiresAt.Sub(instant0))
}

func (w *world) freshAnswer() credential.Credential {
	w.texts++
	life := pick(w.dice, 0, time.Hour, 10*time.Minute, 12*time.Hour, time.Minute, 40*time.Second, 20*time.Second, time.Second, time.Nanosecond, 30*day, 100*year)
	c := token(fmt.Sprint("value-", w.texts), time.Time{})
	if life > 0 {
		c.ExpiresAt, c.CountedExpiry = w.now.Add(life), w.dice.n(2) == 0
	}
	switch w.dice.n(8) {
	case 0:
		c.UsefulAfter = w.now.Add(pick(w.dice, time.Second, 10*time.Minute, 3*time.Hour))
	case 1:
		c.IssuedAt = w.now.Add(-pick(w.dice, time.Second, time.Hour, 30*day))
	}
	return c
}

// sameAnswer returns the current values again.
func (w *world) sameAnswer(c credential.Credential) credential.Credential {
	c.Generation, c.UsefulAfter = 0, time.Time{}
	if c.PolicyExpiry {
		c.PolicyExpiry, c.ExpiresAt = false, time.Time{}
	}
	switch w.dice.n(6) {
	case 0:
		c.ExpiresAt, c.IssuedAt = time.Time{}, time.Time{}
	case 1:
		c.ExpiresAt = c.ExpiresAt.Add(pick(w.dice, time.Second, -time.Second, -time.Minute))
	case 2:
		c.ExpiresAt = w.now.Add(pick(w.dice, time.Second, time.Minute, time.Hour))
	}
	return c
}

func (w *world) fault(task *Task) *credential.Fault {
	f := &credential.Fault{Reason: pick(w.dice, credential.ReasonNetwork, credential.ReasonTimeout, credential.ReasonServer,
		credential.ReasonThrottled, credential.ReasonThrottled, credential.ReasonRejected, credential.ReasonBadResponse, credential.ReasonInternal)}
	switch w.dice.n(6) {
	case 0:
		f.RetryAfter = w.now.Add(pick(w.dice, time.Second, time.Minute, 20*time.Minute, -time.Minute))
	case 1:
		f.Lost = true
	case 2:
		if len(task.Needs) > 0 {
			f.StaleInput = pick(w.dice, task.Needs...)
		}
	}
	return f
}

func (w *world) endDelivering(r *run) {
	res := Result{At: r.at, End: w.now, Called: true, Delivered: r.marks, Changed: w.dice.n(4) > 0}
	if w.dice.n(6) < 2*w.mood {
		res.Fault = &credential.Fault{Reason: credential.ReasonInternal}
	}
	rec := r.start.Record
	if res.Changed {
		raise(&rec)
	}
	rec = Advance(r.start.Task, rec, res, w.b.seed)
	w.finish(r, rec, res)
	s := w.model.sinks[r.start.Task.Name]
	if s == nil {
		return
	}
	s.changes, s.failing = rec.Delivery().Changes, res.Fault != nil
	if !s.failing {
		s.held, s.target = r.shown, r.start.Task.Target
	}
}

func (w *world) endHooking(r *run) {
	res := Result{At: r.at, End: w.now, Called: true, Ran: r.ran}
	if w.dice.n(6) < 2*w.mood {
		res.Fault = &credential.Fault{Reason: credential.ReasonTimeout}
	}
	removed := w.finish(r, Advance(r.start.Task, r.start.Record, res, w.b.seed), res)
	if s := w.model.sinks[r.start.Task.Name]; s != nil && !removed {
		if s.hookFailing = res.Fault != nil; !s.hookFailing {
			s.ran = r.ran
		}
	}
}

// finish ends a local task.
func (w *world) finish(r *run, rec Record, res Result) (removed bool) {
	key := r.start.Task.Key
	w.say("%s ends: %v", name(key), res.Fault)
	w.store[key] = rec
	out := w.b.Fold(w.now, r.start, rec, res)
	if out.Removed {
		w.forget(key)
	}
	return out.Removed
}

func (w *world) kick() {
	keys := slices.SortedFunc(maps.Keys(w.tasks), Key.Compare)
	if len(keys) == 0 {
		return
	}
	key := pick(w.dice, keys...)
	w.say("somebody asks for %s", name(key))
	if !w.b.Kick(w.now, key) {
		w.broken("%v is not on the board", key)
	}
	if w.runs[key] == nil && key.Kind == Obtaining {
		w.model.credentials[key.Name].kicked = true
	}
}

func (w *world) detach() {
	keys := slices.SortedFunc(maps.Keys(w.runs), Key.Compare)
	if len(keys) == 0 {
		return
	}
	key := pick(w.dice, keys...)
	w.say("%s hangs", name(key))
	w.b.Detach(w.now, key)
	w.runs[key].provider = ""
}

// restart simulates a crash and a restart from the stored records.
func (w *world) restart() {
	w.say("crash")
	for _, key := range slices.SortedFunc(maps.Keys(w.runs), Key.Compare) {
		r := w.runs[key]
		if w.tasks[key] == nil {
			continue
		}
		begun := w.dice.n(2) == 0
		switch c := w.model.credentials[key.Name]; {
		case key.Kind == Obtaining && begun:
			w.store[key] = Begin(r.start.Record, r.at)
		case key.Kind == Obtaining:
			c.call = r.before
		case key.Kind == Delivering && begun:
			rec := r.start.Record
			raise(&rec)
			w.store[key] = rec
			w.model.sinks[key.Name].changes = rec.Delivery().Changes
		}
	}
	for key := range w.runs {
		if w.tasks[key] == nil {
			w.forget(key)
		}
	}
	clear(w.runs)
	w.model.restart(w)
	w.replayed = w.elapsed
	w.replays++
	w.b = New(w.b.seed)
	w.install(Memory{Records: maps.Clone(w.store), Providers: maps.Clone(w.cooled)})
	w.storeMoved()
	for name := range w.groups {
		w.model.forgetCalls(w, name)
	}
}

// forget drops a task from the store and the model.
func (w *world) forget(key Key) {
	delete(w.store, key)
	switch key.Kind {
	case Obtaining:
		delete(w.model.credentials, key.Name)
	case Delivering:
		delete(w.model.sinks, key.Name)
	case Hooking:
		if s := w.model.sinks[key.Name]; s != nil {
			s.ran, s.hookFailing = 0, false
		}
	}
}
