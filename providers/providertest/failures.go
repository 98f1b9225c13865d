package providertest

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers"
)

// failure is one way in which any backend may fail.
type failure struct {
	name    string
	backend http.HandlerFunc
	refuse  bool                // the port is closed
	cancel  bool                // the daemon stops during the call
	long    bool                // a good answer apart from its length
	want    []credential.Reason // any of them
	lost    *bool               // the required Lost; nil if the kind decides
	wait    time.Duration       // how long the backend asks to wait
	alone   bool                // only for this credential
}

var (
	yes = true
	no  = false
)

// failures lists them.
func failures(whole []byte) []failure {
	const (
		network     = credential.ReasonNetwork
		badResponse = credential.ReasonBadResponse
		server      = credential.ReasonServer
		timeout     = credential.ReasonTimeout
		cancelled   = credential.ReasonCancelled
		// An error in the form of every kind: none of them may override what the
		// status and the headers say.
		refusals = `{"error":"invalid_client","TOKEN":"","Mensagem":"` + Canary + `","codigo":"900901"}`
	)
	useless := []credential.Reason{badResponse, credential.ReasonInvalidRequest}
	page := "<!DOCTYPE html><html><title>" + Canary + "</title><body>Please log in</body></html>"
	return []failure{
		{name: "page with status 200", backend: answer(200, "text/html; charset=utf-8", page), want: []credential.Reason{badResponse}},
		{name: "page with status 502", backend: answer(502, "text/html", page), want: []credential.Reason{badResponse, server}},
		{name: "page labelled as JSON", backend: answer(200, "application/json", page), want: []credential.Reason{badResponse}},
		{name: "empty body", backend: answer(200, "application/json", ""), want: []credential.Reason{badResponse}},
		{name: "blank body", backend: answer(200, "application/json", " \r\n"), want: []credential.Reason{badResponse}},
		{name: "no content", backend: answer(204, "", ""), want: []credential.Reason{badResponse}},
		{name: "null", backend: answer(200, "application/json", "null"), want: []credential.Reason{badResponse}},
		{name: "array", backend: answer(200, "application/json", `["`+Canary+`"]`), want: []credential.Reason{badResponse}},
		{name: "another object", backend: answer(200, "application/json", `{"`+Canary+`":"`+Canary+`"}`), want: []credential.Reason{badResponse}},
		{name: "deep nesting", backend: answer(200, "application/json", strings.Repeat("[", 20000)), want: []credential.Reason{badResponse}},
		{name: "huge body", backend: answer(200, "application/json", string(whole)+strings.Repeat(" ", 1<<20)), long: true, want: []credential.Reason{badResponse}},
		{name: "huge page with status 500", backend: answer(500, "text/html", page+strings.Repeat(Canary, 1<<18)), want: []credential.Reason{badResponse, server}},
		{name: "body cut off", backend: cutBody(whole), want: []credential.Reason{network}, lost: &yes},
		{name: "dripping body", backend: drip(whole), want: []credential.Reason{timeout}, lost: &yes},
		{name: "silence", backend: hang, want: []credential.Reason{timeout}, lost: &yes},
		{name: "daemon stops", backend: hang, cancel: true, want: []credential.Reason{cancelled}, lost: &yes},
		{name: "redirect 302", backend: redirect(302), want: []credential.Reason{badResponse}},
		{name: "redirect 307", backend: redirect(307), want: []credential.Reason{badResponse}},
		{name: "redirect 308 within the host", backend: redirect(308), want: []credential.Reason{badResponse}},
		{name: "closed port", backend: hang, refuse: true, want: []credential.Reason{network}, lost: &no},
		{name: "cut before the answer", backend: abort, want: []credential.Reason{network}, lost: &yes},
		{name: "not HTTP", backend: raw([]byte("220 " + Canary + " ESMTP\r\n")), want: []credential.Reason{badResponse}, lost: &yes},
		{name: "page with status 400", backend: answer(400, "text/html", page), want: useless},
		{name: "page with status 401", backend: answer(401, "text/html", page), want: useless},
		{name: "page with status 403", backend: answer(403, "text/html", page), want: useless},
		{name: "page with status 404", backend: answer(404, "text/html", page), want: useless},
		{name: "page with status 423", backend: answer(423, "text/html", page), want: useless},
		{name: "page with status 401 without a content type", backend: answer(401, "", page), want: useless},
		{name: "page that asks to wait", backend: waiting(404, page), want: useless, wait: minute, alone: true},
		{name: "unusable answer that asks to wait", backend: waiting(200, "null"), want: []credential.Reason{badResponse}, wait: minute, alone: true},
		{name: "redirect that asks to wait", backend: waiting(302, ""), want: []credential.Reason{badResponse}, wait: minute, alone: true},
		{name: "429 with a refusal in its body", backend: waiting(429, refusals), want: []credential.Reason{credential.ReasonThrottled}, wait: minute},
		{name: "429 with a page", backend: waiting(429, page), want: []credential.Reason{credential.ReasonThrottled}, wait: minute},
		{name: "503 with a refusal in its body", backend: waiting(503, refusals), wait: minute},
		{name: "503 that asks to wait", backend: waiting(503, ""), want: []credential.Reason{server}, wait: minute},
		{name: "proxy that requires a login", backend: answer(407, "text/html", page), want: []credential.Reason{network}},
		{name: "unsupported compression", backend: brotli, want: []credential.Reason{badResponse}, lost: &yes},
		{name: "truncated gzip", backend: brokenGzip, want: []credential.Reason{network, badResponse}, lost: &yes},
		{name: "429", backend: answer(429, "application/json", `{"`+Canary+`":1}`), want: []credential.Reason{credential.ReasonThrottled}},
		{name: "503", backend: answer(503, "text/plain", Canary), want: []credential.Reason{server}},
	}
}

// fail checks one of them.
func (s Suite) fail(t *testing.T, c failure) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		n := Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c.cancel {
				stop()
			}
			c.backend(w, r)
		}))
		b := s.Open(t, n.Env())
		if c.refuse {
			n.Refuse()
		}
		began := time.Now()
		_, err := s.attempt(t, n, b, ctx)
		s.expect(t, err, c.want, c.lost)
		if c.wait > 0 && err != nil {
			f := credential.AsFault(err)
			if until := began.Add(c.wait); f.RetryAfter.Before(until) || f.RetryAlone != c.alone {
				t.Errorf("asked to wait until %v: got RetryAfter %v, RetryAlone %v", until, f.RetryAfter, f.RetryAlone)
			}
		}
		if took := time.Since(began); took > timeout {
			t.Errorf("the attempt took %v, want at most %v", took, timeout)
		}
	})
}

// expect checks the reason of a failed attempt.
func (s Suite) expect(t testing.TB, err error, want []credential.Reason, lost *bool) {
	t.Helper()
	if err == nil {
		t.Errorf("got success, want %q", want)
		return
	}
	f := credential.AsFault(err)
	if want != nil && !slices.Contains(want, f.Reason) {
		t.Errorf("got reason %q (%s), want one of %q", f.Reason, f.Message, want)
	}
	if s.Request.Lost {
		lost = nil // the kind decides whether an earlier doubt remains
	}
	if lost != nil && f.Lost != *lost {
		t.Errorf("Lost = %v, want %v (%s)", f.Lost, *lost, f.Message)
	}
}

// prefixes cuts the good answer at every byte and sends each part as a complete
// HTTP answer: none of them may yield a token.
func (s Suite) prefixes(t *testing.T) {
	whole := s.goodAnswer(t)
	for i := range whole {
		synctest.Test(t, func(t *testing.T) {
			n := Serve(t, answer(200, "application/json", string(whole[:i])))
			b := s.Open(t, n.Env())
			if _, err := s.attempt(t, n, b, t.Context()); err == nil {
				t.Errorf("the first %d of %d bytes were accepted as an answer", i, len(whole))
			}
		})
	}
}

// goodAnswer returns the body that the working backend sends to this provider,
// without surrounding white space.
func (s Suite) goodAnswer(t testing.TB) []byte {
	t.Helper()
	var body []byte
	env := providers.Env{Location: time.UTC, Warn: func(string) {}}
	env.Transport = func(providers.TransportOptions) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), r.Body)
			in.Header = r.Header
			w := httptest.NewRecorder()
			s.Backend().ServeHTTP(w, in)
			body = bytes.TrimSpace(w.Body.Bytes())
			return w.Result(), nil
		})
	}
	req := s.Request
	if req.At.IsZero() {
		req.At = time.Now()
	}
	if _, err := s.Open(t, env).Source.Refresh(t.Context(), req); err != nil || len(body) == 0 {
		t.Fatalf("working backend: %v", err)
	}
	return body
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer is a backend that always gives the same answer.
func answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Trace", Canary)
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// minute is how long waiting asks to wait.
const minute = time.Minute

// waiting is a backend that asks to be left alone for a minute.
func waiting(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "60")
		answer(status, "", body)(w, r)
	}
}

// compressed answers like next, but with gzip, whatever the request asks for.
func compressed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.Header().Del("Content-Length")
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(rec.Code)
		zip := gzip.NewWriter(w)
		_, _ = zip.Write(rec.Body.Bytes())
		_ = zip.Close()
	})
}

func brotli(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Encoding", "br")
	answer(200, "application/json", "\x0b\x02\x80"+Canary)(w, r)
}

func brokenGzip(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	answer(200, "application/json", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xaa\x56")(w, r)
}

func cutBody(whole []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", fmt.Sprint(len(whole)))
		_, _ = w.Write(whole[:len(whole)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func drip(whole []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(whole)))
		for i := range whole {
			if _, err := w.Write(whole[i : i+1]); err != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
			select {
			case <-time.After(5 * time.Second):
			case <-r.Context().Done():
				return
			}
		}
	}
}

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func abort(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// redirect redirects to the same host; a client that follows is noticed by its
// second call.
func redirect(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere?"+Canary)
		w.WriteHeader(status)
	}
}

// raw writes bytes unchanged and closes the connection.
func raw(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		_, _ = conn.Write(data)
	}
}
