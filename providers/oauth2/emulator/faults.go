package emulator

import (
	"net/http"
	"time"

	"github.com/vigented/vigente/providers/emulation"
)

// faults lists the faults; if several are set, the first in the list applies.
func faults() emulation.Faults[*exchange] {
	return emulation.Faults[*exchange]{
		{"hang", "no answer until the caller gives up", func(x *exchange) { emulation.Hang(x.r) }},
		{"drop", "the connection is cut before the answer, and nothing was done", func(*exchange) { emulation.Drop() }},
		{"lost-answer", "the request is carried out, and the connection is cut: the refresh token is spent", nil},
		{"cut", "the connection is cut within the answer", func(x *exchange) { emulation.Cut(x.w, `{"access_token":"`, 500) }},
		{"drip", "the answer takes longer than anybody waits", func(x *exchange) {
			emulation.Drip(x.w, x.r, `{"access_token":"never-whole"`, 5*time.Second)
		}},
		{"page-200", "a page of a portal with status 200", func(x *exchange) { emulation.Page(x.w, http.StatusOK, "Please log in") }},
		{"page-401", "a page with status 401", func(x *exchange) { emulation.Page(x.w, http.StatusUnauthorized, "Unauthorized") }},
		{"redirect", "a redirect to somewhere else", func(x *exchange) {
			http.Redirect(x.w, x.r, "https://elsewhere.example/token", http.StatusTemporaryRedirect)
		}},
		{"throttled", "429 with Retry-After: 7", func(x *exchange) {
			x.w.Header().Set("Retry-After", "7")
			x.refuse(http.StatusTooManyRequests, "invalid_client")
		}},
		{"slow-down", "400 slow_down", func(x *exchange) { x.refuse(http.StatusBadRequest, "slow_down") }},
		{"unavailable", "503 temporarily_unavailable with Retry-After: 5", func(x *exchange) {
			x.w.Header().Set("Retry-After", "5")
			x.refuse(http.StatusServiceUnavailable, "temporarily_unavailable")
		}},
		{"server-error", "500 server_error", func(x *exchange) { x.refuse(http.StatusInternalServerError, "server_error") }},
		{"gateway-502", "502 of a gateway, after the request was carried out", func(x *exchange) { x.behind(http.StatusBadGateway) }},
		{"gateway-504", "504 of a gateway, after the request was carried out", func(x *exchange) { x.behind(http.StatusGatewayTimeout) }},
		{"invalid-grant", "400 invalid_grant", func(x *exchange) { x.refuse(http.StatusBadRequest, "invalid_grant") }},
		{"invalid-client", "401 invalid_client", func(x *exchange) { x.refuse(http.StatusUnauthorized, "invalid_client") }},
		{"unauthorized", "401 without a word", func(x *exchange) { emulation.Write(x.w, http.StatusUnauthorized, "text/plain", "no\n") }},
		{"forbidden", "403 without a word", func(x *exchange) { emulation.Write(x.w, http.StatusForbidden, "text/plain", "no\n") }},
		{"empty", "200 without a body", func(x *exchange) { emulation.Write(x.w, http.StatusOK, "application/json", "") }},
		{"error-200", "200 with an error in place of a token", func(x *exchange) { x.refuse(http.StatusOK, "invalid_grant") }},
		{"token-absent", "200 without a token", func(x *exchange) { x.json(http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 60}) }},
		{"token-jwt", "the access token is a JWT", nil},
		{"token-type-lower", "the type is written in lower case", nil},
		{"text-plain", "the answer is JSON labelled as text", nil},
		{"expires-in-string", "expires_in as text", nil},
		{"expires-in-fraction", "expires_in with a fraction", nil},
		{"expires-in-absent", "no expires_in", nil},
		{"expires-in-zero", "expires_in is 0", nil},
		{"expires-in-unreadable", "expires_in is words", nil},
		{"expires-at", "expires_at in place of expires_in", nil},
		{"expires-on", "expires_on in place of expires_in", nil},
		{"refresh-token-absent", "no refresh token in the answer", nil},
		{"wrong-nonce", "the identity token is of another login", nil},
		{"clock-ahead", "the server's clock is an hour ahead", nil},
		{"clock-behind", "the server's clock is an hour behind", nil},
	}
}

// Faults lists the supported faults.
func (*Server) Faults() []emulation.FaultSwitch { return faults().Switches() }

// SetFault implements emulation.Emulator.
func (s *Server) SetFault(name string, times int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults.Set(name, times, faults().Names)
}

// behind carries out the request, and answers like a gateway that timed out.
func (x *exchange) behind(status int) {
	hidden := *x
	hidden.w, hidden.fault = emulation.Unheard{}, ""
	hidden.token()
	emulation.Write(x.w, status, "text/plain", "the gateway gave up\n")
}
