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

// sameSignal is how long a further signal counts as the first one: a terminal
// and a supervisor often send theirs to the process and to its group.
const sameSignal = time.Second

// endingOnSignals returns a context that ends with SIGTERM or SIGINT, one that
// came early included. Another one of them, a second or more later, ends the
// program at once.
func endingOnSignals(ctx context.Context, early chan os.Signal) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancel(ctx)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	if early != nil {
		signal.Stop(early) // from here on it is the context's
		select {
		case <-early:
			end()
		default:
		}
	}
	context.AfterFunc(ctx, func() { time.AfterFunc(sameSignal, stop) })
	return ctx, func() { stop(); end() }
}

// catchEarly keeps a SIGTERM or SIGINT that comes before the daemon is ready
// for it: a service manager may stop a service in the moment of its start. Other
// commands end by it, as usual.
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

// listenForHangups keeps SIGHUP until somebody takes it. What SIGHUP does by
// itself, which is to end the program, is not restored: the daemon must not die
// of one that comes while it ends.
func listenForHangups() <-chan os.Signal {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	return hangups
}

// onHangup calls reload after each SIGHUP, one at a time, until ctx ends. Any
// number of them during one call ask for one more. The returned function waits
// for the end.
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

// catchInherited deals with what children inherit, or leave. The returned
// function ends it.
//
// SIGPIPE is caught and dropped, so that the daemon outlives whoever reads its
// log: one that is ignored would be ignored by every hook as well, and a pipe in
// it whose reader ends first would never end. Commands keep the default: they
// end with their reader.
func catchInherited(ctx context.Context) (end func()) {
	pipes := make(chan os.Signal, 1)
	signal.Notify(pipes, syscall.SIGPIPE)
	if os.Getpid() != 1 {
		return func() {}
	}
	return reapOrphans(ctx)
}

// orphanAge is how long an ended child is left to whoever waits for it.
const orphanAge = time.Second

// reapOrphans reaps what this process inherits as process 1 of a container,
// where nobody else would.
func reapOrphans(ctx context.Context) (end func()) {
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	var reaping sync.WaitGroup
	reaping.Go(func() {
		defer signal.Stop(ended)
		var orphans process.Orphans
		look := time.NewTimer(0)
		looking := true // two looks are never closer than orphanAge
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
