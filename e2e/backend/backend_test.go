package backend

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// serverWords is in whatever a failing backend says; none of it may be repeated.
const serverWords = "canary-the-server-wrote-this"

// bearer is a token endpoint made from RFC 6749, 4.4, and not from our client:
// the first answer to every scope is good, and while it is broken all others go
// wrong in one way. It remembers when it was called.
type bearer struct {
	life int // seconds of the first tokens
	bad  http.HandlerFunc
	cert func(*pki) *tls.Certificate // what a broken TLS shows, nil for none
	down bool                        // broken means that nobody listens
	pki  *pki                        // nil for plain http
	pin  bool                        // the daemon trusts the key alone

	server *httptest.Server
	addr   string

	mu     sync.Mutex
	broken bool
	calls  []bearerCall
}

// bearerCall is one call as the backend saw it. Scope is empty for one that did
// not get beyond the handshake.
type bearerCall struct {
	at    time.Time
	scope string
	good  bool
}

func (b *bearer) start(t testing.TB) {
	t.Helper()
	b.broken = true
	b.listen(t, "127.0.0.1:0")
	t.Cleanup(func() {
		b.server.CloseClientConnections()
		b.server.Close()
	})
}

func (b *bearer) listen(t testing.TB, addr string) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	b.addr = l.Addr().String()
	b.server = &httptest.Server{Listener: l, Config: &http.Server{Handler: b, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}}
	b.server.Config.SetKeepAlivesEnabled(false) // every call is a handshake
	if b.pki == nil {
		b.server.Start()
		return
	}
	b.server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		shown := b.pki.good
		if b.failing() {
			b.note("", false)
			if shown = b.cert(b.pki); shown == nil {
				return nil, errors.New("no handshake today")
			}
		}
		return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*shown}}, nil
	}}
	b.server.StartTLS()
}

func (b *bearer) url() string {
	if b.pki != nil {
		return "https://" + b.addr
	}
	return "http://" + b.addr
}

// failing reports whether every scope had its good answer and all is broken
// now.
func (b *bearer) failing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broken && b.served("a") && b.served("b")
}

func (b *bearer) served(scope string) bool {
	return slices.ContainsFunc(b.calls, func(c bearerCall) bool { return c.good && c.scope == scope })
}

func (b *bearer) note(scope string, good bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, bearerCall{time.Now(), scope, good})
}

// mend puts the backend in order.
func (b *bearer) mend(t testing.TB) {
	t.Helper()
	b.mu.Lock()
	b.broken = false
	b.mu.Unlock()
	if b.down {
		b.listen(t, b.addr)
	}
}

func (b *bearer) of(scope string, good bool) (at []time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.calls {
		if (c.scope == scope || c.scope == "") && c.good == good {
			at = append(at, c.at)
		}
	}
	return at
}

// ServeHTTP implements http.Handler.
func (b *bearer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	if r.Method != http.MethodPost || r.ParseForm() != nil || r.PostForm.Get("grant_type") != "client_credentials" {
		http.Error(w, "no token request", http.StatusBadRequest)
		return
	}
	scope := r.PostForm.Get("scope")
	b.mu.Lock()
	bad, life, n := b.broken && b.served(scope), b.life, 0
	if b.served(scope) {
		life, n = 3600, len(b.calls)
	}
	b.calls = append(b.calls, bearerCall{at, scope, !bad})
	b.mu.Unlock()
	if bad && b.bad != nil {
		w.Header().Set("X-Trace", serverWords)
		b.bad(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":%d,"access_token":"%s-%d"}`, life, scope, n)
	if b.down && b.failing() {
		_ = http.NewResponseController(w).Flush()
		go b.server.Close() // ends with this answer
	}
}

// says is an answer that is always the same; headers come in pairs.
func says(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// onWire hands the connection over after the request was read.
func onWire(f func(net.Conn, <-chan struct{})) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		gone := make(chan struct{})
		go func() { // a caller that hangs up is noticed by reading
			defer close(gone)
			_, _ = io.Copy(io.Discard, buffered)
		}()
		f(conn, gone)
	}
}

// writes puts text on the wire as it is.
func writes(text string) http.HandlerFunc {
	return onWire(func(conn net.Conn, _ <-chan struct{}) { _, _ = io.WriteString(conn, text) })
}

// endless begins with a text and repeats another one until the caller hangs up,
// with a pause in between.
func endless(begin, again string, pause time.Duration) http.HandlerFunc {
	return onWire(func(conn net.Conn, gone <-chan struct{}) {
		_, err := io.WriteString(conn, begin)
		for err == nil {
			if pause > 0 {
				select {
				case <-gone:
					return
				case <-time.After(pause):
				}
			}
			_, err = io.WriteString(conn, again)
		}
	})
}

// repeatsNothing reports whether a text repeats nothing of what a backend said.
func repeatsNothing(text string) bool { return !strings.Contains(text, serverWords) }
