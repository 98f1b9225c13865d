package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
)

const (
	listenAgainEvery = 2 * time.Second
	listenTimeout    = 5 * time.Second // for resolving the address
)

// Listening is the configuration of the listener.
type Listening struct {
	Address   string // empty disables it
	WebConfig string
	// Hosts are additional names under which it may be accessed.
	Hosts []string
}

// Equal reports whether two configurations are equal.
func (l Listening) Equal(o Listening) bool {
	return l.Address == o.Address && l.WebConfig == o.WebConfig && slices.Equal(l.Hosts, o.Hosts)
}

// Listener serves an address. If the address is not available, it retries every few
// seconds and reports it in the log and in Problem; nothing else waits for it.
//
// Its methods are safe for concurrent use.
type Listener struct {
	handler func(Listening) http.Handler
	log     *zap.Logger

	changing sync.Mutex // held while the server is exchanged

	mu      sync.Mutex // guards what follows
	wanted  Listening
	address string // empty if not served
	problem string
	stop    func()
}

// NewListener returns a listener that serves nothing yet. Each change of its
// configuration creates a new handler.
func NewListener(handler func(Listening) http.Handler, log *zap.Logger) *Listener {
	return &Listener{handler: handler, log: log, stop: func() {}}
}

// Serve applies a configuration. It returns once the address is served or the first
// attempt has failed.
func (l *Listener) Serve(ctx context.Context, wanted Listening) {
	l.changing.Lock()
	defer l.changing.Unlock()
	l.mu.Lock()
	l.wanted = wanted
	l.mu.Unlock()
	l.try(ctx)
}

// Keep retries until ctx ends, and then closes the server.
func (l *Listener) Keep(ctx context.Context) {
	tick := time.NewTicker(listenAgainEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			l.Close()
			return
		case <-tick.C:
			l.tryAgain(ctx)
		}
	}
}

func (l *Listener) tryAgain(ctx context.Context) {
	l.changing.Lock()
	defer l.changing.Unlock()
	if l.Problem() != "" {
		l.try(ctx)
	}
}

// Close stops the server. Serve may start it again.
func (l *Listener) Close() {
	l.changing.Lock()
	defer l.changing.Unlock()
	l.end()
}

// end stops the server and waits for it. The caller holds changing.
func (l *Listener) end() {
	l.mu.Lock()
	stop := l.stop
	l.stop, l.address, l.problem = func() {}, "", ""
	l.mu.Unlock()
	stop()
}

// try starts serving. The caller holds changing.
func (l *Listener) try(ctx context.Context) {
	before := l.Problem()
	l.end()
	l.mu.Lock()
	wanted := l.wanted
	l.mu.Unlock()
	if wanted.Address == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", wanted.Address)
	if err != nil {
		l.fails(listenFault(wanted.Address, err), before)
		return
	}
	if before != "" {
		l.log.Info("http listener recovered", zap.String("listen", wanted.Address))
	}
	l.start(ln, wanted)
}

// start serves the listener until it is stopped or fails.
func (l *Listener) start(ln net.Listener, wanted Listening) {
	serving, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	l.mu.Lock()
	l.address = ln.Addr().String()
	l.stop = func() { cancel(); <-ended }
	l.mu.Unlock()
	go func() {
		defer close(ended)
		err := Serve(serving, ln, l.handler(wanted), wanted.WebConfig, l.log)
		if err != nil && serving.Err() == nil {
			l.fails(fmt.Errorf("serve %s (daemon.listen): %s", wanted.Address, systemText(err)), "")
		}
	}()
}

// fails records why nothing is served, and logs it if it is new.
func (l *Listener) fails(err error, before string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problem, l.address = err.Error(), ""
	if l.problem != before {
		l.log.Warn("http listener failed", zap.String("listen", l.wanted.Address), zap.String("detail", l.problem))
	}
}

// Problem tells why the address is not served; empty if it is.
func (l *Listener) Problem() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.problem
}

// Address returns the address that is served, or an empty string.
func (l *Listener) Address() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.address
}

// listenFault explains why the address cannot be served, and what to do.
func listenFault(address string, err error) error {
	fix := "set another daemon.listen"
	_, unknown := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		fix = "another program has this port: stop it, or " + fix
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		fix = "this machine does not have the address: set one that it has, or 0.0.0.0 for all"
	case errors.Is(err, syscall.EACCES):
		fix = "ports below 1024 need root: set a higher one"
	case unknown:
		fix = "set an IP address instead of a name"
	}
	return fmt.Errorf("listen on %s (daemon.listen): %s (%s)", address, systemText(err), fix)
}

// systemText is the part of a network error that the surrounding message does not
// contain.
func systemText(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if sys, ok := errors.AsType[*os.SyscallError](err); ok {
		err = sys.Err
	}
	return err.Error()
}
