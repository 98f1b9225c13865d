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

	"github.com/vigented/vigente/internal/needs"
)

// serverWords occurs in everything a failing backend sends; it must not appear
// anywhere.
const serverWords = "canary-the-server-wrote-this"

// bearer is a token endpoint written from RFC 6749, 4.4, not from our client.
// The first answer for every scope is good; while it is broken, all later
// answers fail in one way. It records its calls.
type bearer struct {
	life int // lifetime of the first tokens in seconds
	bad  http.HandlerFunc
	cert func(*pki) *tls.Certificate // the certificate to present while broken, nil for no change
	down bool                        // while broken, the port is closed
	pki  *pki                        // nil for plain http
	pin  bool                        // the daemon trusts the key alone
	slow bool                        // while broken, it answers too late

	server *httptest.Server
	addr   string

	mu     sync.Mutex
	broken bool
	calls  []bearerCall
}

// bearerCall is one call the backend received. Scope is empty if it failed in
// the handshake.
type bearerCall struct {
	at    time.Time
	scope string
	good  bool
}

func (b *bearer) start(t testing.TB) {
	t.Helper()
	b.broken = true
	address := "127.0.0.1:0"
	if b.down {
		address = needs.Port() // nobody may take it meanwhile
	}
	b.listen(t, address)
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
	b.server.Config.SetKeepAlivesEnabled(false) // every call needs a handshake
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

// failing reports whether every scope has had its good answer and the backend
// is broken now.
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

// repair makes the backend work again.
func (b *bearer) repair(t testing.TB) {
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
		http.Error(w, "not a token request", http.StatusBadRequest)
		return
	}
	scope := r.PostForm.Get("scope")
	b.mu.Lock()
	bad, life, n := b.broken && b.served(scope), b.life, 0
	if b.served(scope) {
		n = len(b.calls)
		if !b.broken { // else the handshakes fail once the other scope was served, too
			life = 3600
		}
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
		go b.server.Close() // returns after this answer
	}
}

// says returns a handler with a constant answer; headers come in pairs.
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

// onWire passes the raw connection on after the request was read.
func onWire(f func(net.Conn, <-chan struct{})) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		gone := make(chan struct{})
		go func() { // reading detects that the caller hung up
			defer close(gone)
			_, _ = io.Copy(io.Discard, buffered)
		}()
		f(conn, gone)
	}
}

// writes sends text unchanged.
func writes(text string) http.HandlerFunc {
	return onWire(func(conn net.Conn, _ <-chan struct{}) { _, _ = io.WriteString(conn, text) })
}

// endless sends begin, then repeats again with pauses until the caller hangs
// up.
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

// repeatsNothing reports whether a text quotes nothing from a backend.
func repeatsNothing(text string) bool { return !strings.Contains(text, serverWords) }
