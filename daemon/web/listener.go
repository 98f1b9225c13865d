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
	listenTimeout    = 5 * time.Second // of a look-up of the address's name
)

// Listening says where the listener should be and how it is guarded.
type Listening struct {
	Address   string // empty for nowhere
	WebConfig string
	// Hosts are names besides its own under which it may be asked.
	Hosts []string
}

// Equal reports whether nothing differs.
func (l Listening) Equal(o Listening) bool {
	return l.Address == o.Address && l.WebConfig == o.WebConfig && slices.Equal(l.Hosts, o.Hosts)
}

// Listener keeps an address served. It is a convenience of the daemon: an
// address that cannot be had is tried again every few seconds and said in the
// log and in Problem, and nothing else waits for it.
//
// Its methods are safe for concurrent use.
type Listener struct {
	handler func(Listening) http.Handler
	log     *zap.Logger

	changing sync.Mutex // held while the server is exchanged

	mu      sync.Mutex // guards what follows
	wanted  Listening
	address string // where it is served; empty when it is not
	problem string
	stop    func()
}

// NewListener returns a listener that serves nothing yet. The handler is made
// anew for each change of what is wanted.
func NewListener(handler func(Listening) http.Handler, log *zap.Logger) *Listener {
	return &Listener{handler: handler, log: log, stop: func() {}}
}

// Serve makes the listener what is wanted from now on, in place of what it was.
// It returns once the address is served or has been tried.
func (l *Listener) Serve(ctx context.Context, wanted Listening) {
	l.changing.Lock()
	defer l.changing.Unlock()
	l.mu.Lock()
	l.wanted = wanted
	l.mu.Unlock()
	l.try(ctx)
}

// Keep tries again what could not be served, until ctx ends, then ends all.
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

// Close ends the server. It may be served anew.
func (l *Listener) Close() {
	l.changing.Lock()
	defer l.changing.Unlock()
	l.end()
}

// end stops the present server and waits for it. Changing is held.
func (l *Listener) end() {
	l.mu.Lock()
	stop := l.stop
	l.stop, l.address, l.problem = func() {}, "", ""
	l.mu.Unlock()
	stop()
}

// try serves what is wanted. Changing is held.
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

// start serves the listener until it is stopped, or ends by itself.
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

// fails notes why nothing is served, and says it when it is news.
func (l *Listener) fails(err error, before string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problem, l.address = err.Error(), ""
	if l.problem != before {
		l.log.Warn("http listener failed", zap.String("listen", l.wanted.Address), zap.String("detail", l.problem))
	}
}

// Problem says why nothing is served; empty when all is as wanted.
func (l *Listener) Problem() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.problem
}

// Address returns where it is served, empty when it is not.
func (l *Listener) Address() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.address
}

// listenFault says why nothing can be served at the address, and what to do.
func listenFault(address string, err error) error {
	fix := "choose another daemon.listen"
	_, unknown := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		fix = "another program has this port: stop it, or " + fix
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		fix = "this machine does not have the address: write one that it has, 0.0.0.0 for all"
	case errors.Is(err, syscall.EACCES):
		fix = "ports below 1024 are for root: choose a higher one"
	case unknown:
		fix = "write the address itself"
	}
	return fmt.Errorf("listen on %s (daemon.listen): %s (%s)", address, systemText(err), fix)
}

// systemText is the part of a network error that the message around it does not
// say yet.
func systemText(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if sys, ok := errors.AsType[*os.SyscallError](err); ok {
		err = sys.Err
	}
	return err.Error()
}
