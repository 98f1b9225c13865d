package senhasegura

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/providertest"
)

// The authorization of the tests, in the vendor's shape.
const (
	testConsumerKey    = "000000000a1b2c3d4e5f60718293a4b5c6d7e8f90"
	testConsumerSecret = "112233445566778899aabbccddeeff00"
	testTokenKey       = "fffffffff0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	testTokenSecret    = "ffeeddccbbaa99887766554433221100"
)

func oauth1Suite() providertest.Suite {
	return providertest.Suite{
		Kind: Kind(),
		Provider: `
			auth = "oauth1"
			url = "https://vault.example"
			consumer_key = "` + testConsumerKey + `"
			consumer_secret = { file = "{dir}/consumer" }
			token_key = "` + testTokenKey + `"
			token_secret = { file = "{dir}/token" }
		`,
		Files:    map[string]string{"consumer": testConsumerSecret + "\n", "token": testTokenSecret},
		Backend:  func() http.Handler { return vault() },
		Answers:  "testdata/probe-answers",
		Secrets:  []string{testConsumerSecret, testTokenSecret},
		HeadOnly: true,
		OneShot:  true,
	}
}

func TestOAuth1KeepsTheContract(t *testing.T) {
	providertest.Run(t, oauth1Suite())
}

func oauth1Provider(t testing.TB, more string) string {
	t.Helper()
	t.Setenv("TEST_CONSUMER", testConsumerSecret)
	t.Setenv("TEST_TOKEN", testTokenSecret)
	return `auth = "oauth1"
url = "https://vault.example"
consumer_key = "` + testConsumerKey + `"
consumer_secret = { env = "TEST_CONSUMER" }
token_key = "` + testTokenKey + `"
token_secret = { env = "TEST_TOKEN" }
` + more
}

func TestSignedProbeOnTheWire(t *testing.T) {
	more := "referer = \"https://erp.example\"\nauthorization_expires_at = \"2027-01-31\""
	got, c, err := refresh(t, oauth1Provider(t, more), "", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"response":{"status":200,"error":false},"devices":[]}`))
	})
	if err != nil {
		t.Fatal(err)
	}
	header := got.Header.Get("Authorization")
	if got.Method != "GET" || got.URL.RequestURI() != "/iso/pam/device" || got.body != "" || got.Header.Get("Referer") != "https://erp.example" {
		t.Errorf("%s %s with body %q", got.Method, got.URL.RequestURI(), got.body)
	}
	if !strings.HasPrefix(header, "OAuth ") || !strings.Contains(header, `oauth_timestamp="1772366400"`) {
		t.Errorf("Authorization %q, want it signed at the request's instant", header)
	}
	if strings.Contains(header, testConsumerSecret) || strings.Contains(header, testTokenSecret) {
		t.Error("the header shows a secret")
	}
	want := map[string]string{"consumer_key": testConsumerKey, "token_key": testTokenKey}
	for name, value := range want {
		if c.Values[name].Reveal() != value {
			t.Errorf("%s = %q, want %q", name, c.Values[name].Reveal(), value)
		}
	}
	if len(c.Values) != len(want) || !c.ExpiresAt.IsZero() || !c.IssuedAt.Equal(testAt) {
		t.Errorf("credential %+v, want the two keys and no expiry", c)
	}
}

// TestOAuth1AgainstTheEmulator relies on the emulator's own verification.
func TestOAuth1AgainstTheEmulator(t *testing.T) {
	v := vault()
	n := providertest.Serve(t, v)
	b := openBinding(t, n.Env(), oauth1Provider(t, `probe_path = "/api/pam/device/99999"`), "")
	at := time.Now()
	for range 2 { // The same instant twice: the nonce must differ.
		if _, err := b.Source.Refresh(t.Context(), credential.Request{At: at}); err != nil {
			t.Fatal(err)
		}
	}
	if c := v.Counts(); c.OAuth1Accepted != 2 || c.OAuth1Refused != 0 || c.Forbidden() != 0 || c.SecretsInQuery != 0 {
		t.Errorf("counts %+v", c)
	}
}

// TestSignerAgainstTheEmulator signs a request that another program sends.
func TestSignerAgainstTheEmulator(t *testing.T) {
	v := vault()
	n := providertest.Serve(t, v)
	signer := openBinding(t, n.Env(), oauth1Provider(t, ""), "").Source.(credential.Signer)
	const target = "https://vault.example/iso/pam/device?b=%20+&a=%C3%A7&a=&realm=x"
	for body, want := range map[string]int{"x+y=%C3%A7&x+y=%26": 200, "x+y=%C3%A7": 401, "": 401} {
		header, err := signer.Sign("GET", target, map[string][]string{"x y": {"ç", "&"}}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, target, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", header.Reveal())
		w := httptest.NewRecorder()
		v.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("body %q: %d, want %d", body, w.Code, want)
		}
	}
}

func TestOAuth1IdentityIsTheAuthorization(t *testing.T) {
	n := providertest.Serve(t, vault())
	first := openBinding(t, n.Env(), oauth1Provider(t, ""), "")
	other := openBinding(t, n.Env(), strings.Replace(oauth1Provider(t, ""), testTokenKey, "x", 1), "")
	if first.Identity == other.Identity || first.Identity == "" || strings.Contains(first.Identity, testConsumerKey) {
		t.Errorf("identities %q and %q", first.Identity, other.Identity)
	}
	if strings.Join(first.Fields, " ") != "consumer_key token_key" {
		t.Errorf("fields %q", first.Fields)
	}
}

func TestOAuth1ProbeIsNotSigned(t *testing.T) {
	v := vault()
	n := providertest.Serve(t, v)
	b := openBinding(t, n.Env(), oauth1Provider(t, ""), "")
	if err := b.Source.(credential.Prober).Probe(t.Context()); err != nil {
		t.Error(err)
	}
	if c := v.Counts(); c.Requests != 1 || c.OAuth1Accepted+c.OAuth1Refused != 0 {
		t.Errorf("counts %+v, want one request without a signature", c)
	}
}

func TestSignedURL(t *testing.T) {
	tests := []struct{ url, signing, target, want string }{
		{"https://vault.example", "", "https://vault.example/a?b", "https://vault.example/a?b"},
		{"https://vault.example", "http://10.0.0.7:8080/x", "https://vault.example/a%20b?c=d#e", "http://10.0.0.7:8080/x/a%20b?c=d#e"},
		{"https://vault.example/", "http://10.0.0.7/", "https://VAULT.example:443/a", "http://10.0.0.7/a"},
		{"https://vault.example", "http://10.0.0.7", "https://vault.example", "http://10.0.0.7"},
		{"https://vault.example", "http://10.0.0.7", "https://vault.example?a=1", "http://10.0.0.7?a=1"},
		{"https://vault.example/pam", "http://10.0.0.7/in", "https://vault.example/pam/a", "http://10.0.0.7/in/a"},
		{"https://vault.example/pam", "http://10.0.0.7/in", "https://vault.example/pam?a", "http://10.0.0.7/in?a"},
		{"https://vault.example/pam", "http://10.0.0.7/in", "https://vault.example/pamela/a", "https://vault.example/pamela/a"},
		{"https://vault.example/pam", "http://10.0.0.7/in", "https://vault.example/a", "https://vault.example/a"},
		{"https://vault.example", "http://10.0.0.7", "https://other.example/a", "https://other.example/a"},
		{"https://vault.example", "http://10.0.0.7", "http://vault.example/a", "http://vault.example/a"},
		{"https://vault.example", "http://10.0.0.7", "https://vault.example:8443/a", "https://vault.example:8443/a"},
		{"https://vault.example", "http://10.0.0.7", "/a", "/a"},
		{"https://vault.example", "http://10.0.0.7", "https://[/a", "https://[/a"},
	}
	for _, tt := range tests {
		n := providertest.Serve(t, vault())
		text := strings.Replace(oauth1Provider(t, ""), "https://vault.example", tt.url, 1)
		if tt.signing != "" {
			text += `signing_base_url = "` + tt.signing + `"`
		}
		b := openBinding(t, n.Env(), text, "").Source.(*oauth1Probe)
		if got := b.signedURL(tt.target); got != tt.want {
			t.Errorf("url %s, signing_base_url %s: %s is signed as %s, want %s", tt.url, tt.signing, tt.target, got, tt.want)
		}
	}
}
