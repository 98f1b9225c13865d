package exchange

import (
	"net/http"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

var noon = time.Date(2026, 8, 21, 12, 0, 0, 0, time.UTC)

func withHeader(pairs ...string) *Answer {
	a := &Answer{Status: 429, Header: http.Header{}, ReceivedAt: noon}
	for i := 0; i < len(pairs); i += 2 {
		a.Header.Set(pairs[i], pairs[i+1])
	}
	return a
}

func TestRetryAfter(t *testing.T) {
	httpDate := func(d time.Duration) string { return noon.Add(d).Format(http.TimeFormat) }
	for _, c := range []struct {
		text, date string
		want       time.Duration // 0 for none
	}{
		{"120", "", 2 * time.Minute},
		{" 120 ", "", 2 * time.Minute},
		{"1.5", "", 1500 * time.Millisecond},
		{"0", "", 0},
		{"-5", "", 0},
		{"", "", 0},
		{"soon", "", 0},
		{"inf", "", 0},
		{"NaN", "", 0},
		{"1e9", "", 0},
		{"..", "", 0},
		{"999999999999999999999999", "", maxWait},
		{"604801", "", maxWait},
		{httpDate(time.Hour), "", time.Hour},
		{httpDate(-time.Hour), "", 0},
		{httpDate(time.Hour), httpDate(30 * time.Minute), 30 * time.Minute},
		{httpDate(time.Hour), httpDate(2 * time.Hour), 0},
		{httpDate(1000 * time.Hour), "", maxWait},
		{httpDate(time.Hour), "no date", time.Hour},
	} {
		got := withHeader("Retry-After", c.text, "Date", c.date).RetryAfter(noon)
		if c.want == 0 && !got.IsZero() || c.want != 0 && !got.Equal(noon.Add(c.want)) {
			t.Errorf("Retry-After %q with Date %q: got %v, want %v later", c.text, c.date, got, c.want)
		}
	}
}

func TestRateLimitReset(t *testing.T) {
	for _, c := range []struct {
		text string
		want time.Duration
	}{
		{"1787313660", time.Minute},
		{"1787313600", 0},
		{"-1", 0},
		{"", 0},
		{"later", 0},
		{"99999999999999", maxWait},
	} {
		got := withHeader("X-RateLimit-Reset", c.text).RateLimitReset(noon)
		if c.want == 0 && !got.IsZero() || c.want != 0 && !got.Equal(noon.Add(c.want)) {
			t.Errorf("X-RateLimit-Reset %q: got %v, want %v later", c.text, got, c.want)
		}
	}
}

func TestHTML(t *testing.T) {
	for _, c := range []struct {
		label, body string
		want        bool
	}{
		{"text/html; charset=utf-8", "hello", true},
		{"application/xhtml+xml", "", true},
		{"application/json", "\ufeff \r\n<!DOCTYPE html>", true},
		{"", "<html>", true},
		{"application/json", `{"a":"<"}`, false},
		{"text/html", ` {"a":1}`, false},
		{"text/html", `[1]`, false},
		{"application/json", "", false},
		{"charset=cp1252", "text", false},
	} {
		a := &Answer{Header: http.Header{"Content-Type": {c.label}}, Body: []byte(c.body)}
		if a.HTML() != c.want {
			t.Errorf("%q labelled %q: HTML() = %v, want %v", c.body, c.label, !c.want, c.want)
		}
	}
}

func TestStatusFault(t *testing.T) {
	for _, c := range []struct {
		status int
		reason credential.Reason
		lost   bool
	}{
		{100, credential.ReasonBadResponse, false},
		{200, "", false},
		{204, "", false},
		{299, "", false},
		{301, credential.ReasonBadResponse, false},
		{304, credential.ReasonBadResponse, false},
		{400, credential.ReasonInvalidRequest, false},
		{401, credential.ReasonRejected, false},
		{403, credential.ReasonRejected, false},
		{404, credential.ReasonInvalidRequest, false},
		{407, credential.ReasonNetwork, false},
		{408, credential.ReasonTimeout, false},
		{422, credential.ReasonInvalidRequest, false},
		{429, credential.ReasonThrottled, false},
		{500, credential.ReasonServer, false},
		{502, credential.ReasonServer, true},
		{503, credential.ReasonServer, false},
		{504, credential.ReasonServer, true},
		{599, credential.ReasonServer, false},
		{999, credential.ReasonBadResponse, false},
	} {
		a := withHeader("Retry-After", "60")
		a.Status = c.status
		f := StatusFault(a)
		if c.reason == "" {
			if f != nil {
				t.Errorf("status %d: got %+v, want no fault", c.status, f)
			}
			continue
		}
		if f == nil || f.Reason != c.reason || f.Lost != c.lost || f.Message == "" {
			t.Errorf("status %d: got %+v, want reason %q, Lost %v", c.status, f, c.reason, c.lost)
		}
	}
}

func TestHTMLFault(t *testing.T) {
	for status, lost := range map[int]bool{200: true, 404: false} {
		f := HTMLFault(&Answer{Status: status})
		if f.Reason != credential.ReasonBadResponse || f.Lost != lost {
			t.Errorf("status %d: got %+v, want bad_response and Lost %v", status, f, lost)
		}
	}
}
