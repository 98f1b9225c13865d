package arqged

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

// scribe gives every request the same answer and keeps the last request.
type scribe struct {
	status int
	body   string
	header http.Header

	method, path string
	sent         http.Header
	got          map[string]any
	calls        int
}

func (s *scribe) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.calls++
	s.method, s.path, s.sent, s.got = r.Method, r.URL.RequestURI(), r.Header.Clone(), nil
	data, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(data, &s.got)
	for name, values := range s.header {
		w.Header()[name] = values
	}
	w.WriteHeader(s.status)
	_, _ = io.WriteString(w, s.body)
}

const goodAnswer = `{"IdUsuario":"` + testID + `","NomeUsuario":"n","Login":"l","Token":"t2","ExpiracaoToken":"","RefreshToken":"r2","ExpiracaoRefreshToken":"2000-02-01T00:00:00Z"}`

func good() *scribe { return &scribe{status: 201, body: goodAnswer} }

func refreshed(t testing.TB, o opened, req credential.Request) (credential.Credential, *credential.Fault) {
	t.Helper()
	req.At = testAt
	c, err := o.source.Refresh(t.Context(), req)
	if err == nil {
		return c, nil
	}
	return c, credential.AsFault(err)
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if string(a) != string(b) {
		t.Errorf("%s is %s, want %s", what, a, b)
	}
}

func TestLoginRequest(t *testing.T) {
	for _, c := range []struct {
		provider, cred string
		want           map[string]any
	}{
		{"", "", map[string]any{"username": testUser, "password": testPassword, "tempoExpiracao": 7200, "utilizacaoUnica": false}},
		{"", "token_minutes = 60\nsingle_use = true", map[string]any{"username": testUser, "password": testPassword, "tempoExpiracao": 60, "utilizacaoUnica": true}},
		{"", `single_use_as = "string"`, map[string]any{"username": testUser, "password": testPassword, "tempoExpiracao": 7200, "utilizacaoUnica": "False"}},
		{`aplicacao = "ERP"`, "single_use = true\nsingle_use_as = \"string\"", map[string]any{"username": testUser, "password": testPassword, "aplicacao": "ERP", "tempoExpiracao": 7200, "utilizacaoUnica": "True"}},
	} {
		s := good()
		o := sound(t, s, leastProvider+c.provider, c.cred)
		if _, f := refreshed(t, o, credential.Request{}); f != nil {
			t.Fatal(f)
		}
		equal(t, "the body of Login", s.got, c.want)
		if s.method != "POST" || s.path != "/api/Autenticacao/Login" || s.sent.Get("Content-Type") != "application/json" || s.calls != 1 {
			t.Errorf("%s %s %v", s.method, s.path, s.sent)
		}
		if _, ok := s.sent["Subscriptionkey"]; ok || s.sent.Get("Authorization") != "" {
			t.Errorf("headers %v", s.sent)
		}
	}
}

func TestRefreshRequest(t *testing.T) {
	s := good()
	o := sound(t, s, strings.Replace(withKeys, "arqged.example", "arqged.example/v1/", 1), "")
	c, f := refreshed(t, o, credential.Request{Previous: previous("r1")})
	if f != nil {
		t.Fatal(f)
	}
	equal(t, "the body of RefreshToken", s.got, map[string]any{"idUsuario": testID, "username": testUser, "refreshToken": "r1"})
	if s.path != "/v1/api/Autenticacao/RefreshToken" || s.sent.Get("SubscriptionKey") != testKey1 || s.sent.Get("Authorization") != "" {
		t.Errorf("%s %v", s.path, s.sent)
	}
	if c.Seed[seedToken].Reveal() != "r2" || c.Seed[seedEndsAt].Reveal() != "2000-02-01T00:00:00Z" || c.Seed[seedKey].Reveal() != "1" {
		t.Error("the new seed is not that of the answer")
	}
	for name, want := range map[string]string{fieldToken: "t2", fieldAuthorization: "Bearer t2", fieldUserID: testID, fieldLogin: "l"} {
		if c.Values[name].Reveal() != want {
			t.Errorf("%s: got %q, want %q", name, c.Values[name].Reveal(), want)
		}
	}
	if len(c.Values) != 4 || !c.IssuedAt.Equal(testAt) || c.ExpiresAt.Sub(testAt) != 5*24*time.Hour {
		t.Errorf("%+v", c)
	}
}

// TestWhenARefreshTokenIsShown: only if it is known to be unspent.
func TestWhenARefreshTokenIsShown(t *testing.T) {
	without := func(name string) credential.Credential {
		p := previous("r1")
		delete(p.Seed, name)
		return p
	}
	ending := func(in time.Duration) credential.Credential {
		p := previous("r1")
		p.Seed[seedEndsAt] = credential.NewSecret(testAt.Add(in).Format(time.RFC3339))
		return p
	}
	for _, c := range []struct {
		what   string
		req    credential.Request
		shown  bool
		spends bool
	}{
		{"nothing before", credential.Request{}, false, false},
		{"a refresh token", credential.Request{Previous: previous("r1")}, true, true},
		{"a lost answer", credential.Request{Previous: previous("r1"), Lost: true}, false, true},
		{"no user", credential.Request{Previous: without(seedUserID)}, false, false},
		{"no token", credential.Request{Previous: without(seedToken)}, false, false},
		{"not over", credential.Request{Previous: ending(2 * time.Minute)}, true, true},
		{"over on the way", credential.Request{Previous: ending(30 * time.Second)}, false, true},
		{"over", credential.Request{Previous: ending(-time.Hour)}, false, true},
	} {
		s := good()
		o := sound(t, s, leastProvider, "")
		if _, f := refreshed(t, o, c.req); f != nil {
			t.Fatal(f)
		}
		if shown := strings.HasSuffix(s.path, "/RefreshToken"); shown != c.shown {
			t.Errorf("%s: %s", c.what, s.path)
		}
		if got := o.source.Spends(c.req.Previous); got != c.spends {
			t.Errorf("%s: Spends: got %v, want %v", c.what, got, c.spends)
		}
	}
}

// TestWhatBecomesOfTheSeed after a failure of either call.
func TestWhatBecomesOfTheSeed(t *testing.T) {
	const gateway = `{"statusCode":401,"message":"Access denied due to invalid subscription key."}`
	for _, c := range []struct {
		what   string
		answer scribe
		lost   bool
		spent  bool
		reason credential.Reason
	}{
		{"refresh refused", scribe{status: 401}, false, true, credential.ReasonBadResponse},
		{"refresh and 500", scribe{status: 500}, false, true, credential.ReasonServer},
		{"refresh and 503", scribe{status: 503}, false, true, credential.ReasonServer},
		{"refresh and an empty success", scribe{status: 201}, false, true, credential.ReasonBadResponse},
		{"refresh and a token that is over", scribe{status: 201, body: `{"Token":"a.eyJleHAiOjF9.c"}`}, false, true, credential.ReasonBadResponse},
		{"refresh at a gateway that does not know the key", scribe{status: 401, body: gateway}, false, false, credential.ReasonServer},
		{"refresh throttled", scribe{status: 429}, false, false, credential.ReasonThrottled},
		{"refresh at the wrong path", scribe{status: 404, body: `{"statusCode":404,"message":"Resource not found"}`}, false, false, credential.ReasonInvalidRequest},
		{"refresh redirected", scribe{status: 302}, false, false, credential.ReasonBadResponse},
		{"refresh at a firewall", scribe{status: 403, body: "<html>"}, false, false, credential.ReasonBadResponse},
		{"login refused", scribe{status: 401}, true, true, credential.ReasonRejected},
		{"login throttled", scribe{status: 429}, true, true, credential.ReasonThrottled},
		{"login at a gateway that does not know the key", scribe{status: 401, body: gateway}, true, true, credential.ReasonServer},
		{"login and 500", scribe{status: 500}, true, true, credential.ReasonServer},
	} {
		o := sound(t, &c.answer, withKeys, "")
		got, f := refreshed(t, o, credential.Request{Previous: previous("r1"), Lost: c.lost})
		if f == nil {
			t.Errorf("%s: success", c.what)
			continue
		}
		if f.SeedSpent != c.spent || f.Reason != c.reason || !got.IsZero() || c.answer.calls != 1 {
			t.Errorf("%s: %+v after %d calls", c.what, f, c.answer.calls)
		}
	}
	// Without a seed there is nothing to discard.
	if _, f := refreshed(t, sound(t, &scribe{status: 401}, leastProvider, ""), credential.Request{}); f.SeedSpent {
		t.Error("a first login that was refused forgets a seed")
	}
	// A refresh that was never sent keeps its refresh token.
	o := sound(t, good(), leastProvider, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := o.source.Refresh(ctx, credential.Request{At: testAt, Previous: previous("r1")})
	if f := credential.AsFault(err); f.SeedSpent || f.Lost || f.Reason != credential.ReasonCancelled {
		t.Errorf("a refresh that never left: %+v", f)
	}
}

// TestAnswersWithLess keeps what an answer leaves out.
func TestAnswersWithLess(t *testing.T) {
	before := previous("r1")
	before.Seed[seedEndsAt] = credential.NewSecret("2000-01-20T00:00:00Z")
	bare := &scribe{status: 201, body: `{"Token":"t2"}`}
	c, f := refreshed(t, sound(t, bare, leastProvider, ""), credential.Request{Previous: before})
	if f != nil {
		t.Fatal(f)
	}
	if c.Seed[seedToken].Reveal() != "r1" || c.Seed[seedEndsAt].Reveal() != "2000-01-20T00:00:00Z" || len(c.Limits) != 1 || c.Values[fieldUserID].Reveal() != testID || c.Values[fieldLogin].Reveal() != testUser {
		t.Errorf("an answer with a token alone lost what was known: %+v", c)
	}
	// After a Login the old refresh token is discarded: it had expired, or was in doubt.
	c, f = refreshed(t, sound(t, bare, leastProvider, ""), credential.Request{Previous: before, Lost: true})
	if f != nil || len(c.Seed) != 0 || len(c.Limits) != 0 || c.Values[fieldUserID].Reveal() != testID {
		t.Errorf("a login with a token alone: %+v %v", c, f)
	}
	c, f = refreshed(t, sound(t, bare, leastProvider, ""), credential.Request{})
	if _, ok := c.Values[fieldUserID]; f != nil || ok || len(c.Seed) != 0 {
		t.Errorf("a first login with a token alone: %+v %v", c, f)
	}
	// A new refresh token without an expiry does not inherit the old one's.
	s := &scribe{status: 201, body: `{"Token":"t2","RefreshToken":"r2"}`}
	c, f = refreshed(t, sound(t, s, leastProvider, ""), credential.Request{Previous: before})
	if _, ok := c.Seed[seedEndsAt]; f != nil || ok || c.Seed[seedToken].Reveal() != "r2" || len(c.Limits) != 0 {
		t.Errorf("a new refresh token without an end: %+v %v", c, f)
	}
	// Control characters reach no sink.
	s = &scribe{status: 201, body: `{"Token":"t2","Login":"a\nb","IdUsuario":"a\u0000"}`}
	c, f = refreshed(t, sound(t, s, leastProvider, ""), credential.Request{})
	if _, ok := c.Values[fieldUserID]; f != nil || ok || c.Values[fieldLogin].Reveal() != testUser {
		t.Errorf("control characters: %+v %v", c, f)
	}
}

// TestTheServersClock shifts dates to our clock if the clocks differ.
func TestTheServersClock(t *testing.T) {
	for _, c := range []struct {
		date string
		want time.Duration // expiry of a token that ends at one o'clock by the server's clock
	}{
		{"", time.Hour},
		{"Sat, 01 Jan 2000 00:00:03 GMT", time.Hour},
		{"Sat, 01 Jan 2000 00:30:00 GMT", 30 * time.Minute},
		{"Fri, 31 Dec 1999 23:00:00 GMT", 2 * time.Hour},
	} {
		s := &scribe{status: 201, body: `{"Token":"t2","ExpiracaoToken":"2000-01-01T01:00:00Z","RefreshToken":"r","ExpiracaoRefreshToken":"2000-01-01T01:00:00Z","IdUsuario":"u"}`, header: http.Header{}}
		if c.date != "" {
			s.header.Set("Date", c.date)
		}
		got, f := refreshed(t, sound(t, s, leastProvider, ""), credential.Request{})
		if f != nil || got.ExpiresAt.Sub(testAt) != c.want || len(got.Limits) != 1 || got.Limits[0].EndsAt.Sub(testAt) != c.want {
			t.Errorf("Date %q: expires after %v, refresh token %+v, %v", c.date, got.ExpiresAt.Sub(testAt), got.Limits, f)
		}
		if got.CountedExpiry != (c.date != "") {
			t.Errorf("Date %q: by our clock: %v", c.date, got.CountedExpiry)
		}
	}
	s := &scribe{status: 201, body: `{"Token":"t2"}`}
	if got, f := refreshed(t, sound(t, s, leastProvider, ""), credential.Request{}); f != nil || !got.CountedExpiry {
		t.Errorf("a life that was asked for: by our clock: %v, %v", got.CountedExpiry, f)
	}
}

func TestProbe(t *testing.T) {
	for _, status := range []int{200, 401, 404, 500} {
		s := &scribe{status: status}
		o := sound(t, s, withKeys, "")
		if err := o.source.Probe(t.Context()); err != nil {
			t.Errorf("%d: %v", status, err)
		}
		if s.method != "GET" || s.path != "/" || s.sent.Get("SubscriptionKey") != "" || s.calls != 1 {
			t.Errorf("the probe is %s %s %v", s.method, s.path, s.sent)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sound(t, good(), leastProvider, "").source.Probe(ctx); err == nil {
		t.Error("a backend that cannot be reached is reached")
	}
}

// TestTheClaimOfAJWTExplainsTheDates: a token with another lifetime than requested
// still shows how the dates beside it are written.
func TestTheClaimOfAJWTExplainsTheDates(t *testing.T) {
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"exp":946771200}`)) // a day
	s := &scribe{status: 201, body: `{"Token":"e30.` + claims + `.c","ExpiracaoToken":"01/02/2000 00:00:00","RefreshToken":"r","ExpiracaoRefreshToken":"04/02/2000 00:00:00","IdUsuario":"u"}`}
	got, f := refreshed(t, sound(t, s, leastProvider, ""), credential.Request{})
	if f != nil || got.ExpiresAt.Sub(testAt) != 24*time.Hour {
		t.Fatalf("%v, expires %v", f, got.ExpiresAt)
	}
	if want := time.Date(2000, 4, 2, 0, 0, 0, 0, time.UTC); len(got.Limits) != 1 || !got.Limits[0].EndsAt.Equal(want) {
		t.Errorf("limits %+v, want %v", got.Limits, want)
	}
}
