package emulator

import (
	"net/http"
	"strings"
	"time"

	"github.com/vigented/vigente/providers/emulation"
)

// faults lists the faults; if several are set, the first in the list applies.
var faults = emulation.Faults[*exchange]{
	{"hang", "no answer until the caller gives up; nothing has happened", func(x *exchange) { emulation.Hang(x.r) }},
	{"drop", "the connection is cut before anything has happened", func(*exchange) { emulation.Drop() }},
	{"lost-answer", "the tokens are exchanged, and the connection is cut: the dangerous one", nil},
	{"hang-after", "the tokens are exchanged, and no answer comes", nil},
	{"cut-after", "the tokens are exchanged, and the answer is cut in the middle", nil},
	{"half-json", "half of the JSON, as if it were whole", nil},
	{"error-after", "the tokens are exchanged, and the answer is 500", nil},
	{"drip", "the answer comes byte by byte, ten a second", (*exchange).drip},
	{"slow", "the answer takes two seconds", nil},
	{"empty", "201 with an empty body", func(x *exchange) { x.w.WriteHeader(http.StatusCreated) }},
	{"html", "200 with a page for people", func(x *exchange) { x.page(http.StatusOK) }},
	{"html-403", "403 with the page of a firewall", func(x *exchange) { x.page(http.StatusForbidden) }},
	{"html-502", "502 with the page of a proxy", func(x *exchange) { x.page(http.StatusBadGateway) }},
	{"redirect", "302 to another host", func(x *exchange) {
		x.w.Header().Set("Location", "https://portal.example/")
		x.w.WriteHeader(http.StatusFound)
	}},
	{"array", "201 with an array of texts, as other calls of the API answer", func(x *exchange) {
		x.raw(http.StatusCreated, "application/json", `["Registro adicionado com sucesso."]`)
	}},
	{"huge", "201 with a megabyte of JSON", func(x *exchange) {
		x.raw(http.StatusCreated, "application/json", `{"padding":"`+strings.Repeat("x", 1<<20)+`"}`)
	}},
	{"key-missing", "401 of the gateway: no subscription key", func(x *exchange) { x.refuseKey(true) }},
	{"key-invalid", "401 of the gateway: another subscription key", func(x *exchange) { x.refuseKey(false) }},
	{"throttled", "429 of the gateway with Retry-After: 7", func(x *exchange) { x.throttled(7 * time.Second) }},
	{"quota", "403 of the gateway: the quota is used up", (*exchange).quota},
	{"not-found", "404 of the gateway: no such operation", func(x *exchange) { x.apim(http.StatusNotFound, "Resource not found") }},
	{"server-error", "500 with a problem; nothing has happened", func(x *exchange) {
		x.problem(http.StatusInternalServerError, "An error occurred while processing your request.", nil)
	}},
	{"unavailable", "503 with Retry-After: 30", func(x *exchange) {
		x.w.Header().Set("Retry-After", "30")
		x.apim(http.StatusServiceUnavailable, "Service unavailable")
	}},
	{"gateway-timeout", "504 of the gateway", func(x *exchange) { x.apim(http.StatusGatewayTimeout, "The operation has timed out") }},
	{"login-refused", "the login is refused whatever the password", nil},
	{"refresh-refused", "the refresh token is refused", nil},
	{"empty-401", "401 with an empty body", func(x *exchange) { x.w.WriteHeader(http.StatusUnauthorized) }},
	{"status-200", "success is 200", nil},
	{"keys-camel", "keys in camelCase", nil},
	{"keys-upper", "keys in upper case", nil},
	{"bom", "a byte order mark before the JSON", nil},
	{"no-dates", "no dates and no end of the refresh token", nil},
	{"no-refresh-token", "no refresh token in the answer", nil},
	{"token-opaque", "the token is no JWT", nil},
	{"token-empty", "the token is empty", nil},
	{"token-injects", "the token contains a line break", nil},
	{"clock-ahead", "the clock is an hour ahead", nil},
	{"clock-behind", "the clock is an hour behind", nil},
	{"date-iso-fraction", "dates with seven digits of a second", nil},
	{"date-iso-blank", "dates with a blank in the middle", nil},
	{"date-br", "dates as 31/12/2026 23:59:59", nil},
	{"date-invariant", "dates as 12/31/2026 23:59:59", nil},
	{"date-us", "dates as 12/31/2026 11:59:59 PM", nil},
	{"date-us-nnbsp", "the same with U+202F before PM", nil},
	{"date-us-glued", "the same with nothing before PM", nil},
	{"date-rfc1123", "dates as in HTTP headers", nil},
	{"date-dotnet", "dates as /Date(ms)/", nil},
	{"date-dotnet-zone", "dates as /Date(ms-0300)/", nil},
	{"date-unix", "dates as seconds", nil},
	{"date-unix-ms", "dates as milliseconds", nil},
	{"date-unix-text", "dates as seconds in quotes", nil},
	{"date-unix-ms-text", "dates as milliseconds in quotes", nil},
	{"date-year-one", "dates of the year 1", nil},
	{"date-empty", "empty dates", nil},
	{"date-null", "dates that are null", nil},
	{"date-nonsense", "dates that do not parse", nil},
}

// Faults lists the supported faults.
func (s *Server) Faults() []emulation.FaultSwitch { return faults.Switches() }

// SetFault makes the next requests fail, whatever they ask for.
func (s *Server) SetFault(name string, times int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults.Set(name, times, faults.Names)
}

func (x *exchange) page(status int) {
	x.raw(status, "text/html; charset=utf-8", "<!DOCTYPE html><html><head><title>ArqGED</title></head><body><h1>"+http.StatusText(status)+"</h1></body></html>\n")
}

func (x *exchange) drip() {
	x.w.Header().Set("Content-Type", "application/json")
	emulation.Drip(x.w, x.r, strings.Repeat(" ", 4096), 100*time.Millisecond)
}
