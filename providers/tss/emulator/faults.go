package emulator

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigented/vigente/providers/emulation"
)

// fault is one fault. Each hook may be nil.
type fault struct {
	name, help string
	// instead answers in place of the service, before anything changes. It
	// returns false if the service should still answer.
	instead func(*call) bool
	// token changes the client's new row; old is the row before.
	token func(c *call, old account, row *account)
	// body changes the body of a positive answer, after the renewal.
	body func(token, body string) string
	// send changes how a positive answer is sent, after the renewal.
	send func(c *call, body string)
}

// allFaults lists the faults in the order in which they are shown.
func allFaults() []fault {
	return []fault{
		{name: "negative", help: "refuses a good request in the service's own form", instead: refuse(0, "Mensagem JSON invalida", "application/json")},
		{name: "negative-400", help: "the same with status 400", instead: refuse(400, "Mensagem JSON invalida", "application/json")},
		{name: "negative-500", help: "the same with status 500", instead: refuse(500, "Mensagem JSON invalida", "application/json")},
		{name: "error-cp1252-as-utf8", help: "refuses with a CP1252 letter under charset=utf-8", instead: refuse(0, "Mensagem JSON inv\xe1lida", "application/json; charset=utf-8")},
		{name: "error-cp1252-unlabelled", help: "refuses with a CP1252 letter and no Content-Type", instead: refuse(0, "Mensagem JSON inv\xe1lida", "")},
		{name: "error-cp1252-bare", help: "refuses with a CP1252 letter and a Content-Type that is only charset=cp1252", instead: refuse(0, "Mensagem JSON inv\xe1lida", "charset=cp1252")},
		{name: "fault-401", help: "the framework wants a login (Security missing in the INI)", instead: framework(401, false)},
		{name: "fault-403", help: "the framework forbids it", instead: framework(403, false)},
		{name: "fault-404", help: "the service is not published", instead: framework(404, false)},
		{name: "fault-500", help: "the framework broke", instead: framework(500, false)},
		{name: "fault-503", help: "the AppServer is restarting", instead: framework(503, false)},
		{name: "fault-401-new", help: "fault-401 in the newer engine's form", instead: framework(401, true)},
		{name: "fault-404-new", help: "fault-404 in the newer engine's form", instead: framework(404, true)},
		{name: "fault-500-new", help: "fault-500 in the newer engine's form", instead: framework(500, true)},
		{name: "throttled", help: "429 with Retry-After in seconds", instead: throttled(false)},
		{name: "throttled-date", help: "429 with Retry-After as a date", instead: throttled(true)},
		{name: "html", help: "a page for people with status 200", instead: page(200)},
		{name: "html-502", help: "a proxy's page with status 502", instead: page(502)},
		{name: "empty", help: "status 200 with no body", instead: func(*call) bool { return true }},
		{name: "empty-500", help: "status 500 with no body", instead: func(c *call) bool { c.w.WriteHeader(500); return true }},
		{name: "redirect", help: "302 to another path that would renew", instead: redirect},
		{name: "delay", help: "answers late, but well", instead: func(c *call) bool { return !emulation.Wait(c.r, c.e.opt.Delay) }},
		{name: "hang", help: "takes the request and never answers; nothing is renewed", instead: func(c *call) bool { emulation.Hang(c.r); return true }},
		{name: "hang-after", help: "renews and never answers", send: func(c *call, _ string) { emulation.Hang(c.r) }},
		{name: "close-before", help: "takes the request and hangs up; nothing is renewed", instead: func(*call) bool { panic(http.ErrAbortHandler) }},
		{name: "close-after", help: "renews and hangs up without an answer: the dangerous one", send: func(*call, string) { emulation.Drop() }},
		{name: "truncated", help: "renews and hangs up in the middle of the answer", send: truncated},
		{name: "cut-json", help: "renews and answers half of the JSON as if it were whole", body: func(_, body string) string { return body[:len(body)/2] }},
		{name: "drip", help: "renews and sends a byte every five seconds", send: drip},
		{name: "huge", help: "renews and answers 1 MiB", body: func(_, body string) string {
			return strings.TrimSuffix(body, "\n}") + ",\n\"padding\": \"" + strings.Repeat("x", 1<<20) + "\"\n}"
		}},
		{name: "compact", help: "a good answer without blanks", body: func(token, _ string) string { return `{"TOKEN":` + quoted(token) + `}` }},
		{name: "bom", help: "a good answer after a byte order mark", body: func(_, body string) string { return "\xef\xbb\xbf" + body }},
		{name: "padded", help: "a good answer with zero bytes and blanks around it", body: func(_, body string) string { return "\r\n \x00" + body + "\x00\x00  \r\n" }},
		{name: "key-title", help: "a good answer with the key Token", body: func(_, body string) string { return strings.Replace(body, "TOKEN", "Token", 1) }},
		{name: "key-lower", help: "a good answer with the key token", body: func(_, body string) string { return strings.Replace(body, "TOKEN", "token", 1) }},
		{name: "both", help: "renews and answers a token and an error", body: func(_, body string) string {
			return strings.TrimSuffix(body, "\n}") + ",\n\"error\": \" Mensagem JSON invalida \"\n}"
		}},
		{name: "token-null", help: "renews and answers TOKEN null", body: func(string, string) string { return "{\n\"TOKEN\": null\n}" }},
		{name: "token-number", help: "renews and answers a number", body: func(string, string) string { return "{\n\"TOKEN\": 42\n}" }},
		{name: "token-empty", help: "renews and answers an empty TOKEN without an error", body: func(string, string) string { return "{\n\"TOKEN\": \"\"\n}" }},
		{name: "token-39", help: "renews to a token that is a digit short", token: shaped(func(t string) string { return t[:39] })},
		{name: "token-41", help: "renews to a token that is a digit long", token: shaped(func(t string) string { return t + "0" })},
		{name: "token-upper", help: "renews to a token in upper case, which is good", token: shaped(strings.ToUpper)},
		{name: "token-crlf", help: "renews to a token that would start a section in an INI", token: shaped(func(t string) string { return t + "\r\n[X]" })},
		{name: "token-semicolon", help: "renews to a token with a semicolon", token: shaped(func(t string) string { return t + ";" })},
		{name: "same-token", help: "answers the old token again and renews nothing", token: func(c *call, old account, row *account) {
			if c.renew && old.token != "" {
				*row = old
			}
		}},
		{name: "stale-read", help: "RestGetToken answers the token before the present one, as a balanced server with an old cache may", token: func(c *call, old account, row *account) {
			if !c.renew && old.before != "" {
				row.token = old.before
			}
		}},
		{name: "clock-ahead", help: "a good answer with a Date an hour ahead", instead: clock(time.Hour)},
		{name: "clock-behind", help: "a good answer with a Date an hour behind", instead: clock(-time.Hour)},
	}
}

func refuse(status int, message, contentType string) func(*call) bool {
	return func(c *call) bool {
		s := status
		if s == 0 {
			s = c.e.opt.NegativeStatus
		}
		c.negative(s, message, contentType)
		return true
	}
}

func framework(status int, newer bool) func(*call) bool {
	return func(c *call) bool { frameworkFault(c.w, status, newer); return true }
}

func throttled(asDate bool) func(*call) bool {
	return func(c *call) bool {
		wait := strconv.Itoa(int(c.e.opt.RetryAfter.Seconds()))
		if asDate {
			wait = time.Now().Add(c.e.opt.RetryAfter).UTC().Format(http.TimeFormat)
		}
		c.w.Header().Set("Retry-After", wait)
		frameworkFault(c.w, http.StatusTooManyRequests, false)
		return true
	}
}

func page(status int) func(*call) bool {
	return func(c *call) bool {
		c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
		c.w.WriteHeader(status)
		_, _ = c.w.Write([]byte("<!DOCTYPE html>\n<html><head><title>Login</title></head><body>Please log in</body></html>\n"))
		return true
	}
}

// redirect points to a path that would renew if the client followed it.
func redirect(c *call) bool {
	c.w.Header().Set("Location", "/moved"+c.r.URL.RequestURI())
	c.w.WriteHeader(http.StatusFound)
	return true
}

func clock(ahead time.Duration) func(*call) bool {
	return func(c *call) bool {
		c.w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		return false
	}
}

func truncated(c *call, body string) {
	c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = c.w.Write([]byte(body[:len(body)/2]))
	_ = http.NewResponseController(c.w).Flush()
	panic(http.ErrAbortHandler)
}

func drip(c *call, body string) {
	c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	emulation.Drip(c.w, c.r, body, 5*time.Second)
}

// shaped gives a new token another form; a read returns what was stored.
func shaped(form func(string) string) func(*call, account, *account) {
	return func(c *call, _ account, row *account) {
		if c.renew {
			row.token = form(row.token)
		}
	}
}

// Faults lists the faults, each with a line of help.
func (e *Emulator) Faults() []struct{ Name, Help string } {
	var list []struct{ Name, Help string }
	for _, f := range allFaults() {
		list = append(list, struct{ Name, Help string }{f.name, f.help})
	}
	return list
}

// SetFault sets a fault for the next requests to a service; a negative times
// means until cleared. Zero clears the fault, and an empty name clears all.
func (e *Emulator) SetFault(name string, times int) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case name == "":
		clear(e.faults)
	case !slices.ContainsFunc(allFaults(), func(f fault) bool { return f.name == name }):
		return fmt.Errorf("set fault: there is no fault %q", name)
	case times == 0:
		delete(e.faults, name)
	default:
		e.faults[name] = times
	}
	return nil
}

// faultsFor returns the faults of this request, both those set and its own, and
// counts it against them. unknown is a name in the request that does not exist.
func (e *Emulator) faultsFor(r *http.Request) (faults []fault, unknown string) {
	own := strings.FieldsFunc(r.Header.Get("X-Emulate")+","+r.URL.Query().Get("emulate"), func(r rune) bool { return r == ',' || r == ' ' })
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range allFaults() {
		i := slices.Index(own, f.name)
		if i >= 0 {
			own = slices.Delete(own, i, i+1)
		}
		left := e.faults[f.name]
		if left > 0 {
			e.faults[f.name]--
		}
		if i >= 0 || left != 0 {
			faults = append(faults, f)
		}
	}
	if len(own) > 0 {
		unknown = own[0]
	}
	return faults, unknown
}
