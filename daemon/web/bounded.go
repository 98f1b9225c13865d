package web

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Limits of the resources that clients may hold.
const (
	// takenWithin is how long a peer may take to read a part of an answer.
	takenWithin = 30 * time.Second
	writePart   = 64 << 10
	// Of the descriptors that the process may have, one listener uses at most
	// one in so many; the others are for sinks, the state and backends.
	shareOfDescriptors = 8
	mostConnections    = 256
	leastConnections   = 4
	unknownDescriptors = 1024
)

// ConnectionLimit returns the number of connections that one listener may hold.
func ConnectionLimit() int {
	var limit syscall.Rlimit
	descriptors := uint64(unknownDescriptors)
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		descriptors = limit.Cur
	}
	return int(min(mostConnections, max(leastConnections, descriptors/shareOfDescriptors)))
}

// Bounds limit the connections of a listener. Class sorts connections into classes
// with separate limits; nil means a single class. Holder says who has a connection;
// nil means that this is not known.
type Bounds struct {
	Class  func(net.Conn) string
	Holder func(net.Conn) string
	Limit  func(class string) int
}

// bounded is a listener with a limited number of connections, and of answers a
// second. A connection that comes at the limit closes an older one of its class, of
// whoever has most of them: the one that has been longest without a request, else the
// one whose answer takes longest. So a client that asks and goes is served, however
// many connections others hold.
type bounded struct {
	net.Listener
	bounds Bounds

	mu   sync.Mutex
	step uint64 // counts events, to order connections by age
	open map[*conn]bool
	pace map[string]*pace // by class, in bytes
}

func newBounded(ln net.Listener, b Bounds) *bounded {
	return &bounded{Listener: ln, bounds: b, open: map[*conn]bool{}, pace: map[string]*pace{}}
}

// conn is one connection. Its fields are guarded by its listener.
type conn struct {
	net.Conn
	of      *bounded
	class   string
	holder  string
	since   uint64 // the step of its last change
	serving int    // requests in progress
	pace    *pace
	cancel  context.CancelFunc // of its requests; nil before it is served
	ended   bool
}

// Accept implements net.Listener.
func (b *bounded) Accept() (net.Conn, error) {
	raw, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, of: b}
	if b.bounds.Class != nil {
		c.class = b.bounds.Class(raw)
	}
	if b.bounds.Holder != nil {
		c.holder = b.bounds.Holder(raw)
	}
	b.mu.Lock()
	c.pace = b.paceLocked(c.class)
	victim := b.victimLocked(c.class)
	delete(b.open, victim)
	b.open[c] = true
	b.touchLocked(c)
	b.mu.Unlock()
	if victim != nil {
		_ = victim.end()
	}
	return c, nil
}

// paceLocked returns the rate limiter of a class.
func (b *bounded) paceLocked(class string) *pace {
	if b.pace[class] == nil {
		b.pace[class] = newPace()
	}
	return b.pace[class]
}

// shareOfNewest is how many connections, one in so many, are too new to be closed:
// their request may just be on its way.
const shareOfNewest = 4

// victimLocked returns the connection to close, nil below the limit: one of the
// holder that has the most.
func (b *bounded) victimLocked(class string) *conn {
	held, count, most := map[string][]*conn{}, 0, ""
	for c := range b.open {
		if c.class == class {
			count++
			held[c.holder] = append(held[c.holder], c)
			if len(held[c.holder]) > len(held[most]) {
				most = c.holder
			}
		}
	}
	if count < b.bounds.Limit(class) {
		return nil
	}
	all := held[most]
	slices.SortFunc(all, func(a, b *conn) int { return cmp.Compare(a.since, b.since) })
	old := all[:len(all)-len(all)/shareOfNewest]
	if i := slices.IndexFunc(old, func(c *conn) bool { return c.serving == 0 }); i >= 0 {
		return old[i]
	}
	return old[0]
}

func (b *bounded) touchLocked(c *conn) {
	b.step++
	c.since = b.step
}

// NetConn returns the underlying connection, as tls.Conn does.
func (c *conn) NetConn() net.Conn { return c.Conn }

// Close implements net.Conn.
func (c *conn) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.end()
}

// end closes the connection and cancels its requests.
func (c *conn) end() error {
	c.of.mu.Lock()
	c.ended = true
	cancel := c.cancel
	c.of.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	return c.Conn.Close()
}

// Write implements net.Conn. A peer that reads nothing for some time loses the
// connection.
func (c *conn) Write(text []byte) (written int, err error) {
	for len(text) > 0 && err == nil {
		if err = c.SetWriteDeadline(time.Now().Add(takenWithin)); err != nil {
			break
		}
		var n int
		n, err = c.Conn.Write(text[:min(writePart, len(text))])
		written, text = written+n, text[n:]
	}
	c.pace.wrote(written)
	return written, err
}

type connKey struct{}

// withConn adds the connection to the context of its requests, which ends with it:
// net/http does not see a connection end while the body of its request is not read.
func withConn(ctx context.Context, raw net.Conn) context.Context {
	if secured, ok := raw.(*tls.Conn); ok {
		raw = secured.NetConn()
	}
	c, ok := raw.(*conn)
	if !ok {
		return ctx
	}
	ctx, cancel := context.WithCancel(context.WithValue(ctx, connKey{}, c))
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if c.ended {
		cancel()
	}
	c.cancel = cancel
	return ctx
}

// attended tells the listener which connections are being served, and lets those
// who ask without a pause wait for their answers: they would take the processor
// from renewals.
func attended(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := r.Context().Value(connKey{}).(*conn)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		serve := func(change int) {
			c.of.mu.Lock()
			defer c.of.mu.Unlock()
			c.serving += change
			c.of.touchLocked(c)
		}
		begun := false
		begin := func() {
			if !begun {
				begun = true
				serve(1)
			}
		}
		defer func() {
			if begun {
				serve(-1)
			}
		}()
		if r.ContentLength == 0 {
			begin()
		} else {
			r.Body = &arriving{r.Body, begin}
		}
		if c.pace.wait(r.Context()) != nil {
			return // the client has disconnected
		}
		next.ServeHTTP(w, r)
	})
}

// arriving is the body of a request. A request is only being answered once its body
// has arrived: one that never ends must not count as work.
type arriving struct {
	io.ReadCloser
	arrived func()
}

// Read implements io.Reader.
func (a *arriving) Read(text []byte) (int, error) {
	n, err := a.ReadCloser.Read(text)
	if errors.Is(err, io.EOF) {
		a.arrived()
	}
	return n, err
}
