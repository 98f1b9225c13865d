package emulator

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/vigented/vigente/providers/emulation"
)

// faults lists the faults; if several are set, the first in the list applies.
var faults = emulation.Faults[*exchange]{
	{"hang", "no answer until the caller gives up", func(x *exchange) { emulation.Hang(x.r) }},
	{"drop", "the connection is cut before the answer", func(*exchange) { emulation.Drop() }},
	{"cut", "the connection is cut within the answer", func(x *exchange) { emulation.Cut(x.w, `{"token_type":"Bearer",`, 500) }},
	{"drip", "the answer comes byte by byte, ten a second", (*exchange).drip},
	{"slow", "the answer takes two seconds", nil},
	{"empty", "200 with an empty body", func(x *exchange) { x.raw(http.StatusOK, "application/json", "") }},
	{"html", "200 with a login page", func(x *exchange) { x.page(http.StatusOK, "Login") }},
	{"html-401", "401 with a page", func(x *exchange) { x.page(http.StatusUnauthorized, "Unauthorized") }},
	{"html-403", "403 with the page of a firewall", func(x *exchange) { x.page(http.StatusForbidden, "Blocked") }},
	{"html-502", "502 with the page of a proxy", func(x *exchange) { x.page(http.StatusBadGateway, "Bad Gateway") }},
	{"redirect", "302 to a login page", (*exchange).redirect},
	{"garbage", "200 with bytes that are no JSON", func(x *exchange) { x.raw(http.StatusOK, "application/json", "\x00\x01{{") }},
	{"truncated", "200 with JSON that ends early", func(x *exchange) {
		x.raw(http.StatusOK, "application/json", `{"token_type":"Bearer","expires_in":3600,"access_token":"eyJ0`)
	}},
	{"huge", "200 with eight megabytes of JSON", func(x *exchange) {
		x.raw(http.StatusOK, "application/json", `{"padding":"`+strings.Repeat("x", 8<<20)+`"}`)
	}},
	{"invalid-client", "401, the credentials are refused", (*exchange).invalidClient},
	{"empty-401", "401 with an empty body", func(x *exchange) { x.raw(http.StatusUnauthorized, "application/json", "") }},
	{"access-denied", "401, the bearer token is refused", func(x *exchange) { x.accessDenied("Access token has been revoked") }},
	{"ip-refused", "the caller's address is refused, as the refusal setting says", (*exchange).refused},
	{"forbidden", "403 in the envelope", func(x *exchange) { x.envelopeError(http.StatusForbidden, 0, "Forbidden", "Proibido") }},
	{"not-authorized", "500 that means: the authorization lacks the resource", (*exchange).notAuthorized},
	{"unsupported-grant", "400 unsupported_grant_type", func(x *exchange) {
		x.league(http.StatusBadRequest, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server.",
			"Check that all required parameters have been provided")
	}},
	{"invalid-request", "400 invalid_request", func(x *exchange) { x.invalidRequest("client_id") }},
	{"invalid-scope", "400 invalid_scope", func(x *exchange) {
		x.league(http.StatusBadRequest, "invalid_scope", "The requested scope is invalid, unknown, or malformed", "Check the `x` scope")
	}},
	{"device-not-found", "400 with the application error 1011", func(x *exchange) {
		x.envelopeError(http.StatusBadRequest, 1011, "1011: Device not found", "1011: Dispositivo não encontrado")
	}},
	{"envelope-error", "200 whose envelope says error", func(x *exchange) {
		x.json(http.StatusOK, "application/json", failure(http.StatusOK, 1039, "1039: User lacks permission", "1039: Usuário sem permissão"))
	}},
	{"kong-404", "404 of the gateway", (*exchange).kongNoRoute},
	{"sub-not-found", "404 Resource sub not found", func(x *exchange) {
		x.envelopeError(http.StatusNotFound, 0, "Resource sub not found", "Recurso não encontrado")
	}},
	{"server-error", "500 Unexpected error", func(x *exchange) {
		x.envelopeError(http.StatusInternalServerError, 0, "Unexpected error.", "Erro inesperado.")
	}},
	{"bad-gateway", "502 of the gateway", func(x *exchange) {
		x.kong(http.StatusBadGateway, "An invalid response was received from the upstream server")
	}},
	{"unavailable", "503 with Retry-After: 30", func(x *exchange) {
		x.w.Header().Set("Retry-After", "30")
		x.kong(http.StatusServiceUnavailable, "name resolution failed")
	}},
	{"gateway-timeout", "504 of the gateway", func(x *exchange) {
		x.kong(http.StatusGatewayTimeout, "The upstream server is timing out")
	}},
	{"throttled", "429 with X-RateLimit-Reset in 30 s", (*exchange).throttled},
	{"throttled-retry-after", "429 with Retry-After: 30", func(x *exchange) {
		x.w.Header().Set("Retry-After", "30")
		x.kong(http.StatusTooManyRequests, "API rate limit exceeded")
	}},
	{"throttled-bare", "429 that does not say how long", func(x *exchange) {
		x.kong(http.StatusTooManyRequests, "API rate limit exceeded")
	}},
	{"invalid-signature", "401 Invalid signature", func(x *exchange) { x.kong(http.StatusUnauthorized, "Invalid signature") }},
	{"clock-ahead", "the vault's clock is an hour ahead", nil},
	{"clock-behind", "the vault's clock is an hour behind", nil},
	{"expires-in-string", "expires_in is text", nil},
	{"expires-in-absent", "expires_in is left out", nil},
	{"expires-in-zero", "expires_in is 0", nil},
	{"expires-in-negative", "expires_in is negative", nil},
	{"expires-in-century", "expires_in is a hundred years", nil},
	{"token-type-lower", "token_type is bearer", nil},
	{"token-type-mac", "token_type is mac", nil},
	{"token-opaque", "the access token is no JWT", nil},
	{"token-empty", "the access token is empty", nil},
	{"token-injects", "the access token contains a line break", nil},
}

// Faults lists the supported faults.
func (s *Server) Faults() []emulation.FaultSwitch { return faults.Switches() }

// SetFault makes the next requests fail, whatever they ask for.
func (s *Server) SetFault(name string, times int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults.Set(name, times, faults.Names)
}

func (x *exchange) redirect() {
	x.w.Header().Set("Location", "/login?next="+strconv.Quote(x.path))
	x.page(http.StatusFound, "Moved")
}

func (x *exchange) throttled() {
	x.w.Header().Set("X-RateLimit-Limit", "60")
	x.w.Header().Set("X-RateLimit-Remaining", "0")
	x.w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(x.serverTime().Add(30*time.Second).Unix(), 10))
	x.kong(http.StatusTooManyRequests, "API rate limit exceeded")
}

func (x *exchange) raw(status int, contentType, body string) {
	emulation.Write(x.w, status, contentType, body)
}

func (x *exchange) drip() {
	x.w.Header().Set("Content-Type", "application/json")
	emulation.Drip(x.w, x.r, strings.Repeat(" ", 4096), 100*time.Millisecond)
}
