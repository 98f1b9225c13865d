package providertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vigented/vigente/providers"
)

// Network is a backend behind net/http's real client and server, connected by
// in-memory pipes. It works inside a synctest bubble, and connections break as
// they do on a real network. For an https URL the pipe stands for a connection
// after the handshake.
type Network struct {
	transport *http.Transport
	incoming  chan net.Conn
	closed    chan struct{}
	closing   sync.Once

	mu      sync.Mutex
	refuse  bool
	calls   int
	queries []string
	asked   []providers.TransportOptions
}

// Serve starts a backend that is stopped when the test ends.
func Serve(t testing.TB, h http.Handler) *Network {
	n := &Network{incoming: make(chan net.Conn), closed: make(chan struct{})}
	n.transport = &http.Transport{
		DialContext:    n.dial,
		DialTLSContext: n.dial,
		// Without this net/http completes the settings during the first call.
		Protocols: new(http.Protocols),
	}
	n.transport.Protocols.SetHTTP1(true)
	server := &httptest.Server{Listener: n, Config: &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n.count(r); h.ServeHTTP(w, read(r)) }),
		ErrorLog:          log.New(io.Discard, "", 0), // panics with http.ErrAbortHandler are intended
		ReadHeaderTimeout: time.Minute,
	}}
	server.Start()
	t.Cleanup(func() {
		n.transport.CloseIdleConnections()
		server.Close()
	})
	return n
}

// read reads the whole body: before that, net/http does not notice a caller
// that disconnects.
func read(r *http.Request) *http.Request {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r
}

// Env returns an environment that uses this network, for tests of a kind.
func (n *Network) Env() providers.Env {
	return providers.Env{Transport: n.Transport, Location: time.UTC, Warn: func(string) {}}
}

// Transport returns a transport as a kind gets it, with or without connection
// reuse.
func (n *Network) Transport(opt providers.TransportOptions) http.RoundTripper {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, opt)
	n.transport.DisableKeepAlives = opt.OneShot
	return n.transport
}

// Refuse makes every connection from here on fail as if the port were closed.
func (n *Network) Refuse() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refuse = true
}

// Calls returns the number of requests that reached the backend.
func (n *Network) Calls() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.calls
}

// Queries returns the raw query strings of those requests.
func (n *Network) Queries() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.queries)
}

// Asked returns the options of the transports that were requested.
func (n *Network) Asked() []providers.TransportOptions {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.asked)
}

// Settings formats the exported fields of the transport, except the one that
// Transport sets.
func (n *Network) Settings() string {
	var b strings.Builder
	v := reflect.ValueOf(n.transport).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		switch {
		case !f.IsExported() || f.Name == "DisableKeepAlives":
		case f.Type.Kind() == reflect.Func:
			fmt.Fprintf(&b, "%s=%x ", f.Name, v.Field(i).Pointer())
		default:
			fmt.Fprintf(&b, "%s=%v ", f.Name, v.Field(i).Interface())
		}
	}
	return b.String()
}

func (n *Network) count(r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls++
	n.queries = append(n.queries, r.URL.RawQuery)
}

func (n *Network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	refuse := n.refuse
	n.mu.Unlock()
	if refuse {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	client, server := net.Pipe()
	select {
	case n.incoming <- server:
		return client, nil
	case <-n.closed:
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept, Close and Addr make the network the listener of its own server.
func (n *Network) Accept() (net.Conn, error) {
	select {
	case c := <-n.incoming:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept. The server calls it more than once.
func (n *Network) Close() error {
	n.closing.Do(func() { close(n.closed) })
	return nil
}

// Addr names the listener in logs.
func (n *Network) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "pipe"} }
