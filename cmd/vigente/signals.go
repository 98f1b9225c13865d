package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// endingOnSignals returns a context that ends with SIGTERM or SIGINT. A second
// one of them ends the program at once.
func endingOnSignals(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// onHangup calls reload after each SIGHUP, one at a time, until ctx ends. Any
// number of them during one call ask for one more. The returned function waits
// for the end.
func onHangup(ctx context.Context, reload func()) (wait func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	ctx, end := context.WithCancel(ctx)
	var listening sync.WaitGroup
	listening.Go(func() {
		defer signal.Stop(hangups)
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
