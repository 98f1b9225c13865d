package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// sameSignal is how long a further signal counts as the first one: a terminal
// and a supervisor often send theirs to the process and to its group.
const sameSignal = time.Second

// endingOnSignals returns a context that ends with SIGTERM or SIGINT. Another
// one of them, a second or more later, ends the program at once.
func endingOnSignals(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, func() { time.AfterFunc(sameSignal, stop) })
	return ctx, stop
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
