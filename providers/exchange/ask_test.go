package exchange

import (
	"encoding/binary"
	"net/http"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/vigented/vigente/credential"
)

// TestRulesForEveryBackend checks that the rules of Ask override the result of
// a kind's classify.
func TestRulesForEveryBackend(t *testing.T) {
	rejected := &credential.Fault{Reason: credential.ReasonRejected, Message: "refused"}
	const page, object = "<html>log in</html>", `{"error":"access_denied"}`
	for _, c := range []struct {
		name   string
		status int
		header [2]string
		body   string
		own    bool // OwnThrottling
		said   *credential.Fault
		reason credential.Reason
		wait   time.Duration
		alone  bool
	}{
		{name: "success", status: 200, body: object},
		{name: "success that asks to wait", status: 200, header: [2]string{"Retry-After", "60"}},
		{name: "refusal", status: 401, body: object, said: rejected, reason: credential.ReasonRejected},
		{name: "refusal that asks to wait", status: 401, header: [2]string{"Retry-After", "60"}, body: object, said: rejected, reason: credential.ReasonRejected, wait: time.Minute, alone: true},
		{name: "refusal in a success", status: 200, header: [2]string{"Retry-After", "60"}, body: object, said: rejected, reason: credential.ReasonRejected, wait: time.Minute, alone: true},
		{name: "page", status: 401, body: page, said: rejected, reason: credential.ReasonBadResponse},
		{name: "429 with a refusal", status: 429, header: [2]string{"Retry-After", "60"}, body: object, said: rejected, reason: credential.ReasonThrottled, wait: time.Minute},
		{name: "429 that looks like a success", status: 429, body: "{}", reason: credential.ReasonThrottled},
		{name: "429 with a reset", status: 429, header: [2]string{"X-RateLimit-Reset", "1767182460"}, body: "{}", reason: credential.ReasonThrottled, wait: time.Minute},
		{name: "429 with OwnThrottling", status: 429, body: object, own: true, said: rejected, reason: credential.ReasonRejected},
		{name: "503 with a refusal", status: 503, header: [2]string{"Retry-After", "60"}, body: object, said: rejected, reason: credential.ReasonRejected, wait: time.Minute},
		{name: "redirect", status: 302, body: "{}", reason: credential.ReasonBadResponse},
		{name: "redirect with a refusal", status: 307, body: object, said: rejected, reason: credential.ReasonBadResponse},
		{name: "304 handled by the kind", status: 304},
		{name: "proxy", status: 407, body: page, said: rejected, reason: credential.ReasonNetwork},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := time.Unix(1767182400, 0)
			a := &Answer{Status: c.status, Header: http.Header{}, Body: []byte(c.body), ReceivedAt: at}
			if c.header[0] != "" {
				a.Header.Set(c.header[0], c.header[1])
			}
			var said *credential.Fault
			if c.said != nil {
				said = new(*c.said)
			}
			f := (&Client{opt: ClientOptions{OwnThrottling: c.own}}).applyRules(a, said)
			if c.reason == "" {
				if f != nil {
					t.Errorf("got %v, want success", f)
				}
				return
			}
			if f == nil || f.Reason != c.reason {
				t.Fatalf("got %v, want %s", f, c.reason)
			}
			if wait := waitOf(f, at); wait != c.wait {
				t.Errorf("got wait %v, want %v", wait, c.wait)
			}
			if f.RetryAlone != c.alone {
				t.Errorf("got RetryAlone %v, want %v", f.RetryAlone, c.alone)
			}
		})
	}
}

func waitOf(f *credential.Fault, at time.Time) time.Duration {
	if f.RetryAfter.IsZero() {
		return 0
	}
	return f.RetryAfter.Sub(at)
}

// wide returns a text in UTF-16.
func wide(text string, bigEndian bool) string {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		if bigEndian {
			out = binary.BigEndian.AppendUint16(out, unit)
		} else {
			out = binary.LittleEndian.AppendUint16(out, unit)
		}
	}
	return string(out)
}

func TestPages(t *testing.T) {
	for _, c := range []struct {
		label, body string
		page        bool
	}{
		{"", "<html>", true},
		{"", "  \r\n<!DOCTYPE HTML><title>x", true},
		{"", "<h1>Forbidden</h1>", true},
		{"text/html", "Forbidden", true},
		{"text/html; charset=utf-8", "", true},
		{"application/json", "<html><body>", true},
		{"", `<?xml version="1.0"?><!DOCTYPE html PUBLIC "x"><html>`, true},
		{"text/xml", "<html>", true},
		{"text/html", `{"a":1}`, false},
		{"text/xml", "<answer/>", false},
		{"application/soap+xml", "<Envelope/>", false},
		{"", `<?xml version="1.0"?><answer/>`, false},
		{"", `<am:fault xmlns:am="x">`, false},
		{"", "<fault><code>1", false},
		{"", wide("\ufeff<!DOCTYPE html>", false), true},
		{"", wide("\ufeff\r\n<html>", true), true},
		{"text/plain", wide("<h1>Forbidden</h1>", false), true},
		{"", wide("<html>", true), true},
		{"", wide(`{"a":1}`, false), false},
		{"", wide(`<?xml version="1.0"?><answer/>`, false), false},
		{"", "\xff\xfe", false},
		{"", "plain", false},
		{"", "", false},
	} {
		a := &Answer{Header: http.Header{"Content-Type": {c.label}}, Body: []byte(c.body)}
		if got := a.HTML(); got != c.page {
			t.Errorf("%q labelled %q: HTML() = %v, want %v", c.body, c.label, got, c.page)
		}
	}
}
