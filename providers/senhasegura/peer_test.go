package senhasegura

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers"
)

// peerCase is one application at another project's server.
type peerCase struct {
	name, id, secret, more, cred string
	want                         credential.Reason // empty for a token
}

// obtain requests a token from the server at address, and returns the token and
// its lifetime, both zero if the case expects a refusal.
func (c peerCase) obtain(t *testing.T, address string) (life time.Duration, token string) {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	env := providers.Env{
		Warn:      func(string) {},
		Transport: func(providers.TransportOptions) http.RoundTripper { return transport },
	}
	text := strings.Replace(oauth2Provider(t, c.id, c.secret, c.more), "https://vault.example", address, 1)
	if !strings.Contains(c.more, "token_path") {
		text += "\ntoken_path = \"/token\""
	}
	b := openBinding(t, env, text, c.cred)
	at := time.Now()
	got, err := b.Source.Refresh(t.Context(), credential.Request{At: at})
	if c.want != "" {
		if err == nil || credential.AsFault(err).Reason != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
		return 0, ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return got.ExpiresAt.Sub(at), got.Values[fieldAccessToken].Reveal()
}

// activeAt asks the server about a token (RFC 7662).
func activeAt(t testing.TB, address, style, id, secret, token string) bool {
	t.Helper()
	form := url.Values{"token": {token}}
	if strings.Contains(style, "body") {
		form.Set("client_id", id)
		form.Set("client_secret", secret)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/token/introspection", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if !strings.Contains(style, "body") {
		req.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Active bool }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer.Active
}
