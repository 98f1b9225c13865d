package main

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/vigented/vigente/internal/process"
)

// sameSignal is the time within which a second signal counts as the first one:
// terminals and supervisors often signal both the process and its group.
const sameSignal = time.Second

// endingOnSignals returns a context that SIGTERM or SIGINT cancels, including one
// that arrived early. A second signal, at least a second later, ends the program
// at once.
func endingOnSignals(ctx context.Context, early chan os.Signal) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancel(ctx)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	if early != nil {
		signal.Stop(early) // the context handles signals from here on
		select {
		case <-early:
			end()
		default:
		}
	}
	context.AfterFunc(ctx, func() { time.AfterFunc(sameSignal, stop) })
	return ctx, func() { stop(); end() }
}

// startGrace is how long a start may go on after SIGTERM to reach a point where it
// can stop cleanly.
const startGrace = 2 * time.Second

// unlessEnded returns what f returns. If ctx ends and f does not return soon after,
// it returns the cause and leaves f running until the program exits.
func unlessEnded[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		value, err := f()
		answers <- answer{value, err}
	}()
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(startGrace, func() { close(over) }) })
	defer stop()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-over:
		var none T
		return none, context.Cause(ctx)
	}
}

// catchEarly keeps a SIGTERM or SIGINT that arrives before the daemon is ready for
// it, because a service manager may stop a service while it starts. Other commands
// end as usual.
func catchEarly(args []string) chan os.Signal {
	if commandOf(args) != "run" {
		return nil
	}
	early := make(chan os.Signal, 1)
	signal.Notify(early, syscall.SIGTERM, syscall.SIGINT)
	return early
}

// commandOf returns the first argument that is neither a flag nor its value.
func commandOf(args []string) string {
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "-c" || args[i] == "--config":
			i++
		case !strings.HasPrefix(args[i], "-"):
			return args[i]
		}
	}
	return ""
}

// listenForHangups queues SIGHUP. It never restores the default action, because a
// SIGHUP during shutdown must not kill the daemon.
func listenForHangups() <-chan os.Signal {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	return hangups
}

// onHangup calls reload after each SIGHUP, one at a time, until ctx ends. Signals
// during a call cause one more call. The returned function waits for the end.
func onHangup(ctx context.Context, hangups <-chan os.Signal, reload func()) (wait func()) {
	ctx, end := context.WithCancel(ctx)
	var listening sync.WaitGroup
	listening.Go(func() {
		for {
			select {
			case <-hangups:
				reload()
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { end(); listening.Wait() }
}

// catchInherited handles signals that children inherit, and children left behind.
// The returned function stops it.
//
// SIGPIPE is caught and dropped, so that the daemon outlives the reader of its log.
// It is not ignored, because hooks would inherit that, and a pipe inside a hook
// would not end with its reader. Commands keep the default.
func catchInherited(ctx context.Context) (end func()) {
	pipes := make(chan os.Signal, 1)
	signal.Notify(pipes, syscall.SIGPIPE)
	if os.Getpid() != 1 {
		return func() {}
	}
	return reapOrphans(ctx)
}

// orphanAge is how long an ended child is left to its own waiter.
const orphanAge = time.Second

// reapOrphans reaps orphaned processes if this is process 1 of a container.
func reapOrphans(ctx context.Context) (end func()) {
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	var reaping sync.WaitGroup
	reaping.Go(func() {
		defer signal.Stop(ended)
		var orphans process.Orphans
		look := time.NewTimer(0)
		looking := true // two scans are at least orphanAge apart
		for {
			select {
			case <-ended:
				if !looking {
					look.Reset(orphanAge)
					looking = true
				}
			case <-look.C:
				if looking = orphans.Reap(); looking {
					look.Reset(orphanAge)
				}
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { stop(); reaping.Wait() }
}
