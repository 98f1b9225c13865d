// Package engine is the engine: it does what the board decides.
//
// One conductor goroutine owns the board and all state; workers run one task
// each and hand its end back. Work is bounded by the board's groups, every
// sink is a lane of its own, a panic ends one attempt and nothing else. The
// engine is the only reader of the clock.
//
// The way of an attempt: intent durable, call, answer checked, record durable,
// then the board hears of it and every sink that shows the credential becomes
// due. What is durable was never shown before it was; what was shown is never
// forgotten.
package engine

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/internal/failpoint"
)

// ErrEnded says that the engine no longer runs.
var ErrEnded = errors.New("the daemon is stopping")

// Options make an engine. Observer is required, Ledger for all but Play.
type Options struct {
	Ledger   Ledger
	Observer Observer
	// Seed spreads planned instants; the same seed gives the same plan.
	Seed uint64
}

// Bounds of the work on this machine.
const (
	deliverTimeout  = 30 * time.Second
	sinksAtOnce     = 64 // of those that lie on no device
	sinksOnADevice  = 8  // more would only wait for its threads
	hooksAtOnce     = 32
	hangingAfter    = 15 * time.Second // beyond its time-out a task no longer holds others back
	longestSleep    = time.Minute      // Go's timers stand still while the machine is suspended
	sleepWhileBusy  = 5 * time.Second
	stopCalls       = 3 * time.Second // after the end was asked for, calls under way are cut
	stopAll         = 4300 * time.Millisecond
	firstSaveRetry  = time.Second
	lastSaveRetry   = 30 * time.Second
	durableDeadline = 20 * time.Second
)

// Engine runs a plan. Its methods may be called from any goroutine; those that
// ask the conductor wait for its answer until their context ends, so they need
// a Run under way.
type Engine struct {
	opt Options
	// clock returns the time of day, where it can together with a monotonic
	// reading. Where it cannot, steady says how long the machine was awake; slept
	// is how long it was suspended.
	clock  func() time.Time
	steady func() time.Duration
	slept  func() time.Duration
	made   time.Time
	// reads is how attempts read them.
	reads struct {
		wall func() time.Time
		all  func() reading
	}
	// within bounds a step of an attempt, pause lets time pass in it.
	within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	pause  func(context.Context, time.Duration)

	// Owned by the conductor.
	board    *schedule.Board
	plan     *plan.Plan
	sinksOf  map[string][]*plan.Sink
	turnsOf  map[string]*turns // by provider
	running  map[schedule.Key]*flight
	ends     map[schedule.Key]uint64
	refused  map[string]*schedule.Note // by sink: what its last preflight said
	suspects map[string]time.Time      // by sink: when to look at its target
	looking  map[string]bool           // by sink: the next delivery looks first
	repaired map[string]time.Time      // by sink: the last repair
	foreign  map[string]*schedule.Note // by sink: somebody else's value in it
	unsaved  unsaved
	doubts   int     // failed saves in a row that the observer was told of
	seen     reading // the last one that was compared
	stopping bool
	changed  chan struct{} // closed at the next fold; nil while nobody waits for it

	asks  chan func()
	done  chan finished
	saves chan error
	ended chan struct{}
	flown crew
	beat  heartbeat
}

// flight is one running attempt.
type flight struct {
	at     time.Time
	begun  time.Duration // by the time in which the machine was awake
	limit  time.Duration
	cancel context.CancelFunc
	stage  *stage
}

// New returns an engine without a plan.
func New(opt Options) *Engine {
	e := &Engine{
		opt:     opt,
		clock:   time.Now,
		slept:   sleeps(),
		made:    time.Now(),
		within:  context.WithTimeout,
		pause:   pause,
		board:   schedule.New(opt.Seed),
		plan:    &plan.Plan{},
		running: map[schedule.Key]*flight{},
		ends:    map[schedule.Key]uint64{},
		refused: map[string]*schedule.Note{}, suspects: map[string]time.Time{}, looking: map[string]bool{},
		repaired: map[string]time.Time{}, foreign: map[string]*schedule.Note{},
		asks:  make(chan func()),
		done:  make(chan finished),
		saves: make(chan error),
		ended: make(chan struct{}),
	}
	e.reads.wall, e.reads.all = e.wall, e.read
	e.beat.since = e.made
	return e
}

// Install hands a plan over before Run; memory holds the records of an earlier
// life.
func (e *Engine) Install(specs *plan.Plan, memory schedule.Memory) {
	e.install(specs, memory)
}

// Replace hands another plan over while the engine runs: what did not change
// is neither renewed nor rewritten nor interrupted.
func (e *Engine) Replace(ctx context.Context, specs *plan.Plan) error {
	return e.ask(ctx, func() { e.install(specs, schedule.Memory{}) })
}

func (e *Engine) install(specs *plan.Plan, memory schedule.Memory) {
	e.plan = specs
	e.sinksOf = map[string][]*plan.Sink{}
	for i := range specs.Sinks {
		s := &specs.Sinks[i]
		for _, name := range s.Needs {
			e.sinksOf[name] = append(e.sinksOf[name], s)
		}
	}
	e.paceCalls(specs)
	groups, tasks := tasksOf(specs)
	e.drop(tasks, memory)
	for _, key := range e.board.Install(e.now(), groups, tasks, memory) {
		e.unsaved.forget(key)
		delete(e.ends, key)
	}
	e.keepMoved()
}

// tasksOf returns the plan as the board knows it.
func tasksOf(specs *plan.Plan) ([]schedule.Group, []*schedule.Task) {
	groups := []schedule.Group{
		{Name: schedule.HookGroup, Concurrency: hooksAtOnce},
	}
	seen := map[string]bool{}
	for i := range specs.Sinks {
		device, most := specs.Sinks[i].Device, sinksOnADevice
		if device == "" {
			most = sinksAtOnce
		}
		if !seen[device] {
			seen[device] = true
			groups = append(groups, schedule.Group{Name: schedule.SinkGroup + device, Concurrency: most})
		}
	}
	for _, p := range specs.Providers {
		groups = append(groups, schedule.Group{Name: p.Name, Concurrency: max(1, p.Concurrency), Rates: p.Rates})
	}
	var tasks []*schedule.Task
	for i := range specs.Credentials {
		c := &specs.Credentials[i]
		tasks = append(tasks, &schedule.Task{
			Key: schedule.Key{Kind: schedule.Obtaining, Name: c.Name}, Group: c.Provider, Policy: c.Policy,
			Needs: c.Needs, Identity: c.Identity, Inputs: c.Inputs, Payload: c,
		})
	}
	for i := range specs.Sinks {
		s := &specs.Sinks[i]
		tasks = append(tasks, &schedule.Task{
			Key: schedule.Key{Kind: schedule.Delivering, Name: s.Name}, Group: schedule.SinkGroup + s.Device,
			Needs: s.Needs, Target: s.Target, Payload: s,
		})
		if s.Hook != nil {
			tasks = append(tasks, &schedule.Task{
				Key: schedule.Key{Kind: schedule.Hooking, Name: s.Name}, Group: schedule.HookGroup, Payload: s,
			})
		}
	}
	return groups, tasks
}

// drop lets go of what the new plan no longer has: stored records of an
// earlier life, notes of preflights.
func (e *Engine) drop(tasks []*schedule.Task, memory schedule.Memory) {
	wanted := make(map[schedule.Key]bool, len(tasks))
	for _, t := range tasks {
		wanted[t.Key] = true
		e.unsaved.wanted(t.Key)
	}
	for key := range memory.Records {
		if !wanted[key] {
			e.unsaved.forget(key)
		}
	}
	gone := func(name string) bool { return !wanted[schedule.Key{Kind: schedule.Delivering, Name: name}] }
	maps.DeleteFunc(e.refused, func(name string, _ *schedule.Note) bool { return gone(name) })
	maps.DeleteFunc(e.foreign, func(name string, _ *schedule.Note) bool { return gone(name) })
	maps.DeleteFunc(e.suspects, func(name string, _ time.Time) bool { return gone(name) })
	maps.DeleteFunc(e.repaired, func(name string, _ time.Time) bool { return gone(name) })
}

// Run conducts until ctx ends, then lets what is under way come to its end, as
// far as a few seconds allow. It returns when no worker of it is left, or when
// those seconds are over.
func (e *Engine) Run(ctx context.Context) { e.run(ctx, false) }

// RunOnce tries each due thing once, delivers, and returns the state it led to.
// Nobody watched the targets since the last time, so each is looked at.
func (e *Engine) RunOnce(ctx context.Context) View {
	for _, s := range e.plan.Sinks {
		e.suspect(s.Name)
	}
	e.run(ctx, true)
	return e.view()
}

func (e *Engine) run(ctx context.Context, once bool) {
	defer close(e.ended)
	defer e.beat.stop()
	work, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	timer := time.NewTimer(0)
	defer timer.Stop()
	stop := ctx.Done()
	var stopAt time.Time // monotonic on purpose: seconds of this process
	for {
		e.tellDoubt(e.now())
		wake := e.start(work)
		if (once || e.stopping) && e.idle() {
			e.flown.Wait()
			return
		}
		if e.stopping {
			switch spent := time.Since(stopAt); {
			case spent >= stopAll:
				return
			case spent >= stopCalls:
				cut()
				wake = stopAll - spent
			default:
				wake = min(wake, stopCalls-spent)
			}
		}
		timer.Reset(max(0, wake))
		e.beat.sleep(wake)
		select {
		case <-stop:
			stop, stopAt, e.stopping = nil, time.Now(), true
			e.board.Close(schedule.Obtaining)
			e.board.Close(schedule.Hooking)
		case ask := <-e.asks:
			ask()
		case f := <-e.done:
			e.fold(&f)
		case err := <-e.saves:
			e.unsaved.saved(e.now(), err)
		case <-timer.C:
		}
	}
}

// idle reports whether nothing is under way and nothing could start now.
func (e *Engine) idle() bool {
	return len(e.running) == 0 && e.board.Idle(e.now()) && (e.unsaved.empty() || e.unsaved.failing != "" && e.unsaved.written == nil)
}

// start launches what is due and returns how long the conductor may sleep.
func (e *Engine) start(work context.Context) time.Duration {
	now, awake := e.now(), e.read().awake
	e.detach(now, awake)
	suspects := e.lookAtSuspects(now)
	starts, wake := e.board.Due(now)
	for i := range starts {
		s := &starts[i]
		job := e.prepare(s)
		ctx, cancel := context.WithCancel(work)
		e.running[s.Task.Key] = &flight{at: now, begun: awake, limit: limitOf(s.Task), cancel: cancel, stage: job.stage}
		e.flown.Go(func() {
			defer cancel()
			end := e.contain(ctx, &job)
			select {
			case e.done <- end:
			case <-e.ended:
			}
		})
	}
	save := e.save(work, now)
	sleep := longestSleep
	if len(e.running) > 0 {
		sleep = sleepWhileBusy
	}
	if !wake.IsZero() {
		sleep = min(sleep, wake.Sub(now))
	}
	for _, at := range []time.Time{save, suspects} {
		if !at.IsZero() {
			sleep = min(sleep, at.Sub(now))
		}
	}
	return sleep
}

func limitOf(t *schedule.Task) time.Duration {
	if t.Kind == schedule.Obtaining {
		return t.Policy.Timeout + hangingAfter
	}
	return hangingAfter
}

// fold takes the end of an attempt in.
func (e *Engine) fold(f *finished) {
	key, now := f.start.Task.Key, e.now()
	delete(e.running, key)
	if key.Kind == schedule.Delivering {
		e.noteDrift(key.Name, f, now)
	}
	if f.unmade {
		e.foldUnmade(f, now)
	} else {
		e.foldMade(f, now)
	}
	for name, note := range f.refused {
		if note == nil {
			delete(e.refused, name)
		} else {
			e.refused[name] = note
		}
	}
	e.keepMoved() // after what was saved of this attempt
	e.tellChanged()
	failpoint.Hit("end taken in")
}

// foldMade takes the end of an attempt in that was made.
func (e *Engine) foldMade(f *finished, now time.Time) {
	key := f.start.Task.Key
	out := e.board.Fold(now, *f.start, f.record, f.result)
	switch {
	case out.Removed:
		e.unsaved.forget(key)
	case f.quiet, e.opt.Ledger == nil:
	case f.owed:
		// Nobody waits for deliveries and hooks: a start looks at every place
		// anyway, and a hook is owed as long as its end is not known.
		e.unsaved.owe(key, f.record)
	case f.saveError != nil:
		e.unsaved.keep(key, f.record, now, f.saveError)
	default:
		e.unsaved.durable(key)
	}
	if out.Cooled {
		e.unsaved.keepProvider(f.start.Task.Group, out.Provider)
		if t := e.turnsOf[f.start.Task.Group]; t != nil {
			t.close(e.elapsed() + out.Provider.CooldownUntil.Sub(now))
		}
	}
	if key.Kind == schedule.Delivering && f.result.Fault == nil {
		delete(e.refused, key.Name)
	}
	if !out.Removed {
		e.ends[key]++
	}
	if !f.quiet {
		e.opt.Observer.Observe(e.outcome(f, now))
	}
}

// news returns a channel that is closed at the next fold.
func (e *Engine) news() <-chan struct{} {
	if e.changed == nil {
		e.changed = make(chan struct{})
	}
	return e.changed
}

func (e *Engine) tellChanged() {
	if e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
}

// outcome tells the end of an attempt to the rest of the daemon.
func (e *Engine) outcome(f *finished, now time.Time) Outcome {
	task, was, is := f.start.Task, &f.start.Record, &f.record
	o := Outcome{
		Kind: TaskKind(task.Kind.String()), Name: task.Name, Result: schedule.Renewed,
		Called: f.result.Called, DueAt: f.start.DueAt, StartedAt: f.result.At, Took: f.result.End.Sub(f.result.At),
		Fault: f.result.Fault, Panicked: f.panicked, Stack: f.stack, SaveError: f.saveError,
		Failures: is.Past.Failures, Parked: is.Past.Parked,
	}
	if n := len(is.Past.History); n > 0 {
		o.Result = is.Past.History[n-1].Outcome
	}
	if o.Failures == 0 {
		o.Recovered = was.Past.Failures
	}
	if task.Kind == schedule.Obtaining {
		o.Provider = task.Group
		o.Generation, o.ExpiresAt, o.UnreadEnd = is.Token.Generation, is.Token.ExpiresAt, is.Token.UnreadEnd
	}
	o.NextAttemptAt = e.board.NextAttempt(now, task.Key)
	return o
}

// ask runs f in the conductor and waits for its end.
func (e *Engine) ask(ctx context.Context, f func()) error {
	answered := make(chan struct{})
	select {
	case e.asks <- func() { f(); close(answered) }:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-e.ended:
		return ErrEnded
	}
	<-answered
	return nil
}
