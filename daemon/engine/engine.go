// Package engine runs the tasks that the board schedules.
//
// One loop owns the board and all state. Workers run one task each and report
// its result to the loop. The board's groups limit how many run at once, tasks of
// different sinks do not wait for each other, and a panic ends only its own
// attempt. Only the engine reads the clock.
//
// An attempt stores its intent, calls the backend, checks the answer and stores
// the new record. Only then does the loop tell the board, and every sink that
// uses the credential becomes due. So readers and sinks see only what has been
// stored, unless storing fails.
package engine

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/internal/turnstile"
)

// ErrEnded means that the engine no longer runs.
var ErrEnded = errors.New("the daemon is stopping")

// Options configure an engine. Observer is required, and Ledger except for Play.
type Options struct {
	Ledger   Ledger
	Observer Observer
	// Seed determines the jitter; the same seed gives the same plan.
	Seed uint64
}

// Limits on local work.
const (
	deliverTimeout  = 30 * time.Second
	sinksAtOnce     = 64 // sinks without a device
	sinksOnADevice  = 8  // more would only wait for the device
	hooksAtOnce     = 32
	hangingAfter    = 15 * time.Second // after its timeout, a task stops blocking others
	longestSleep    = time.Minute      // Go's timers stop while the machine is suspended
	sleepWhileBusy  = 5 * time.Second
	stopCalls       = 3 * time.Second // when stopping, calls are canceled after this
	stopAll         = 4300 * time.Millisecond
	firstSaveRetry  = time.Second
	lastSaveRetry   = 30 * time.Second
	durableDeadline = 20 * time.Second
)

// Engine runs a plan. Its methods are safe for concurrent use. Those that take a
// context wait for the loop until the context ends, so Run must be running.
type Engine struct {
	opt Options
	// clock returns the wall time, with a monotonic reading unless steady is set.
	// steady returns how long the machine was awake, slept how long it was
	// suspended.
	clock  func() time.Time
	steady func() time.Duration
	slept  func() time.Duration
	made   time.Time
	asked  atomic.Pointer[reading] // the last reading that called slept
	// reads holds the clock functions for attempts.
	reads struct {
		wall func() time.Time
		all  func() reading
	}
	// within sets the deadline of a step of an attempt, pause waits.
	within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	pause  func(context.Context, time.Duration)
	// open ends when the engine stops: a call that has not started then is not made.
	open context.Context //nolint:containedctx // attempts that wait end with it
	shut context.CancelFunc

	// Owned by the loop.
	board        *schedule.Board
	providers    map[string]*provider
	credentials  map[string]*held
	sinks        map[string]*sink
	suspects     suspects // sinks by the instant at which to look at their targets
	running      map[schedule.Key]*attempt
	unsaved      unsaved
	toldFailures int     // consecutive failed saves last reported to the observer
	seen         reading // the reading last checked for a clock set back
	stopping     bool
	learned      map[schedule.Key]schedule.Record // records learned during an attempt, for its end
	model        *readModel                       // what readers see
	renewals     map[string][]*renewal            // by credential
	starting     starting
	glances      glanceQueue

	waiting waiting
	asks    chan func()
	done    chan end
	ended   chan struct{}
	beat    heartbeat
}

// New returns an engine without a plan.
func New(opt Options) *Engine {
	e := &Engine{
		opt:         opt,
		clock:       time.Now,
		slept:       sleeps(),
		made:        time.Now(),
		within:      context.WithTimeout,
		pause:       pause,
		board:       schedule.New(opt.Seed),
		providers:   map[string]*provider{},
		credentials: map[string]*held{},
		sinks:       map[string]*sink{},
		running:     map[schedule.Key]*attempt{},
		model:       newReadModel(),
		learned:     map[schedule.Key]schedule.Record{},
		renewals:    map[string][]*renewal{},
		asks:        make(chan func()),
		done:        make(chan end),
		ended:       make(chan struct{}),
	}
	e.open, e.shut = context.WithCancel(context.Background())
	e.reads.wall, e.reads.all = e.wall, e.read
	e.beat.since = e.made
	e.waiting.gate = turnstile.New()
	e.starting.ready = make(chan struct{})
	return e
}

// Run runs the plan until ctx ends. It then waits for the running attempts, but at
// most a few seconds.
func (e *Engine) Run(ctx context.Context) {
	e.model.on = true
	e.begin(e.now())
	e.run(ctx, false)
}

// RunOnce attempts each due task once, delivers, and returns the resulting state.
// It checks every sink's target, because no watcher was running before.
func (e *Engine) RunOnce(ctx context.Context) View {
	for name := range e.sinks {
		e.suspect(name)
	}
	e.board.Once()
	e.run(ctx, true)
	e.publish(e.now())
	return e.Select(Query{History: true})
}

func (e *Engine) run(ctx context.Context, once bool) {
	defer close(e.ended)
	defer e.beat.stop()
	defer e.shut()
	work, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	timer := time.NewTimer(0)
	defer timer.Stop()
	workers := newWorkers(work)
	defer workers.finish()
	stop := ctx.Done()
	var stopAt time.Time // monotonic on purpose
	for {
		now := e.now()
		todo, wake := e.step(now)
		for _, w := range todo {
			workers.start(func(ctx context.Context) { e.report(w.do(ctx)) })
		}
		sleep := e.sleep(now, wake)
		if (once || e.stopping) && e.idle() {
			workers.finish()
			workers.all.Wait()
			return
		}
		if e.stopping {
			switch spent := time.Since(stopAt); {
			case spent >= stopAll:
				return
			case spent >= stopCalls:
				cut()
				sleep = stopAll - spent
			default:
				sleep = min(sleep, stopCalls-spent)
			}
		}
		timer.Reset(max(0, sleep))
		e.beat.sleep(sleep)
		select {
		case <-stop:
			stop, stopAt, e.stopping = nil, time.Now(), true
			e.shut()
			e.board.Close(schedule.Obtaining)
			e.board.Close(schedule.Hooking)
		case ask := <-e.asks:
			ask()
		case end := <-e.done:
			e.take(end)
		case <-timer.C:
		}
	}
}

// report sends the result of a piece of work to the loop, unless it has ended.
func (e *Engine) report(end end) {
	select {
	case e.done <- end:
	case <-e.ended:
	}
}

// sleep returns how long the loop may sleep if nothing is planned before wake.
func (e *Engine) sleep(now, wake time.Time) time.Duration {
	sleep := longestSleep
	if len(e.running) > 0 {
		sleep = sleepWhileBusy
	}
	if !wake.IsZero() {
		sleep = min(sleep, wake.Sub(now))
	}
	return sleep
}

// idle reports whether nothing is running and nothing could start now.
func (e *Engine) idle() bool {
	return len(e.running) == 0 && e.glances.running == 0 && e.board.Idle(e.now()) && e.unsaved.written == nil &&
		(e.unsaved.next.empty() || e.unsaved.failing != "")
}

// ask runs f in the loop and waits until it returns.
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
