package emulator

import (
	"net/http"
	"time"

	"github.com/vigented/vigente/providers/emulation"
)

// faults lists the faults; if several are set, the first in the list applies.
func faults() emulation.Faults[*call] {
	return emulation.Faults[*call]{
		{"hang", "no answer until the caller gives up", func(c *call) { emulation.Hang(c.r) }},
		{"drop", "the connection is cut before the answer, and nothing was done", func(*call) { emulation.Drop() }},
		{"lost-answer", "the login is granted and the connection cut: a code is spent", nil},
		{"cut", "the connection is cut within the answer", func(c *call) { emulation.Cut(c.w, `{"token":"`, 500) }},
		{"drip", "the answer takes longer than anybody waits", func(c *call) { emulation.Drip(c.w, c.r, `{"token":"never-whole"`, 5*time.Second) }},
		{"page-200", "a page of a portal with status 200", func(c *call) { emulation.Page(c.w, http.StatusOK, "Please log in") }},
		{"page-401", "a page with status 401", func(c *call) { emulation.Page(c.w, http.StatusUnauthorized, "Unauthorized") }},
		{"redirect", "a redirect to the page for people", func(c *call) {
			http.Redirect(c.w, c.r, "https://elsewhere.example/login", http.StatusFound)
		}},
		{"throttled", "429 with Retry-After: 7", func(c *call) {
			c.w.Header().Set("Retry-After", "7")
			c.refuse(http.StatusTooManyRequests, "BUSY")
		}},
		{"unavailable", "503 with Retry-After: 5", func(c *call) {
			c.w.Header().Set("Retry-After", "5")
			c.refuse(http.StatusServiceUnavailable, "CLOSED")
		}},
		{"server-error", "500 in the form of the service", func(c *call) { c.refuse(http.StatusInternalServerError, "BROKEN") }},
		{"gateway-504", "504 of a gateway, after the login was granted", func(c *call) {
			hidden := *c
			hidden.w, hidden.fault = emulation.Unheard{}, ""
			hidden.login()
			emulation.Write(c.w, http.StatusGatewayTimeout, "text/plain", "the gateway gave up\n")
		}},
		{"unauthorized", "401 without a word", func(c *call) { emulation.Write(c.w, http.StatusUnauthorized, "text/plain", "no\n") }},
		{"forbidden", "403 without a word", func(c *call) { emulation.Write(c.w, http.StatusForbidden, "text/plain", "no\n") }},
		{"refused-200", "a refusal with status 200 and the code X12", func(c *call) { c.refuse(http.StatusOK, "X12") }},
		{"empty", "200 without a body", func(c *call) { emulation.Write(c.w, http.StatusOK, "application/json", "") }},
		{"token-absent", "200 without a token", odd(`{"data":{}}`)},
		{"token-null", "200 with a token that is null", odd(`{"token":null,"data":{"token":null}}`)},
		{"token-empty", "200 with an empty token", odd(`{"token":"","data":{"token":""}}`)},
		{"token-object", "200 with an object in place of the token", odd(`{"token":{"value":"x"},"data":{"token":["x"]}}`)},
		{"token-control", "200 with a line break in the token", odd(`{"token":"a\r\nb","data":{"token":"a\r\nb"}}`)},
		{"token-number", "200 with a number as the token, which is a value", odd(`{"token":8.10,"data":{"token":12345678901234567890}}`)},
		{"labelled-as-text", "the answer is JSON labelled as text", nil},
		{"byte-order-mark", "the answer begins with a byte order mark", nil},
		{"expires-absent", "no end is stated", nil},
		{"expires-text", "the end as text", nil},
		{"expires-zero", "the end is 0", nil},
		{"expires-words", "the end is words", nil},
		{"clock-ahead", "the server's clock is an hour ahead", nil},
		{"clock-behind", "the server's clock is an hour behind", nil},
	}
}

// odd answers a success without a valid token.
func odd(body string) func(*call) {
	return func(c *call) { emulation.Write(c.w, http.StatusOK, "application/json", body) }
}

// Faults lists the supported faults.
func (*Server) Faults() []emulation.FaultSwitch { return faults().Switches() }

// SetFault implements emulation.Emulator.
func (s *Server) SetFault(name string, times int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults.Set(name, times, faults().Names)
}
