package backend

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
	"time"
)

// failure is one way in which a backend fails.
type failure struct {
	name    string
	reasons string // the documented reasons it may cause, separated by spaces
	bad     http.HandlerFunc
	cert    func(*pki) *tls.Certificate
	down    bool
	pin     bool // trust the key alone
	// waits is how long the backend asks all its callers to wait; quiet means
	// that it may not be in use again before the test ends.
	waits time.Duration
	quiet bool
}

// httpDate returns an HTTP date that is ahead of a clock with the given error.
func httpDate(ahead, off time.Duration) string {
	return time.Now().Add(ahead + off).UTC().Format(http.TimeFormat)
}

// throttles refuses requests with a Retry-After computed at the time of the
// answer, by a clock with the given error.
func throttles(status int, off time.Duration, after func() string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		says(status, `{"message":"`+serverWords+`"}`, "Retry-After", after(), "Date", httpDate(0, off))(w, r)
	}
}

// unasked is how long the daemon waits when a backend does not say how long.
const unasked = 15 * time.Second

func constant(text string) func() string { return func() string { return text } }

// failures lists them.
func failures(t testing.TB) []failure {
	t.Helper()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 32<<20))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	page := "<!DOCTYPE html><html><title>" + serverWords + "</title></html>"
	return []failure{
		{name: "refused", reasons: "network", down: true},
		{name: "hangs", reasons: "timeout", bad: endless("", "", time.Hour)},
		{name: "drips-header", reasons: "timeout", bad: endless("HTTP/1.1 200 OK\r\nX-"+serverWords+": ", "x", 200*time.Millisecond)},
		{name: "drips-body", reasons: "timeout", bad: endless("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{", " ", 200*time.Millisecond)},
		{name: "cut-in-handshake", reasons: "tls network", cert: func(*pki) *tls.Certificate { return nil }},
		{name: "cut-before", reasons: "network", bad: writes("")},
		{name: "cut-in-body", reasons: "network", bad: writes("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"access_token\":\"" + serverWords)},
		{name: "other-name", reasons: "tls", cert: func(p *pki) *tls.Certificate { return p.other }},
		{name: "other-chain", reasons: "tls", cert: func(p *pki) *tls.Certificate { return p.foreign }},
		{name: "expired", reasons: "tls", cert: func(p *pki) *tls.Certificate { return p.expired }},
		{name: "other-key", reasons: "tls", pin: true, cert: func(p *pki) *tls.Certificate { return p.other }},
		{name: "garbage", reasons: "bad_response", bad: writes("220 " + serverWords + " ESMTP\r\n")},
		{name: "html", reasons: "bad_response", bad: says(200, page, "Content-Type", "text/html")},
		{name: "html-as-json", reasons: "bad_response", bad: says(200, page)},
		{name: "no-content", reasons: "bad_response", bad: says(204, "")},
		{name: "endless-body", reasons: "bad_response", bad: endless("HTTP/1.1 200 OK\r\n\r\n{\"a\":\""+serverWords, strings.Repeat("x", 1<<16), 0)},
		{name: "endless-header", reasons: "bad_response", bad: endless("HTTP/1.1 200 OK\r\n", "X-"+serverWords+": "+strings.Repeat("x", 1<<12)+"\r\n", 0)},
		{name: "endless-1xx", reasons: "bad_response", bad: endless("", "HTTP/1.1 102 Processing\r\nX-A: "+serverWords+"\r\n\r\n", 0)},
		{name: "endless-chunks", reasons: "timeout", bad: endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", 100*time.Millisecond)},
		{name: "chunks-without-end", reasons: "network", bad: writes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")},
		{name: "gzip-bomb", reasons: "bad_response", bad: says(200, bomb.String(), "Content-Encoding", "gzip")},
		{name: "redirect", reasons: "bad_response", bad: says(307, "", "Location", "/"+serverWords)},
		{name: "broken", reasons: "server", bad: says(500, `{"message":"`+serverWords+`"}`)},
		{name: "unavailable", reasons: "server", bad: throttles(503, 0, constant("6")), waits: 6 * time.Second},
		{name: "throttled-seconds", reasons: "throttled", bad: throttles(429, 0, constant("6")), waits: 6 * time.Second},
		{name: "throttled-date", reasons: "throttled", bad: throttles(429, 0, func() string { return httpDate(7*time.Second, 0) }), waits: 6 * time.Second},
		{name: "throttled-other-clock", reasons: "throttled", bad: throttles(429, time.Hour, func() string { return httpDate(7*time.Second, time.Hour) }), waits: 6 * time.Second},
		{name: "throttled", reasons: "throttled", bad: says(429, page), waits: unasked, quiet: true},
		{name: "throttled-negative", reasons: "throttled", bad: throttles(429, 0, constant("-5")), waits: unasked, quiet: true},
		{name: "throttled-nonsense", reasons: "throttled", bad: throttles(429, 0, constant(serverWords)), waits: unasked, quiet: true},
		{name: "throttled-for-a-year", reasons: "throttled", bad: throttles(429, 0, constant("31536000")), waits: time.Hour, quiet: true},
	}
}
