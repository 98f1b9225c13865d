package emulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/providers/emulation"
)

// general lists the faults of any request; if several are set, the first applies.
var general = emulation.Faults[*exchange]{
	{"hang", "no answer until the caller gives up", func(x *exchange) { emulation.Hang(x.r) }},
	{"drop", "the connection is cut before the answer", func(*exchange) { emulation.Drop() }},
	{"cut", "the connection is cut within the answer", func(x *exchange) { emulation.Cut(x.w, `{"access_token":"`, 500) }},
	{"slow", "the answer takes two seconds", nil},
	{"empty", "200 with an empty body", func(x *exchange) { x.raw(http.StatusOK, "application/json", "") }},
	{"garbage", "200 with bytes that are no JSON", func(x *exchange) { x.raw(http.StatusOK, "application/json", "\x00{{") }},
	{"huge", "200 with eight megabytes", func(x *exchange) {
		x.raw(http.StatusOK, "application/json", `{"padding":"`+strings.Repeat("x", 8<<20)+`"}`)
	}},
	{"html", "200 with a page", func(x *exchange) { x.page(http.StatusOK, "Login") }},
	{"html-403", "403 with the page of a firewall", func(x *exchange) { x.page(http.StatusForbidden, "Blocked") }},
	{"html-502", "502 with the page of a proxy", func(x *exchange) { x.page(http.StatusBadGateway, "Bad Gateway") }},
	{"redirect", "302 to a login page", (*exchange).redirect},
	{"throttled", "429 with Retry-After: 30", func(x *exchange) {
		x.w.Header().Set("Retry-After", "30")
		x.gateway(http.StatusTooManyRequests, "900802", "Message throttled out", "You have exceeded your quota")
	}},
	{"throttled-page", "429 with a page that does not say how long", func(x *exchange) { x.page(http.StatusTooManyRequests, "Too Many") }},
	{"server-error", "500 without a word of the service", func(x *exchange) { x.raw(http.StatusInternalServerError, "text/plain", "error") }},
	{"suspended", "503, the circuit breaker is open", func(x *exchange) {
		x.gateway(http.StatusServiceUnavailable, "303001", "Runtime Error", "Currently, Address endpoint : [ SUSPENDED ]")
	}},
	{"clock-ahead", "the service's clock is an hour ahead", nil},
	{"clock-behind", "the service's clock is an hour behind", nil},
}

// ofLogin lists the faults of logins.
var ofLogin = emulation.Faults[*exchange]{
	{"no-certificate", "400, no certificate was identified", (*exchange).noCertificate},
	{"bad-credentials", "401, consumer key or secret is refused", func(x *exchange) {
		x.loginError(http.StatusUnauthorized, "Unauthorized", "Credenciais inválidas.")
	}},
	{"login-forbidden", "403 in three members", func(x *exchange) {
		x.json(http.StatusForbidden, map[string]any{"status": 403, "message": "Forbidden"})
	}},
	{"unsupported-media", "415", func(x *exchange) {
		x.loginError(http.StatusUnsupportedMediaType, "Unsupported Media Type", "Content type not supported")
	}},
	{"no-jwt", "a session without jwt_token", nil},
	{"no-expires-in", "a session that does not say its life", nil},
	{"expires-in-short", "a session with 45 seconds left", nil},
	{"expires-in-zero", "a session that is over", nil},
}

// ofApoiar lists the faults of posted documents.
var ofApoiar = emulation.Faults[*exchange]{
	{"session-ended", "401 of the gateway in JSON", func(x *exchange) {
		x.gateway(http.StatusUnauthorized, "900901", "Invalid Credentials", "Invalid Credentials")
	}},
	{"session-ended-xml", "401 of the gateway in XML", func(x *exchange) {
		x.raw(http.StatusUnauthorized, "application/xml", `<ams:fault xmlns:ams="http://wso2.org/apimanager/security"><ams:code>900901</ams:code><ams:message>Invalid Credentials</ams:message></ams:fault>`)
	}},
	{"session-ended-page", "401 with a page", func(x *exchange) { x.page(http.StatusUnauthorized, "Unauthorized") }},
	{"not-subscribed", "403, the key is not subscribed to the API", func(x *exchange) {
		x.gateway(http.StatusForbidden, "900908", "Resource forbidden", "API Subscription validation failed.")
	}},
	{"timeout", "504, no answer in time, result undetermined", func(x *exchange) {
		x.envelope(x.echoed(), http.StatusGatewayTimeout, nil, "Erro-AUTENTICAPROCURADOR-058", "Tempo esgotado.")
	}},
	{"stuck-304", "304 with the token of before, even if it is over", nil},
	{"expires-past", "a 304 whose expires lies a day back", nil},
	{"etag-foreign", "a 304 whose etag is a cache's", nil},
}

// documented lists the codes of both modules with their class and status.
var documented = func() (all emulation.Faults[*exchange]) {
	add := func(module, class string, status int, numbers string) {
		for _, n := range strings.Fields(numbers) {
			code := class + "-" + module + "-" + n
			all = append(all, emulation.Fault[*exchange]{
				Name: strings.ToLower(module) + "-" + n, Help: fmt.Sprintf("%d with [%s]", status, code),
				Answer: func(x *exchange) { x.refuse(x.echoed(), status, code, "texto") },
			})
		}
	}
	add("AUTENTICAPROCURADOR", "EntradaIncorreta", 400, "002 015 016 017 018 019 020 025 026 027 028 029 030 031 032 033")
	add("AUTENTICAPROCURADOR", "AcessoNegado", 403, "009 010 011 012 013 021 023 037 038 039 040 041")
	add("AUTENTICAPROCURADOR", "Erro", 500, "003 008 014 034")
	add("ICGERENCIADOR", "EntradaIncorreta", 400, "006 007 008 009 010 011 012 017 028 040 044 052 055")
	add("ICGERENCIADOR", "AcessoNegado", 403, "003 004 005 013 014 015 016 018 019 020 022 025 026 027 037 038 041 042 045 053 054")
	add("ICGERENCIADOR", "Erro", 500, "001 002 023 029 030 031 032 033 034 035 036 056")
	return all
}()

func faults() emulation.Faults[*exchange] {
	return slices.Concat(general, ofLogin, ofApoiar, documented)
}

// faultsAt returns the faults that an operation can meet.
func faultsAt(at operation) emulation.Faults[*exchange] {
	switch at {
	case atLogin:
		return slices.Concat(general, ofLogin)
	case atApoiar:
		return slices.Concat(general, ofApoiar, documented)
	default:
		return general
	}
}

// Faults lists the supported faults.
func (s *Server) Faults() []emulation.FaultSwitch { return faults().Switches() }

// SetFault makes the next requests fail, if they are of the fault's operation.
func (s *Server) SetFault(name string, times int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults.Set(name, times, faults().Names)
}

func (x *exchange) clockOffset() time.Duration {
	switch x.fault {
	case "clock-ahead":
		return time.Hour
	case "clock-behind":
		return -time.Hour
	}
	return x.set.ClockOffset
}
