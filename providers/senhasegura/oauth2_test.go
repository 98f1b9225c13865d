package senhasegura

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/providertest"
)

var testAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// openBinding reads a provider's and a credential's section and ends the test on
// faults.
func openBinding(t testing.TB, env providers.Env, provider, cred string) providers.Binding {
	t.Helper()
	return providertest.Suite{Kind: Kind(), Provider: provider, Credential: cred}.Open(t, env)
}

// seen is one request as the backend saw it.
type seen struct {
	*http.Request
	body string
}

// refresh makes one attempt against handler and returns the request it made.
func refresh(t testing.TB, provider, cred string, handler http.HandlerFunc) (seen, credential.Credential, error) {
	t.Helper()
	var got seen
	n := providertest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = seen{r.Clone(r.Context()), string(body)}
		handler(w, r)
	}))
	b := openBinding(t, n.Env(), provider, cred)
	c, err := b.Source.Refresh(t.Context(), credential.Request{At: testAt})
	return got, c, err
}

func goodToken(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_, _ = io.WriteString(w, `{"token_type":"bearer","expires_in":3600,"access_token":"canary-token"}`)
}

func oauth2Provider(t testing.TB, id, secret, more string) string {
	t.Helper()
	t.Setenv("TEST_ID", id)
	t.Setenv("TEST_SECRET", secret)
	return `url = "https://vault.example"
client_id = { env = "TEST_ID" }
client_secret = { env = "TEST_SECRET" }
` + more
}

func TestTokenRequestOnTheWire(t *testing.T) {
	const form = "grant_type=client_credentials"
	tests := []struct {
		name, id, secret, more, cred string
		authorization, body          string
	}{
		{"basic raw is the default", "0c2fc8", "s3cr+et:x", "", "", "Basic MGMyZmM4OnMzY3IrZXQ6eA==", form},
		{"basic rfc6749", "0c2fc8", "s3cr+et:x", `basic_encoding = "rfc6749"`, "", "Basic MGMyZmM4OnMzY3IlMkJldCUzQXg=", form},
		{"basic rfc6749 writes a blank as a plus", "a b", "c d", `basic_encoding = "rfc6749"`, "", "Basic YStiOmMrZA==", form},
		{"basic beyond ASCII", "x", "ç", "", "", "Basic eDrDpw==", form},
		{"body", "0c2fc8", "s3cr+et:x &=%", `auth_style = "body"`, "", "", "client_id=0c2fc8&client_secret=s3cr%2Bet%3Ax+%26%3D%25&" + form},
		{"body with a colon in the id", "a:b", "c", `auth_style = "body"`, "", "", "client_id=a%3Ab&client_secret=c&" + form},
		{"rfc6749 with a colon in the id", "a:b", "c", `basic_encoding = "rfc6749"`, "", "Basic YSUzQWI6Yw==", form},
		{"scope", "a", "b", "", `scope = "write read write"`, "Basic YTpi", form + "&scope=write+read+write"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := refresh(t, oauth2Provider(t, tt.id, tt.secret, tt.more), tt.cred, goodToken)
			if err != nil {
				t.Fatal(err)
			}
			if a := got.Header.Get("Authorization"); a != tt.authorization {
				t.Errorf("Authorization %q, want %q", a, tt.authorization)
			}
			if got.body != tt.body {
				t.Errorf("body %q, want %q", got.body, tt.body)
			}
			if got.Method != "POST" || got.URL.RequestURI() != "/iso/oauth2/token" {
				t.Errorf("%s %s, want POST to the default path without a query", got.Method, got.URL.RequestURI())
			}
			if ct := got.Header.Get("Content-Type"); ct != "application/x-www-form-urlencoded" {
				t.Errorf("Content-Type: got %q, want %q", ct, "application/x-www-form-urlencoded")
			}
			if got.Header.Get("Referer") != "" {
				t.Error("a referer that was not configured")
			}
		})
	}
}

func TestTokenURLKeepsTheBasePath(t *testing.T) {
	tests := []struct{ url, path, want string }{
		{"https://vault.example", "", "/iso/oauth2/token"},
		{"https://vault.example/", "", "/iso/oauth2/token"},
		{"https://vault.example/pam", "", "/pam/iso/oauth2/token"},
		{"https://vault.example/pam/", "/api/oauth2/token", "/pam/api/oauth2/token"},
		{"https://vault.example/a%20b/c%2Fd", "/token", "/a%20b/c%2Fd/token"},
	}
	for _, tt := range tests {
		text := `url = "` + tt.url + `"
client_id = "a"
client_secret = { env = "TEST_SECRET" }
referer = "https://erp.example/x"
`
		if tt.path != "" {
			text += `token_path = "` + tt.path + `"`
		}
		t.Setenv("TEST_SECRET", "b")
		got, _, err := refresh(t, text, "", goodToken)
		if err != nil {
			t.Fatal(err)
		}
		if got.URL.RequestURI() != tt.want {
			t.Errorf("%s with %q: %s, want %s", tt.url, tt.path, got.URL.RequestURI(), tt.want)
		}
		if got.Header.Get("Referer") != "https://erp.example/x" {
			t.Errorf("Referer %q", got.Header.Get("Referer"))
		}
	}
}

func TestCredentialOfAToken(t *testing.T) {
	more := `authorization_expires_at = "2027-01-31 18:00"`
	_, c, err := refresh(t, oauth2Provider(t, "a", "b", more), "", goodToken)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"access_token": "canary-token", "token_type": "Bearer", "authorization": "Bearer canary-token"}
	for name, value := range want {
		if got := c.Values[name].Reveal(); got != value {
			t.Errorf("%s = %q, want %q", name, got, value)
		}
	}
	if len(c.Values) != len(want) || len(c.Seed) != 0 {
		t.Errorf("values %v, seed %v", c.Values, c.Seed)
	}
	if !c.IssuedAt.Equal(testAt) || !c.ExpiresAt.Equal(testAt.Add(time.Hour)) {
		t.Errorf("issued %v, expires %v, want them to count from the request", c.IssuedAt, c.ExpiresAt)
	}
	end := time.Date(2027, 1, 31, 18, 0, 0, 0, time.UTC)
	for _, provider := range []string{oauth2Provider(t, "a", "b", more), oauth1Provider(t, more)} {
		l := openBinding(t, providertest.Serve(t, http.NotFoundHandler()).Env(), provider, "").Limits
		if len(l) != 1 || l[0].Kind != "authorization" || !l[0].Person || !l[0].EndsAt.Equal(end) {
			t.Errorf("got the limits %+v, want the end of the authorization", l)
		}
	}
}

func TestOAuth2AgainstTheEmulator(t *testing.T) {
	for _, more := range []string{"", `basic_encoding = "rfc6749"`, `auth_style = "body"`} {
		v := vault()
		n := providertest.Serve(t, v)
		b := openBinding(t, n.Env(), oauth2Provider(t, testID, testSecret, more), "")
		c, err := b.Source.Refresh(t.Context(), credential.Request{At: testAt})
		if err != nil {
			t.Fatalf("%q: %v", more, err)
		}
		use := httptest.NewRequest(http.MethodGet, "https://vault.example/iso/pam/device", nil)
		use.Header.Set("Authorization", c.Values[fieldAuthorization].Reveal())
		w := httptest.NewRecorder()
		v.ServeHTTP(w, use)
		if w.Code != 200 {
			t.Errorf("%q: token: got %d, want %d", more, w.Code, 200)
		}
		counts := v.Counts()
		if counts.TokenRequests != 1 || counts.BothAuthMethods != 0 || counts.SecretsInQuery != 0 || counts.Forbidden() != 0 {
			t.Errorf("%q: counts %+v", more, counts)
		}
	}
}

func TestOAuth2RevokesAndSpendsNothing(t *testing.T) {
	n := providertest.Serve(t, vault())
	b := openBinding(t, n.Env(), oauth2Provider(t, "a", "b", ""), "")
	if _, ok := b.Source.(credential.Revoker); ok {
		t.Error("it says that a renewal revokes the old token")
	}
	if _, ok := b.Source.(credential.Spender); ok {
		t.Error("it says that a renewal spends a seed")
	}
}

func TestProbeMakesNoTokenRequest(t *testing.T) {
	v := vault()
	n := providertest.Serve(t, v)
	b := openBinding(t, n.Env(), oauth2Provider(t, testID, testSecret, ""), "")
	prober := b.Source.(credential.Prober)
	if err := prober.Probe(t.Context()); err != nil {
		t.Errorf("probe of a vault in good order: %v", err)
	}
	if c := v.Counts(); c.Requests != 1 || c.TokenRequests != 0 {
		t.Errorf("counts %+v, want one request for no token", c)
	}
	for fault, want := range map[string]credential.Reason{
		"kong-404": "", "invalid-client": "", "unsupported-grant": "",
		"html": credential.ReasonBadResponse, "html-403": credential.ReasonBadResponse, "redirect": credential.ReasonBadResponse,
		"bad-gateway": credential.ReasonServer, "throttled": credential.ReasonThrottled, "drop": credential.ReasonNetwork,
	} {
		// Until it is cleared: net/http repeats a GET whose connection was cut.
		if err := v.SetFault(fault, -1); err != nil {
			t.Fatal(err)
		}
		err := prober.Probe(t.Context())
		_ = v.SetFault("", 0)
		switch {
		case err == nil && want != "":
			t.Errorf("%s: reached, want %s", fault, want)
		case err != nil && credential.AsFault(err).Reason != want:
			t.Errorf("%s: %v (%s), want %q", fault, err, credential.AsFault(err).Reason, want)
		}
	}
}

func TestIdentity(t *testing.T) {
	n := providertest.Serve(t, vault())
	id := func(base, client, cred string) string {
		t.Helper()
		t.Setenv("TEST_SECRET", "s")
		text := "url = \"" + base + "\"\nclient_id = \"" + client + "\"\nclient_secret = { env = \"TEST_SECRET\" }\n"
		return openBinding(t, n.Env(), text, cred).Identity
	}
	first := id("https://vault.example", "canary", "")
	for name, same := range map[string]string{
		"slash":  id("https://vault.example/", "canary", ""),
		"port":   id("https://VAULT.example:443", "canary", ""),
		"blanks": id("https://vault.example", "canary", `scope = " "`),
	} {
		if same != first {
			t.Errorf("%s: another identity for the same thing", name)
		}
	}
	for name, other := range map[string]string{
		"url":   id("https://vault2.example", "canary", ""),
		"id":    id("https://vault.example", "canary2", ""),
		"scope": id("https://vault.example", "canary", `scope = "a"`),
	} {
		if other == first {
			t.Errorf("%s: the same identity for another thing", name)
		}
	}
	if id("https://vault.example", "x", `scope = "b a b"`) != id("https://vault.example", "x", `scope = "a b"`) {
		t.Error("the order of a scope's words changes the identity")
	}
	if id("https://vault.example", "ab", `scope = "c"`) == id("https://vault.example", "a", `scope = "bc"`) {
		t.Error("where the id ends does not count")
	}
	if strings.Contains(first, "canary") {
		t.Error("the identity shows the client id")
	}
}

func TestBasicNeverGoesWithBodySecrets(t *testing.T) {
	for _, style := range []string{"basic", "body"} {
		got, _, err := refresh(t, oauth2Provider(t, "a", "b", `auth_style = "`+style+`"`), "", goodToken)
		if err != nil {
			t.Fatal(err)
		}
		form, err := url.ParseQuery(got.body)
		if err != nil {
			t.Fatal(err)
		}
		inHeader, inBody := got.Header.Get("Authorization") != "", form.Has("client_secret") || form.Has("client_id")
		if inHeader == inBody || inBody != (style == "body") {
			t.Errorf("%s: header %v, body %v, want exactly one way", style, inHeader, inBody)
		}
	}
}
