package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// serveBounded serves a handler with at most so many connections.
func serveBounded(t *testing.T, most int, h http.HandlerFunc) string {
	t.Helper()
	ln := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	bounds := Bounds{Limit: func(string) int { return most }}
	go func() { ended <- Run(ctx, ln, &http.Server{Handler: h}, bounds) }() //nolint:gosec // Run bounds the times
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

func dial(t *testing.T, address, send string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, send); err != nil {
		t.Fatal(err)
	}
	return c
}

const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

func answered(c net.Conn) error {
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	return r.Body.Close()
}

// TestHeldConnectionsMakeRoom holds many more connections than are allowed:
// who asks is served all the same, and an answer that is being made is kept for
// longer than a request that does not come.
func TestHeldConnectionsMakeRoom(t *testing.T) {
	const most = 8
	busy, release := make(chan struct{}), make(chan struct{})
	address := serveBounded(t, most, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			close(busy)
			<-release
		}
		_, _ = io.WriteString(w, "ok")
	})
	long := dial(t, address, strings.Replace(request, "/", "/long", 1))
	<-busy
	for i := range 5 * most {
		dial(t, address, "GET / HTTP/1.1\r\nX-Held: ")
		if i%most != 0 {
			continue
		}
		if err := answered(dial(t, address, request)); err != nil {
			t.Fatalf("with %d connections held: %v", i+1, err)
		}
	}
	close(release)
	if err := answered(long); err != nil {
		t.Errorf("the long answer was given up for connections without a request: %v", err)
	}
}

// TestBodiesThatNeverEndMakeRoom: every connection sends a body that does not end,
// and more of them come all the time. Whoever asks is answered all the same.
func TestBodiesThatNeverEndMakeRoom(t *testing.T) {
	const most = 8
	address := serveBounded(t, most, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	endless := strings.Replace(request, "GET", "POST", 1)
	endless = strings.Replace(endless, "\r\n\r\n", "\r\nContent-Length: 1000\r\n\r\n{", 1)
	for i := range 5 * most {
		dial(t, address, endless)
		if i < most {
			continue
		}
		c := dial(t, address, "")
		dial(t, address, endless) // before the request of the other comes
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		if err := answered(c); err != nil {
			t.Fatalf("beside %d bodies that do not end: %v", i+1, err)
		}
	}
}

// TestClosedConnectionsWaitForNothing: a connection that is closed to make room, with a
// body that never came, does not go on waiting for its answer.
func TestClosedConnectionsWaitForNothing(t *testing.T) {
	b := newBounded(listen(t), Bounds{Limit: func(string) int { return 1 }})
	dial(t, b.Addr().String(), "")
	first, err := b.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ctx := withConn(t.Context(), first)
	if ctx.Err() != nil {
		t.Error("ended at once")
	}
	dial(t, b.Addr().String(), "")
	second, err := b.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if ctx.Err() == nil || withConn(t.Context(), first).Err() == nil {
		t.Error("its requests go on")
	}
}

// TestWhoHoldsMostMakesRoom: the connections of others stay, however old they are.
func TestWhoHoldsMostMakesRoom(t *testing.T) {
	b := newBounded(nil, Bounds{Limit: func(string) int { return 4 }})
	for i, holder := range []string{"quiet", "greedy", "greedy", "greedy"} {
		b.open[&conn{of: b, holder: holder, since: uint64(i)}] = true
	}
	if victim := b.victimLocked(""); victim == nil || victim.holder != "greedy" || victim.since != 1 {
		t.Errorf("closed is %+v", victim)
	}
}

// TestUnreadAnswersMakeRoom lets peers ask for much and read nothing.
func TestUnreadAnswersMakeRoom(t *testing.T) {
	const most = 4
	big := strings.Repeat("x", 32<<20)
	address := serveBounded(t, most, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/big" {
			_, _ = io.WriteString(w, big)
		}
	})
	for range 3 * most {
		dial(t, address, strings.Repeat(strings.Replace(request, "/", "/big", 1), 4))
		if err := answered(dial(t, address, request)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPeerThatTakesNothingIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		b := newBounded(nil, Bounds{})
		c := &conn{Conn: ours, of: b, pace: b.paceLocked("")}
		ended := make(chan error, 1)
		begun := time.Now()
		go func() {
			_, err := c.Write(make([]byte, 3*writePart))
			ended <- err
		}()
		time.Sleep(takenWithin - time.Second) // a slow reader is no stalled one
		if _, err := io.ReadFull(theirs, make([]byte, writePart)); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the write ended with %v", err)
		}
		if took := time.Since(begun); took != 2*takenWithin-time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestClassesAreLimitedApart(t *testing.T) {
	b := newBounded(nil, Bounds{Limit: func(class string) int { return map[string]int{"a": 1, "b": 2}[class] }})
	for i, class := range []string{"b", "a", "b"} {
		if v := b.victimLocked(class); v != nil {
			t.Errorf("connection %d of class %s: one has to go", i, class)
		}
		c := &conn{of: b, class: class}
		b.open[c] = true
		b.touchLocked(c)
	}
	if v := b.victimLocked("b"); v == nil || v.class != "b" || fmt.Sprint(v.since) != "1" {
		t.Errorf("%+v has to go, want the oldest of class b", v)
	}
}
