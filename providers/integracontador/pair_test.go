package integracontador

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/integracontador/emulator"
)

func TestLoginOnTheWire(t *testing.T) {
	w := newFixture(t, nil)
	var body string
	var seen *http.Request
	w.answer = func(out http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		body, seen = string(text), r.Clone(r.Context())
		r.Body = io.NopCloser(strings.NewReader(body))
		w.service.ServeHTTP(out, r)
	}
	if err := w.login(); err != nil {
		t.Fatal(err)
	}
	if seen.Method != "POST" || seen.URL.RequestURI() != "/authenticate" || body != "grant_type=client_credentials" {
		t.Errorf("%s %s %q", seen.Method, seen.URL.RequestURI(), body)
	}
	for name, want := range map[string]string{
		// The vendor's sample pair, without the line break in that sample.
		"Authorization": "Basic ZGphUjIxUEdvWXAxaXlLMm4yQUNPSDlSRWRVYjpPYlJzQUpXT0w0ZnYyVHAyN0QxdmQ4ZkIzT3Rl",
		"Role-Type":     "TERCEIROS", "Content-Type": "application/x-www-form-urlencoded",
	} {
		if got := seen.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestLifeCountsDown logs in again during the session: the same pair with its
// remaining lifetime.
func TestLifeCountsDown(t *testing.T) {
	w := newFixture(t, nil)
	if err := w.login(); err != nil {
		t.Fatal(err)
	}
	first := w.session
	if !first.ExpiresAt.Equal(w.at.Add(time.Hour)) || !first.IssuedAt.Equal(w.at) || !first.CountedExpiry {
		t.Errorf("issued %v, expires %v", first.IssuedAt, first.ExpiresAt)
	}
	if l := w.pair.Limits; len(l) != 1 || l[0].Kind != "certificate" || !l[0].Person || !l[0].EndsAt.Equal(ids().contratante.Certificate.NotAfter) {
		t.Errorf("got the limits %v, want the end of the certificate", l)
	}
	w.at = w.at.Add(40 * time.Minute)
	if err := w.login(); err != nil {
		t.Fatal(err)
	}
	if !w.session.SameValues(first) || !w.session.ExpiresAt.Equal(first.ExpiresAt) {
		t.Error("another pair, or another end")
	}
	if d := w.session.UsefulAfter.Sub(w.session.ExpiresAt); !first.UsefulAfter.IsZero() || d != 2*time.Second {
		t.Errorf("useful %v after the end, the first time at %v", d, first.UsefulAfter)
	}
	w.at = w.at.Add(20 * time.Minute)
	if err := w.login(); err != nil {
		t.Fatal(err)
	}
	if w.session.SameValues(first) || w.session.Values[fieldJWT].Equal(first.Values[fieldJWT]) {
		t.Error("a session that is over was handed out again")
	}
	w.fault("expires-in-short")
	if err := w.login(); err != nil || w.session.ExpiresAt.Sub(w.at) != 45*time.Second {
		t.Errorf("%v, a short life of %v", err, w.session.ExpiresAt.Sub(w.at))
	}
	w.fault("no-expires-in")
	if err := w.login(); err != nil || !w.session.ExpiresAt.IsZero() {
		t.Errorf("got error %v and expiry %v, want neither", err, w.session.ExpiresAt)
	}
}

func TestLoginForms(t *testing.T) {
	for name, change := range map[string]func(*emulator.Settings){
		"text":    func(s *emulator.Settings) { s.ExpiresInText = true },
		"new":     func(s *emulator.Settings) { s.AlwaysNew = true },
		"new jwt": func(s *emulator.Settings) { s.NewJWT = true },
	} {
		w := newFixture(t, change)
		for range 3 {
			if err := w.login(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			// The returned pair works, whichever of the two tokens is new.
			w.mustPost()
		}
	}
}

func TestLoginFaults(t *testing.T) {
	for name, want := range map[string]credential.Reason{
		"no-certificate": credential.ReasonRejected, "bad-credentials": credential.ReasonRejected, "login-forbidden": credential.ReasonRejected,
		"unsupported-media": credential.ReasonInvalidRequest, "no-jwt": credential.ReasonBadResponse, "expires-in-zero": credential.ReasonBadResponse,
		"html": credential.ReasonBadResponse, "html-403": credential.ReasonBadResponse, "html-502": credential.ReasonServer, "suspended": credential.ReasonServer,
		"throttled": credential.ReasonThrottled, "throttled-page": credential.ReasonThrottled, "huge": credential.ReasonBadResponse, "drop": credential.ReasonNetwork,
		"server-error": credential.ReasonServer, "empty": credential.ReasonBadResponse, "garbage": credential.ReasonBadResponse, "cut": credential.ReasonNetwork,
	} {
		w := newFixture(t, nil)
		w.fault(name)
		f := wantFault(t, w.login(), want, "")
		if name == "throttled" && f.RetryAfter.IsZero() {
			t.Error("Retry-After was not read")
		}
	}
}

func TestExpiredCertificateDoesNotLogIn(t *testing.T) {
	w := newFixture(t, nil)
	w.pair.Source.(*pair).certificate.pair.Leaf = ids().expired.Certificate
	wantFault(t, w.login(), credential.ReasonRejected, "contratante.pem expired at 1995-01-01")
	w.pair.Source.(*pair).certificate.pair = nil
	wantFault(t, w.login(), credential.ReasonInternal, "was not read")
	if w.service.Counts().Requests != 0 {
		t.Error("a call was made")
	}
}

func TestLifeOfAJWT(t *testing.T) {
	w := newFixture(t, nil)
	w.answer = func(out http.ResponseWriter, _ *http.Request) {
		// exp is an hour after the server's own clock, which is a day ahead.
		out.Header().Set("Date", w.at.Add(24*time.Hour).Format(http.TimeFormat))
		_, _ = io.WriteString(out, `{"access_token":"`+jwtUntil(w.at.Add(25*time.Hour))+`","jwt_token":"a.b.c"}`)
	}
	if err := w.login(); err != nil || w.session.ExpiresAt.Sub(w.at) != time.Hour {
		t.Errorf("%v, life %v", err, w.session.ExpiresAt.Sub(w.at))
	}
}
