package emulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/providers/emulation"
)

// fault is one way to go wrong, everywhere or at one operation. A fault
// without an answer changes the ordinary one, at the place it concerns.
type fault struct {
	name, help string
	where      place
	answer     func(x *exchange)
}

// general are met by any request, in this order when several are set.
var general = []fault{
	{"hang", "no answer until the caller gives up", nowhere, func(x *exchange) { emulation.Hang(x.r) }},
	{"drop", "the connection is cut before the answer", nowhere, func(*exchange) { emulation.Drop() }},
	{"cut", "the connection is cut within the answer", nowhere, func(x *exchange) { emulation.Cut(x.w, `{"access_token":"`, 500) }},
	{"slow", "the answer takes two seconds", nowhere, nil},
	{"empty", "200 with an empty body", nowhere, func(x *exchange) { x.raw(http.StatusOK, "application/json", "") }},
	{"garbage", "200 with bytes that are no JSON", nowhere, func(x *exchange) { x.raw(http.StatusOK, "application/json", "\x00{{") }},
	{"huge", "200 with eight megabytes", nowhere, func(x *exchange) {
		x.raw(http.StatusOK, "application/json", `{"padding":"`+strings.Repeat("x", 8<<20)+`"}`)
	}},
	{"html", "200 with a page", nowhere, func(x *exchange) { x.page(http.StatusOK, "Login") }},
	{"html-403", "403 with the page of a firewall", nowhere, func(x *exchange) { x.page(http.StatusForbidden, "Blocked") }},
	{"html-502", "502 with the page of a proxy", nowhere, func(x *exchange) { x.page(http.StatusBadGateway, "Bad Gateway") }},
	{"redirect", "302 to a login page", nowhere, (*exchange).redirect},
	{"throttled", "429 with Retry-After: 30", nowhere, func(x *exchange) {
		x.w.Header().Set("Retry-After", "30")
		x.gateway(http.StatusTooManyRequests, "900802", "Message throttled out", "You have exceeded your quota")
	}},
	{"throttled-page", "429 with a page that does not say how long", nowhere, func(x *exchange) { x.page(http.StatusTooManyRequests, "Too Many") }},
	{"server-error", "500 without a word of the service", nowhere, func(x *exchange) { x.raw(http.StatusInternalServerError, "text/plain", "error") }},
	{"suspended", "503, the circuit breaker is open", nowhere, func(x *exchange) {
		x.gateway(http.StatusServiceUnavailable, "303001", "Runtime Error", "Currently, Address endpoint : [ SUSPENDED ]")
	}},
	{"clock-ahead", "the service's clock is an hour ahead", nowhere, nil},
	{"clock-behind", "the service's clock is an hour behind", nowhere, nil},
}

// ofLogin are met by logins only.
var ofLogin = []fault{
	{"no-certificate", "400, no certificate was identified", atLogin, (*exchange).noCertificate},
	{"bad-credentials", "401, consumer key or secret is refused", atLogin, func(x *exchange) {
		x.loginError(http.StatusUnauthorized, "Unauthorized", "Credenciais inválidas.")
	}},
	{"login-forbidden", "403 in three members", atLogin, func(x *exchange) {
		x.json(http.StatusForbidden, map[string]any{"status": 403, "message": "Forbidden"})
	}},
	{"unsupported-media", "415", atLogin, func(x *exchange) {
		x.loginError(http.StatusUnsupportedMediaType, "Unsupported Media Type", "Content type not supported")
	}},
	{"no-jwt", "a session without jwt_token", atLogin, nil},
	{"no-expires-in", "a session that does not say its life", atLogin, nil},
	{"expires-in-short", "a session with 45 seconds left", atLogin, nil},
	{"expires-in-zero", "a session that is over", atLogin, nil},
}

// ofApoiar are met by posted documents only.
var ofApoiar = []fault{
	{"session-ended", "401 of the gateway in JSON", atApoiar, func(x *exchange) {
		x.gateway(http.StatusUnauthorized, "900901", "Invalid Credentials", "Invalid Credentials")
	}},
	{"session-ended-xml", "401 of the gateway in XML", atApoiar, func(x *exchange) {
		x.raw(http.StatusUnauthorized, "application/xml", `<ams:fault xmlns:ams="http://wso2.org/apimanager/security"><ams:code>900901</ams:code><ams:message>Invalid Credentials</ams:message></ams:fault>`)
	}},
	{"session-ended-page", "401 with a page", atApoiar, func(x *exchange) { x.page(http.StatusUnauthorized, "Unauthorized") }},
	{"not-subscribed", "403, the key is not subscribed to the API", atApoiar, func(x *exchange) {
		x.gateway(http.StatusForbidden, "900908", "Resource forbidden", "API Subscription validation failed.")
	}},
	{"timeout", "504, no answer in time, result undetermined", atApoiar, func(x *exchange) {
		x.envelope(x.echoed(), http.StatusGatewayTimeout, nil, "Erro-AUTENTICAPROCURADOR-058", "Tempo esgotado.")
	}},
	{"stuck-304", "304 with the token of before, even if it is over", atApoiar, nil},
	{"expires-past", "a 304 whose expires lies a day back", atApoiar, nil},
	{"etag-foreign", "a 304 whose etag is a cache's", atApoiar, nil},
}

// documented are the numbers of both modules with their class and status.
var documented = func() (all []fault) {
	add := func(module, class string, status int, numbers string) {
		for _, n := range strings.Fields(numbers) {
			code := class + "-" + module + "-" + n
			all = append(all, fault{
				strings.ToLower(module) + "-" + n, fmt.Sprintf("%d with [%s]", status, code), atApoiar,
				func(x *exchange) { x.refuse(x.echoed(), status, code, "texto") },
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

func faults() []fault { return slices.Concat(general, ofLogin, ofApoiar, documented) }

// Faults lists what can be made to go wrong.
func (s *Server) Faults() []emulation.FaultSwitch {
	var out []emulation.FaultSwitch
	for _, f := range faults() {
		out = append(out, emulation.FaultSwitch{Name: f.name, Help: f.help})
	}
	return out
}

// SetFault makes the next requests that it concerns go wrong.
func (s *Server) SetFault(name string, times int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults.Set(name, times, everywhere)
}

func isFault(name string) bool {
	return slices.ContainsFunc(faults(), func(f fault) bool { return f.name == name })
}

// takeFaultLocked returns the fault that the present request meets.
func (s *Server) takeFaultLocked(at place) string {
	return s.faults.Take(func(yield func(string) bool) {
		for _, f := range faults() {
			if (f.where == nowhere || f.where == at) && !yield(f.name) {
				return
			}
		}
	})
}

// everywhere are the names of all faults, wherever they are met.
func everywhere(yield func(string) bool) {
	for _, f := range faults() {
		if !yield(f.name) {
			return
		}
	}
}

// answerFault reports whether the fault gave the whole answer.
func (x *exchange) answerFault() bool {
	if x.fault == "slow" {
		return !emulation.Wait(x.r, 2*time.Second)
	}
	if x.fault == "" {
		return false
	}
	for _, f := range faults() {
		if f.name == x.fault && f.answer != nil {
			f.answer(x)
			return true
		}
	}
	return false
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
