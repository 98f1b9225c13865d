package engine

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// world is a daemon, its outside and the time they share. It does what run
// does, one step at a time: every attempt and every write is a coroutine that
// stops where time passes, and the daemon can be killed between any two steps.
type world struct {
	nature   nature
	now      time.Duration // as it really passed
	asleep   time.Duration // the part of it that the machine slept through
	offset   time.Duration // of the wall clock
	luck     luck
	accounts map[string]*account
	targets  map[string]*target
	disk     *disk
	laws     *laws

	e        *Engine
	running  *plan.Plan    // what the daemon runs
	wakeAt   time.Duration // of the engine's loop
	bootAt   time.Duration // while it is off; negative while it runs
	fuse     int           // steps until it is killed; 0 for never
	off      time.Duration // for how long, then
	threads  []*thread
	cur      *thread
	idle     []*strand
	births   int
	ends     []end // of work, not taken in yet
	next     int   // event
	turns    int
	spins    int // turns since time passed
	attempts int
	tracing  bool
	trace    []string
}

// thread is one attempt, or one batch of writes.
type thread struct {
	id       int
	key      schedule.Key
	work     bool // an attempt
	calls    bool // its backend, or did
	called   time.Duration
	provider string
	begun    time.Duration
	asleep   time.Duration // what the machine had slept until then
	limit    time.Duration
	at       time.Duration   // goes on then
	after    <-chan struct{} // and not before this is closed
	*strand
	dead bool
}

// strand is a coroutine that does one piece of work after another.
type strand struct {
	task   func()
	yield  func(over bool) bool // whether the piece is over, else time passes
	resume func() (over bool, ok bool)
	stop   func()
}

func newStrand() *strand {
	s := &strand{}
	s.resume, s.stop = iter.Pull(func(yield func(bool) bool) {
		s.yield = yield
		for {
			s.task()
			if !yield(true) {
				return
			}
		}
	})
	return s
}

func newWorld(n nature) *world {
	w := &world{
		nature: n, offset: n.offset, luck: luckOf(n.seed, "world"), bootAt: -1,
		accounts: map[string]*account{}, targets: map[string]*target{},
		disk: &disk{records: map[schedule.Key]schedule.Record{}, providers: map[string]schedule.ProviderRecord{}, raised: map[string]bool{}},
	}
	w.laws = newLaws(w)
	return w
}

// wall is the daemon's clock.
func (w *world) wall() time.Time { return origin.Add(w.now + w.offset) }

func (w *world) say(format string, args ...any) {
	if w.tracing {
		w.trace = append(w.trace, fmt.Sprintf("%14s %s", w.now, fmt.Sprintf(format, args...)))
	}
}

// Observe implements Observer.
func (w *world) Observe(o Outcome) {
	w.attempts++
	if w.tracing {
		w.say("%s %s: %s called=%v fault=%v panicked=%v generation=%d expires=%s next=%s", o.Kind, o.Name, o.Result, o.Called, o.Fault, o.Panicked, o.Generation, o.ExpiresAt.Format(time.DateTime), o.NextAttemptAt.Format(time.DateTime))
	}
}

// boot starts a daemon from what is durable.
func (w *world) boot() {
	w.bootAt, w.threads, w.ends = -1, w.threads[:0], nil
	w.e = New(Options{Ledger: onDisk{drive{w}}, Observer: w, Seed: w.nature.seed})
	w.e.clock = w.wall
	begun := w.now - w.asleep
	w.e.steady = func() time.Duration { return w.now - w.asleep - begun }
	w.e.slept = func() time.Duration { return w.asleep }
	w.e.pause = func(_ context.Context, d time.Duration) { w.pass(d) }
	w.say("the daemon starts, the clock shows %s", w.wall().Format(time.DateTime))
	w.laws.booted()
	w.running = w.plan()
	w.e.Install(plan.Between(&plan.Plan{}, w.running), w.disk.memory())
	w.laws.installed()
	w.wakeAt = w.now
}

// spawn takes a piece of the engine's work as a coroutine.
func (w *world) spawn(piece work) {
	w.births++
	t := &thread{id: w.births, at: w.now, begun: w.now, asleep: w.asleep}
	if piece.job != nil {
		t.work, t.key, t.after = true, piece.job.start.Task.Key, piece.job.after
		t.limit = w.e.running[t.key].limit
	}
	if n := len(w.idle); n > 0 {
		t.strand, w.idle = w.idle[n-1], w.idle[:n-1]
	} else {
		t.strand = newStrand()
	}
	e := w.e
	t.strand.task = func() {
		end := piece.do(context.Background())
		if e == w.e {
			w.ends = append(w.ends, end)
		}
	}
	if t.work {
		w.laws.started(t)
	}
	w.threads = append(w.threads, t)
}

// step is a point where the daemon may be killed. It reports whether it was.
func (w *world) step() bool {
	if w.cur.dead {
		return true
	}
	if w.fuse > 0 {
		if w.fuse--; w.fuse == 0 {
			w.kill(w.off)
			return true
		}
	}
	return false
}

// pass lets time pass for the current thread. It reports whether the daemon was
// killed meanwhile.
func (w *world) pass(d time.Duration) bool {
	t := w.cur
	if t.dead || d <= 0 {
		return t.dead
	}
	t.at = w.now + d
	t.dead = !t.yield(false) || t.dead
	return t.dead
}

// kill kills the daemon.
func (w *world) kill(off time.Duration) {
	w.say("the daemon is killed")
	w.fuse = 0
	w.bootAt = w.now + off
	for _, t := range w.threads {
		t.dead = true
	}
	w.laws.killed()
}

// bury unwinds the running threads. They have no further effect.
func (w *world) bury() {
	for _, t := range w.threads {
		w.cur = t
		t.stop()
	}
	for _, s := range w.idle {
		s.stop()
	}
	w.idle = w.idle[:0]
	w.cur, w.threads = nil, w.threads[:0]
}

// run runs the world to its end or to the first broken law.
func (w *world) run() {
	w.boot()
	for w.now < w.nature.end && w.laws.broken == "" {
		w.turns++
		if w.spins++; w.spins > 3000 {
			w.laws.breaks("nothing gets on: %d turns at one instant", w.spins)
		}
		switch {
		case w.next < len(w.nature.events) && w.nature.events[w.next].at <= w.now:
			w.next++
			w.happen(w.nature.events[w.next-1])
		case w.bootAt >= 0:
			w.bury()
			if w.bootAt > w.now {
				w.advance()
			} else {
				w.boot()
			}
		case w.wakeAt <= w.now:
			w.conduct()
		case w.goOn():
		default:
			w.advance()
		}
	}
	w.laws.inspectAt = 0
	w.laws.inspect()
	w.bury()
}

// conduct is one turn of the engine's loop.
func (w *world) conduct() {
	now := w.e.now()
	todo, wake := w.e.step(now)
	for _, piece := range todo {
		w.spawn(piece)
	}
	sleep := w.e.sleep(now, wake)
	if sleep >= sleepWhileBusy && (sleep == longestSleep || len(w.e.running) > 0) {
		sleep = w.leap()
	}
	w.wakeAt = w.now + max(sleep, time.Microsecond)
	if w.turns%61 == 0 {
		w.laws.readers()
	}
}

// leap skips the wake-ups at which nothing can be due.
func (w *world) leap() time.Duration {
	e, now := w.e, w.wall()
	_, wake := e.board.Due(now)
	sleep := 1000 * time.Hour
	until := func(at time.Time) {
		if !at.IsZero() {
			sleep = min(sleep, at.Sub(now))
		}
	}
	until(wake)
	if u := &e.unsaved; !u.empty() && u.written == nil && u.failing != "" && u.retryAt.After(now) {
		until(u.retryAt)
	}
	for _, s := range e.suspects {
		until(s.lookAt.time())
	}
	for _, f := range e.running {
		if left := -f.overdue(e.steady()); left >= 0 {
			sleep = min(sleep, left+1)
		}
	}
	return sleep
}

// goOn resumes the next due thread, and folds its end.
func (w *world) goOn() bool {
	t, ok := w.soonest()
	if !ok || t.at > w.now {
		return false
	}
	w.cur = t
	over, _ := t.resume()
	w.cur = nil
	if over {
		w.idle = append(w.idle, t.strand)
		for i := range w.threads {
			if w.threads[i] == t {
				w.threads = append(w.threads[:i], w.threads[i+1:]...)
				break
			}
		}
	}
	if w.bootAt >= 0 {
		return true
	}
	for _, end := range w.ends {
		if f := end.attempt; f != nil {
			w.laws.ends(*f)
		}
		w.e.take(end)
		if f := end.attempt; f != nil {
			w.laws.folded(*f)
		}
		w.wakeAt = w.now
	}
	w.ends = w.ends[:0]
	return true
}

// soonest returns the thread to resume next.
func (w *world) soonest() (first *thread, ok bool) {
	for _, t := range w.threads {
		if t.after != nil {
			select {
			case <-t.after:
				t.after, t.at = nil, max(t.at, w.now)
			default:
				continue
			}
		}
		if first == nil || t.at < first.at {
			first = t
		}
	}
	return first, first != nil
}

// advance moves to the next instant at which something happens.
func (w *world) advance() {
	to := min(w.nature.end, w.laws.inspectAt)
	if w.next < len(w.nature.events) {
		to = min(to, w.nature.events[w.next].at)
	}
	if w.bootAt >= 0 {
		to = min(to, w.bootAt)
	} else {
		to = min(to, w.wakeAt)
		if t, ok := w.soonest(); ok {
			to = min(to, t.at)
		}
	}
	w.leapTo(max(to, w.now))
}

func (w *world) leapTo(to time.Duration) {
	if to > w.now {
		w.spins = 0
	}
	w.laws.passing(to)
	w.now = to
	w.laws.inspect()
}

// happen applies one event.
func (w *world) happen(e event) {
	l := luck(e.n)
	switch e.what {
	case reloaded:
		said := w.nature.plan.reload(rand.New(rand.NewPCG(e.n, 1)), w.nature.providers)
		w.say("the configuration changes: %s", said)
		w.install()
	case repaired:
		for i := range w.nature.plan.credentials {
			c := &w.nature.plan.credentials[i]
			if c.provider == int(e.n%100) && w.laws.of(c.name).parked != "" {
				c.inputs += 1000
				w.say("the secret of %s changes", c.name)
			}
		}
		w.install()
	case killed:
		if w.bootAt < 0 {
			w.kill(e.span)
		}
	case killedAt:
		w.fuse, w.off = 1+l.n(40), e.span
	case suspended:
		w.say("suspended for %s", e.span)
		w.laws.disturbed(w.now + e.span)
		w.asleep += e.span
		w.leapTo(w.now + e.span)
		w.wakeAt = min(w.wakeAt, w.now+w.luck.upTo(longestSleep))
	case clockSet:
		w.say("the clock is set by %s", e.span)
		w.offset += e.span
		w.wakeAt = min(w.wakeAt, w.now+w.luck.upTo(longestSleep))
		w.laws.clockSet(e.span)
	case asked:
		if c := w.nature.plan.credentials; len(c) > 0 && w.bootAt < 0 {
			w.ask(c[l.n(len(c))].name)
		}
	}
}

// install applies a changed configuration to the running daemon.
func (w *world) install() {
	if w.bootAt < 0 {
		was := w.running
		w.running = w.plan()
		w.e.apply(plan.Between(was, w.running))
		w.wakeAt = w.now
	}
	w.laws.installed()
}

func (w *world) ask(name string) {
	key := schedule.Key{Kind: schedule.Obtaining, Name: name}
	if until, kept := w.e.board.KeptBack(w.wall(), key); kept {
		w.say("somebody asks for %s, whose seed is kept back until %s", name, until.Format(time.DateTime))
		return
	}
	w.say("somebody asks for %s", name)
	w.laws.asked(name)
	w.e.board.Kick(w.wall(), key)
	w.wakeAt = w.now
}
