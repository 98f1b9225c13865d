package backend

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
)

// oddAnswer is a valid renewal whose answer has an unusual form.
type oddAnswer struct {
	name   string
	answer func(*bearer) http.HandlerFunc
	life   time.Duration // the expected lifetime
}

// oddAnswers lists them.
func oddAnswers() []oddAnswer {
	const year = 365 * 24 * time.Hour
	grants := func(life string) string {
		return `{"token_type":"Bearer","access_token":"odd","expires_in":` + life + `}`
	}
	always := func(h http.HandlerFunc) func(*bearer) http.HandlerFunc {
		return func(*bearer) http.HandlerFunc { return h }
	}
	lives := func(text string) func(*bearer) http.HandlerFunc { return always(says(200, grants(text))) }
	wire := func(head string) func(*bearer) http.HandlerFunc {
		return always(writes(head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(grants("600")), grants("600"))))
	}
	clockOff := func(off time.Duration) func(*bearer) http.HandlerFunc {
		return always(func(w http.ResponseWriter, r *http.Request) {
			says(200, grants("600"), "Date", httpDate(0, off))(w, r)
		})
	}
	return []oddAnswer{
		{"string", lives(`"600"`), 10 * time.Minute},
		{"float", lives("600.25"), 10 * time.Minute},
		{"exponent", lives("6e2"), 10 * time.Minute},
		{"century", lives("3153600000"), 100 * year},
		{"overflow", lives("1e400"), 100 * year},
		{"overflow-whole", lives(strings.Repeat("9", 40)), 100 * year},
		{"null", lives("null"), 24 * time.Hour},
		{"absent", always(says(200, `{"token_type":"Bearer","access_token":"odd"}`)), 24 * time.Hour},
		{"unread-words", lives(`"soon"`), time.Hour},
		{"unread-now", lives(`0`), time.Hour},
		{"unread-past", lives(`-3600`), time.Hour},
		{"clock-ahead", clockOff(time.Hour), 10 * time.Minute},
		{"clock-behind", clockOff(-time.Hour), 10 * time.Minute},
		{"http-1-0", wire("HTTP/1.0 200 OK\r\n"), 10 * time.Minute},
		{"continue", wire("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\n"), 10 * time.Minute},
		{"no-length", always(writes("HTTP/1.1 200 OK\r\n\r\n" + grants("600"))), 10 * time.Minute},
		{"second", lives("1"), time.Second},
		{"same", func(b *bearer) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				scope := r.PostForm.Get("scope")
				left := 16 - int(time.Since(b.of(scope, true)[0]).Seconds())
				says(200, fmt.Sprintf(`{"token_type":"Bearer","access_token":"%s-0","expires_in":%d}`, scope, left))(w, r)
			}
		}, 0},
	}
}

func TestUnusualAnswersAreUnderstood(t *testing.T) {
	t.Parallel()
	text := fmt.Sprintf("[renewal]\nrenew_before = \"14s\"\njitter = \"0%%\"\nmin_interval = %q\ntimeout = \"10s\"\n", minInterval)
	backends := map[string]*bearer{}
	for _, d := range oddAnswers() {
		b := &bearer{life: 16}
		b.bad = d.answer(b)
		b.start(t)
		backends[d.name] = b
		text += failureTable(d.name, b)
	}
	w := e2etest.NewWorld(t, text)
	w.Write("secret", e2etest.VaultSecret)
	w.Write("out/.keep", "")
	w.Start()
	w.Eventually("every odd answer has come, those of a second three times", func() bool {
		for name, b := range backends {
			if n := len(b.of("a", false)); n == 0 || name == "second" && n < 3 {
				return false
			}
		}
		for _, c := range w.Status().Credentials {
			if c.Name != "same-a" && c.Name != "same-b" && c.Generation < 2 && c.State == "valid" {
				return false // the answer is not saved yet
			}
		}
		return true
	})
	credentials := w.Status().Credentials
	for _, d := range oddAnswers() {
		b := backends[d.name]
		for _, c := range credentials {
			if c.Name != d.name+"-a" {
				continue
			}
			said := ""
			if strings.HasPrefix(d.name, "unread-") {
				said = "bad_response"
			}
			if c.LastError.Reason != said || d.life > time.Second && c.State != "valid" {
				t.Errorf("%s: got state %s with %+v", d.name, c.State, c.LastError)
			}
			if wants := map[bool]int{true: 1, false: 2}[d.name == "same"]; c.Generation < wants || d.name == "same" && c.Generation > wants {
				t.Errorf("%s: got generation %d", d.name, c.Generation)
			}
			end := c.ExpiresAt
			if end == "" {
				end = c.RenewBy // the server states no expiry
			}
			until, err := time.Parse(time.RFC3339, end)
			calls := b.of("a", false)
			if off := until.Sub(calls[len(calls)-1]) - d.life; d.life > time.Second && (err != nil || off.Abs() > 3*time.Second) {
				t.Errorf("%s: expires at %s, off by %s", d.name, end, off)
			}
		}
		checkMinInterval(t, d.name, append(b.of("a", true), b.of("a", false)...))
	}
	_, metrics := w.Get("/metrics")
	for name, want := range map[string]float64{"clock-ahead": 3600, "clock-behind": -3600} {
		_, rest, _ := strings.Cut(metrics, `vigente_clock_offset_seconds{provider="`+name+`"} `)
		text, _, _ := strings.Cut(rest, "\n")
		if off, err := strconv.ParseFloat(text, 64); err != nil || math.Abs(off-want) > 30 {
			t.Errorf("%s: got metric %q, want about %.0f", name, text, want)
		}
	}
}
