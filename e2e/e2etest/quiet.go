package e2etest

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// ServeUntilQuiet serves a backend until the test ends, for tests that kill its
// client. Quiet reports whether every request that was sent until its first call
// has ended.
func ServeUntilQuiet(t testing.TB, h http.Handler) (url string, quiet func() bool) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	c := &connections{open: map[net.Conn]bool{}, address: server.Listener.Addr().String()}
	server.Config.ConnState = c.note
	server.Start()
	t.Cleanup(server.Close)
	return server.URL, c.quiet
}

// connections are those of a server. A killed client may leave a connection that
// the server has yet to accept. It accepts in order, so one of our own that was
// accepted and closed tells that it has them all.
type connections struct {
	address string

	mu    sync.Mutex
	open  map[net.Conn]bool
	probe string // the address of our own; empty without one
	ended bool   // it was accepted and closed
}

func (c *connections) note(conn net.Conn, s http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[conn] = true
	if s == http.StateClosed {
		delete(c.open, conn)
		c.ended = c.ended || conn.RemoteAddr().String() == c.probe
	}
}

func (c *connections) quiet() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.probe == "" {
		conn, err := net.Dial("tcp", c.address)
		if err != nil {
			return false
		}
		c.probe, c.ended = conn.LocalAddr().String(), false
		return conn.Close() != nil
	}
	if !c.ended || len(c.open) > 0 {
		return false
	}
	c.probe = ""
	return true
}
