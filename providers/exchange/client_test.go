package exchange_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/providertest"
)

// transport makes a function a round tripper. It calls no httptrace hooks
// unless the function does.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func clientOf(rt http.RoundTripper, opt exchange.ClientOptions) *exchange.Client {
	return exchange.NewClient(providers.Env{Transport: func(providers.TransportOptions) http.RoundTripper { return rt }}, opt)
}

func get(t testing.TB, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// serve runs f in a synctest bubble with a client of the handler.
func serve(t *testing.T, h http.HandlerFunc, f func(t *testing.T, c *exchange.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := providertest.Serve(t, h)
		f(t, exchange.NewClient(n.Env(), exchange.ClientOptions{MaxBody: 100}))
	})
}

func fault(t testing.TB, a *exchange.Answer, err error) *credential.Fault {
	t.Helper()
	if err == nil {
		t.Fatalf("got an answer with status %d, want a fault", a.Status)
	}
	if a != nil {
		t.Errorf("got an answer together with the fault %v", err)
	}
	f, ok := errors.AsType[*credential.Fault](err)
	if !ok {
		t.Fatalf("got %T, want a fault", err)
	}
	return f
}

func TestDoSendsOneCleanRequest(t *testing.T) {
	var seen []*http.Request
	h := func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r)
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Date", "Mon, 02 Jan 2006 15:04:05 GMT")
		_, _ = io.WriteString(w, "hello")
	}
	serve(t, h, func(t *testing.T, c *exchange.Client) {
		req := get(t, "https://a.example/x?q=1")
		for range 2 {
			a, err := c.Do(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if a.Status != 200 || string(a.Body) != "hello" || a.Truncated || !a.ReceivedAt.Equal(time.Now()) {
				t.Errorf("got answer %+v", a)
			}
			if date, ok := a.Date(); !ok || date.Year() != 2006 {
				t.Errorf("Date = %v, %v", date, ok)
			}
		}
		if len(req.Header) != 0 {
			t.Errorf("the request was modified: headers %v", req.Header)
		}
		for _, r := range seen {
			if r.Header.Get("User-Agent") != "vigente" || r.Header.Get("Cache-Control") != "no-cache" || r.Header.Get("Cookie") != "" {
				t.Errorf("got headers %v", r.Header)
			}
		}
	})
}

func TestDoFollowsNoRedirect(t *testing.T) {
	calls := 0
	h := func(w http.ResponseWriter, r *http.Request) { calls++; http.Redirect(w, r, "/y", http.StatusFound) }
	serve(t, h, func(t *testing.T, c *exchange.Client) {
		a, err := c.Do(t.Context(), get(t, "http://a.example/x"))
		if err != nil || a.Status != 302 || calls != 1 {
			t.Errorf("got %v, %v after %d calls; want status 302 after 1 call", a, err, calls)
		}
	})
}

func TestDoBoundsBodies(t *testing.T) {
	for _, c := range []struct {
		status, size int
		reason       credential.Reason
		body         int
		truncated    bool
	}{
		{200, 100, "", 100, false},
		{200, 101, credential.ReasonBadResponse, 0, false},
		{200, 1 << 20, credential.ReasonBadResponse, 0, false},
		{500, 100, "", 100, false},
		{500, 101, "", 100, true},
		{404, 1 << 20, "", 100, true},
	} {
		h := func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, strings.Repeat("x", c.size))
		}
		serve(t, h, func(t *testing.T, client *exchange.Client) {
			a, err := client.Do(t.Context(), get(t, "http://a.example/x"))
			if c.reason != "" {
				if f := fault(t, a, err); f.Reason != c.reason || !f.Lost {
					t.Errorf("%+v: got %+v", c, f)
				}
				return
			}
			if err != nil || a.Status != c.status || len(a.Body) != c.body || a.Truncated != c.truncated {
				t.Errorf("%+v: got %+v, %v", c, a, err)
			}
		})
	}
}

func TestDoTellsFailuresApart(t *testing.T) {
	abort := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	begin := func(then func(r *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "50")
			_, _ = io.WriteString(w, "begin")
			_ = http.NewResponseController(w).Flush()
			then(r)
		}
	}
	stray := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			_, _ = io.WriteString(conn, text)
			conn.Close()
		}
	}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		cancel  bool
		reason  credential.Reason
		words   string
	}{
		{"cut before the answer", abort, false, credential.ReasonNetwork, "cut before the answer"},
		{"silence", hang, false, credential.ReasonTimeout, "within the timeout"},
		{"silence, daemon stops", hang, true, credential.ReasonCancelled, "stopped by the daemon"},
		{"cut in the body", begin(func(*http.Request) { panic(http.ErrAbortHandler) }), false, credential.ReasonNetwork, "cut before its end"},
		{"silence in the body", begin(func(r *http.Request) { <-r.Context().Done() }), false, credential.ReasonTimeout, "within the timeout"},
		{"silence in the body, daemon stops", begin(func(r *http.Request) { <-r.Context().Done() }), true, credential.ReasonCancelled, "stopped by the daemon"},
		{"not HTTP", stray("220 mail.example CANARY\r\n"), false, credential.ReasonBadResponse, "not valid HTTP"},
		{"1xx without end", stray(strings.Repeat("HTTP/1.1 102 Processing\r\nX: CANARY\r\n\r\n", 17) + "HTTP/1.1 200 OK\r\n\r\n"), false, credential.ReasonBadResponse, "not valid HTTP"},
		{"half a header", stray("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), false, credential.ReasonNetwork, "cut before the answer"},
		{"bad chunks", stray("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nCANARY\r\n"), false, credential.ReasonBadResponse, "encoding is invalid"},
		{"bad gzip", stray("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\n\x1f\x8b gzip here"), false, credential.ReasonBadResponse, "encoding is invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			serve(t, c.handler, func(t *testing.T, client *exchange.Client) {
				ctx, stop := context.WithTimeout(t.Context(), time.Minute)
				defer stop()
				if c.cancel {
					time.AfterFunc(time.Second, stop)
				}
				a, err := client.Do(ctx, get(t, "http://a.example/x?CANARY"))
				f := fault(t, a, err)
				if f.Reason != c.reason || !f.Lost || !strings.Contains(f.Message, c.words) {
					t.Errorf("got %q, Lost %v: %s; want %q, Lost true, %q", f.Reason, f.Lost, f.Message, c.reason, c.words)
				}
				if strings.Contains(f.Message, "CANARY") || f.Err != nil && strings.Contains(f.Err.Error(), "CANARY") {
					t.Errorf("the fault quotes the peer or the query: %v, %v", f.Message, f.Err)
				}
			})
		})
	}
}

// TestDoBeforeTheRequest covers failures before the first byte is sent: none of
// them can have had an effect.
func TestDoBeforeTheRequest(t *testing.T) {
	// net/http continues dialling after the caller has gone, hence the context
	// of the test.
	dial := func(t *testing.T, f func(context.Context) error) http.RoundTripper {
		return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, f(t.Context()) }}
	}
	op := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for _, c := range []struct {
		name   string
		dial   func(context.Context) error
		reason credential.Reason
		words  string
	}{
		{"refused", func(context.Context) error { return op(syscall.ECONNREFUSED) }, credential.ReasonNetwork, "connection refused"},
		{"no route", func(context.Context) error { return op(syscall.EHOSTUNREACH) }, credential.ReasonNetwork, "no route"},
		{"reset", func(context.Context) error { return op(syscall.ECONNRESET) }, credential.ReasonNetwork, "closed immediately"},
		{"strange", func(context.Context) error { return errors.New("CANARY") }, credential.ReasonNetwork, "no connection"},
		{"no such name", func(context.Context) error { return &net.DNSError{IsNotFound: true} }, credential.ReasonNetwork, "unknown host"},
		{"no name service", func(context.Context) error { return &net.DNSError{IsTemporary: true} }, credential.ReasonNetwork, "could not be resolved"},
		{"kernel gave up", func(context.Context) error { return op(syscall.ETIMEDOUT) }, credential.ReasonTimeout, "no connection in time"},
		{"black hole", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, credential.ReasonTimeout, "no connection within the timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithTimeout(t.Context(), time.Minute)
				defer stop()
				a, err := clientOf(dial(t, c.dial), exchange.ClientOptions{}).Do(ctx, get(t, "http://a.example/x"))
				f := fault(t, a, err)
				if f.Reason != c.reason || f.Lost || !strings.Contains(f.Message, c.words) || strings.Contains(f.Message, "CANARY") {
					t.Errorf("got %q, Lost %v: %s; want %q, Lost false, %q", f.Reason, f.Lost, f.Message, c.reason, c.words)
				}
			})
		})
	}
}

func TestDoWithACancelledContextCallsNobody(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	c := clientOf(transport(func(*http.Request) (*http.Response, error) {
		t.Error("the transport was called")
		return nil, io.EOF
	}), exchange.ClientOptions{})
	a, err := c.Do(ctx, get(t, "http://a.example/"))
	if f := fault(t, a, err); f.Reason != credential.ReasonCancelled || f.Lost {
		t.Errorf("got %+v", f)
	}
}

// TestDoKeepsAWholeAnswer: the daemon stops just when the only valid token has
// arrived.
func TestDoKeepsAWholeAnswer(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	c := clientOf(transport(func(*http.Request) (*http.Response, error) {
		stop()
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("token"))}, nil
	}), exchange.ClientOptions{})
	a, err := c.Do(ctx, get(t, "http://a.example/"))
	if err != nil || string(a.Body) != "token" {
		t.Errorf("got %v, %v", a, err)
	}
}

// TestDoWaitsForTheAnswerAfterSome1xx allows a limited number of interim
// answers.
func TestDoWaitsForTheAnswerAfterSome1xx(t *testing.T) {
	h := func(w http.ResponseWriter, _ *http.Request) {
		for range 16 {
			w.WriteHeader(http.StatusProcessing)
		}
		w.WriteHeader(http.StatusOK)
	}
	serve(t, h, func(t *testing.T, client *exchange.Client) {
		if a, err := client.Do(t.Context(), get(t, "http://a.example/x")); err != nil || a.Status != http.StatusOK {
			t.Errorf("got %v, %v; want status 200", a, err)
		}
	})
}

// TestDoWithoutATrace: if a transport reports nothing about its connections, a
// request counts as not sent only if the error can only occur before sending.
func TestDoWithoutATrace(t *testing.T) {
	for _, c := range []struct {
		err  error
		lost bool
	}{
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, false},
		{&net.DNSError{}, false},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, true},
		{io.EOF, true},
		{errors.New("something"), true},
	} {
		client := clientOf(transport(func(*http.Request) (*http.Response, error) { return nil, c.err }), exchange.ClientOptions{})
		a, err := client.Do(t.Context(), get(t, "http://a.example/"))
		if f := fault(t, a, err); f.Lost != c.lost || f.Reason != credential.ReasonNetwork {
			t.Errorf("%v: got %+v", c.err, f)
		}
	}
}

// TestDoTracedButSilent: a transport that began to connect and failed with an
// error of its own has sent nothing.
func TestDoTracedButSilent(t *testing.T) {
	for _, connected := range []bool{false, true} {
		client := clientOf(transport(func(r *http.Request) (*http.Response, error) {
			trace := httptrace.ContextClientTrace(r.Context())
			trace.GetConn("a.example:80")
			if connected {
				trace.GotConn(httptrace.GotConnInfo{})
			}
			return nil, errors.New("something")
		}), exchange.ClientOptions{})
		a, err := client.Do(t.Context(), get(t, "http://a.example/"))
		if f := fault(t, a, err); f.Lost != connected {
			t.Errorf("connected %v: got %+v, want Lost to match", connected, f)
		}
	}
}

func TestNewClientPassesTheOptionsOn(t *testing.T) {
	var got providers.TransportOptions
	env := providers.Env{Transport: func(o providers.TransportOptions) http.RoundTripper { got = o; return nil }}
	exchange.NewClient(env, exchange.ClientOptions{OneShot: true})
	if !got.OneShot || got.TLS != nil {
		t.Errorf("%+v", got)
	}
}

// brokenBody returns an answer whose body ends in an error.
func brokenBody(err error) transport {
	return func(*http.Request) (*http.Response, error) {
		body := io.MultiReader(strings.NewReader("begin"), iotest.ErrReader(err))
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(body)}, nil
	}
}

// failing returns a transport that fails without calling any hook.
func failing(err error) transport {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// TestDoInWords checks the messages of failures that a test cannot provoke.
func TestDoInWords(t *testing.T) {
	remote := func(alert string) error { return &net.OpError{Op: "remote error", Err: errors.New("tls: " + alert)} }
	verify := func(err error) error { return &tls.CertificateVerificationError{Err: err} }
	for _, c := range []struct {
		transport transport
		reason    credential.Reason
		lost      bool
		words     string
	}{
		{failing(&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}), credential.ReasonTimeout, true, "no answer in time"},
		{brokenBody(&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}), credential.ReasonTimeout, true, "not complete in time"},
		{brokenBody(&net.OpError{Op: "read", Err: syscall.ECONNRESET}), credential.ReasonNetwork, true, "cut before its end"},
		{brokenBody(errors.New("CANARY")), credential.ReasonBadResponse, true, "encoding is invalid"},
		{failing(remote("unrecognized name")), credential.ReasonTLS, true, "tls.server_name"},
		{failing(remote("unknown certificate authority")), credential.ReasonTLS, false, "refused our certificate"},
		{failing(remote("handshake failure")), credential.ReasonTLS, true, "refused the handshake"},
		{failing(remote("CANARY")), credential.ReasonTLS, true, "refused the TLS connection"},
		{failing(&net.OpError{Op: "local error", Err: errors.New("CANARY")}), credential.ReasonTLS, true, "violates the protocol"},
		{failing(errors.New("tls: CANARY")), credential.ReasonTLS, true, "violates the protocol"},
		{failing(verify(x509.SystemRootsError{})), credential.ReasonTLS, false, "could not be verified"},
		{failing(verify(x509.UnknownAuthorityError{})), credential.ReasonTLS, false, "authority unknown to this machine"},
	} {
		a, err := clientOf(c.transport, exchange.ClientOptions{}).Do(t.Context(), get(t, "https://a.example/"))
		f := fault(t, a, err)
		if f.Reason != c.reason || f.Lost != c.lost || !strings.Contains(f.Message, c.words) || strings.Contains(f.Message, "CANARY") {
			t.Errorf("got %q, Lost %v: %s; want %q, Lost %v, %q", f.Reason, f.Lost, f.Message, c.reason, c.lost, c.words)
		}
	}
}

// TestDoKeepsTheAnswerOfAnotherStatus: the status is enough even if the body is
// incomplete.
func TestDoKeepsTheAnswerOfAnotherStatus(t *testing.T) {
	c := clientOf(transport(func(*http.Request) (*http.Response, error) {
		resp, _ := brokenBody(io.ErrUnexpectedEOF)(nil)
		resp.StatusCode = 429
		resp.Header.Set("Retry-After", "5")
		return resp, nil
	}), exchange.ClientOptions{})
	a, err := c.Do(t.Context(), get(t, "http://a.example/"))
	if err != nil || !a.Truncated || string(a.Body) != "begin" {
		t.Errorf("got %+v, %v", a, err)
	}
}
