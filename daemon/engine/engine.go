// Package engine is the engine: it does what the board decides.
//
// One loop owns the board and all state; workers run one task each and hand its
// end back. Work is bounded by the board's groups, every
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
	"sync/atomic"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/internal/turnstile"
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
// take a context ask the loop and wait for its answer until the context ends, so
// they need a Run under way.
type Engine struct {
	opt Options
	// clock returns the time of day, where it can together with a monotonic
	// reading. Where it cannot, steady says how long the machine was awake; slept
	// is how long it was suspended.
	clock  func() time.Time
	steady func() time.Duration
	slept  func() time.Duration
	made   time.Time
	asked  atomic.Pointer[reading] // when it was last asked how long the machine was suspended
	// reads is how attempts read them.
	reads struct {
		wall func() time.Time
		all  func() reading
	}
	// within bounds a step of an attempt, pause lets time pass in it.
	within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	pause  func(context.Context, time.Duration)

	// Owned by the loop.
	board       *schedule.Board
	providers   map[string]*provider
	credentials map[string]*held
	sinks       map[string]*sink
	suspects    suspects // sinks by the instant at which to look at their targets
	running     map[schedule.Key]*flight
	unsaved     unsaved
	doubts      int     // failed saves in a row that the observer was told of
	seen        reading // the last one that was compared
	stopping    bool
	learned     map[schedule.Key]schedule.Record // during attempts, for their end
	shelf       *shelf                           // what readers are shown
	renewals    map[string][]*renewal            // by credential
	starting    starting

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
		running:     map[schedule.Key]*flight{},
		shelf:       newShelf(),
		learned:     map[schedule.Key]schedule.Record{},
		renewals:    map[string][]*renewal{},
		asks:        make(chan func()),
		done:        make(chan end),
		ended:       make(chan struct{}),
	}
	e.reads.wall, e.reads.all = e.wall, e.read
	e.beat.since = e.made
	e.waiting.gate = turnstile.New()
	e.starting.ready = make(chan struct{})
	return e
}

// Run works until ctx ends, then lets what is under way come to its end, as far
// as a few seconds allow. It returns when no worker of it is left, or when those
// seconds are over.
func (e *Engine) Run(ctx context.Context) {
	e.shelf.on = true
	e.begin(e.now())
	e.run(ctx, false)
}

// RunOnce tries each due thing once, delivers, and returns the state it led to.
// Nobody watched the targets since the last time, so each is looked at.
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
	work, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	timer := time.NewTimer(0)
	defer timer.Stop()
	workers := newWorkers(work)
	defer workers.dismiss()
	stop := ctx.Done()
	var stopAt time.Time // monotonic on purpose: seconds of this process
	for {
		now := e.now()
		todo, wake := e.step(now)
		for _, w := range todo {
			workers.start(func(ctx context.Context) { e.hand(w.do(ctx)) })
		}
		sleep := e.sleep(now, wake)
		if (once || e.stopping) && e.idle() {
			workers.dismiss()
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

// hand gives the end of a piece of work to the loop, as long as there is one.
func (e *Engine) hand(end end) {
	select {
	case e.done <- end:
	case <-e.ended:
	}
}

// sleep returns how long the loop may sleep when nothing is planned before wake.
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

// idle reports whether nothing is under way and nothing could start now.
func (e *Engine) idle() bool {
	return len(e.running) == 0 && e.board.Idle(e.now()) && e.unsaved.written == nil &&
		(e.unsaved.next.empty() || e.unsaved.failing != "")
}

// ask runs f in the loop and waits for its end.
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
