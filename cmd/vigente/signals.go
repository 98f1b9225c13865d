package main

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
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

// ignoreBrokenPipes keeps the daemon alive when whoever reads its log goes away.
// Commands keep the default: they end with their reader.
func ignoreBrokenPipes() { signal.Ignore(syscall.SIGPIPE) }
