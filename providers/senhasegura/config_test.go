package senhasegura

import (
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/providertest"
)

// faultsOf opens a provider's section and returns what was reported.
func faultsOf(t testing.TB, text string) []string {
	t.Helper()
	s, err := section.Parse("providers.vault", text)
	if err != nil {
		t.Fatal(err)
	}
	n := providertest.Serve(t, vault())
	backend := open(s, n.Env())
	var out []string
	for _, f := range s.Finish() {
		out = append(out, f.Key+": "+f.Message)
	}
	// Credentials are checked even if the provider has faults.
	c, err := section.Parse("credentials.c", "scope = \"a\"\n")
	if err != nil {
		t.Fatal(err)
	}
	if bound := backend.Bind(c); bound.Source == nil || bound.Identity == "" {
		t.Errorf("a backend with the faults %q binds %+v", out, bound)
	}
	return out
}

const goodOAuth2 = `url = "https://vault.example"
client_id = "a"
client_secret = { env = "TEST_SECRET" }
`

const goodOAuth1 = `auth = "oauth1"
url = "https://vault.example"
consumer_key = "a"
consumer_secret = { env = "TEST_SECRET" }
token_key = "b"
token_secret = { env = "TEST_SECRET" }
`

func TestConfigurationFaults(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string // parts of the faults, in order; empty for none
	}{
		{"oauth2", goodOAuth2, nil},
		{"oauth1", goodOAuth1, nil},
		{"named oauth2", "auth = \"oauth2\"\n" + goodOAuth2, nil},
		{"loopback in clear", strings.Replace(goodOAuth2, "https://vault.example", "http://127.0.0.1:9000", 1), nil},
		{"nothing", "", []string{"url: is missing", "client_id: is missing", "client_secret: is missing"}},
		{"nothing of oauth1", `auth = "oauth1"`, []string{
			"url: is missing", "consumer_key: is missing", "consumer_secret: is missing", "token_key: is missing", "token_secret: is missing",
		}},
		{"unknown auth", strings.Replace(goodOAuth1, "oauth1", "oauth3", 1), []string{"auth: \"oauth3\" is not known"}},
		{"unknown auth with keys of oauth2", "auth = \"oauth3\"\n" + goodOAuth2, []string{"auth: \"oauth3\" is not known"}},
		{"clear text", strings.Replace(goodOAuth2, "https", "http", 1), []string{"url: is not encrypted"}},
		{"token path in the url", strings.Replace(goodOAuth2, ".example", ".example/iso/oauth2/token/", 1), []string{"url: ends in the token path"}},
		{"empty id", strings.Replace(goodOAuth2, `"a"`, `""`, 1), []string{"client_id: is empty"}},
		{"empty id and bad url", strings.NewReplacer(`"a"`, `""`, "https", "ftp").Replace(goodOAuth2), []string{"url: ", "client_id: is empty"}},
		{"id reference that is not there", strings.Replace(goodOAuth2, `"a"`, `{ env = "TEST_ABSENT" }`, 1), []string{"client_id.env: "}},
		{"plain secret", strings.Replace(goodOAuth2, `{ env = "TEST_SECRET" }`, `"x"`, 1), []string{"client_secret: is a plain string"}},
		{"secret of two lines", strings.Replace(goodOAuth2, "TEST_SECRET", "TEST_LINES", 1), []string{"client_secret: contains a line break"}},
		{"id of two lines", strings.Replace(goodOAuth2, `"a"`, `{ env = "TEST_LINES" }`, 1), []string{"client_id: contains a line break"}},
		{"id with a colon", strings.Replace(goodOAuth2, `"a"`, `"a:b"`, 1), []string{"client_id: holds a colon"}},
		{"auth style", goodOAuth2 + `auth_style = "post"`, []string{"auth_style: "}},
		{"encoding", goodOAuth2 + `basic_encoding = "url"`, []string{"basic_encoding: "}},
		{"relative token path", goodOAuth2 + `token_path = "iso/oauth2/token"`, []string{"token_path: is not a plain path"}},
		{"dotted token path", goodOAuth2 + `token_path = "/iso/../token"`, []string{"token_path: is not a plain path"}},
		{"root as token path", goodOAuth2 + `token_path = "/"`, []string{"token_path: is not a plain path"}},
		{"query in the token path", goodOAuth2 + `token_path = "/token?client_secret=x"`, []string{"token_path: holds a character"}},
		{"encoded token path", goodOAuth2 + `token_path = "/token%2f"`, []string{"token_path: holds a character"}},
		{"referer with a line break", goodOAuth2 + `referer = "https://a\r\nX: y"`, []string{"referer: holds a blank"}},
		{"date", goodOAuth2 + `authorization_expires_at = "31/01/2027"`, []string{"authorization_expires_at: is no date"}},
		{"tls", goodOAuth2 + `tls = { pin_sha256 = "x" }`, []string{"tls.pin_sha256: "}},
		{"tls without a url", "tls = { pin_sha256 = \"x\" }\n" + goodOAuth2[strings.Index(goodOAuth2, "\n")+1:], []string{"url: is missing", "tls.pin_sha256: "}},
		{"unknown key", goodOAuth2 + `client_key = "x"`, []string{"client_key: unknown key"}},
		{"keys of oauth1", goodOAuth2 + "consumer_key = \"x\"\nprobe_path = \"/x\"", []string{"consumer_key: is a key of oauth1", "probe_path: is a key of oauth1"}},
		{"keys of oauth2", goodOAuth1 + `client_id = "x"`, []string{"client_id: is a key of oauth2"}},
		{"probe of a password", goodOAuth1 + `probe_path = "/iso/pam/credential/7"`, []string{"probe_path: reads a password"}},
		{"probe of a password by the base", strings.Replace(goodOAuth1, ".example", ".example/iso/coe/senha", 1) + `probe_path = "/7"`, []string{"probe_path: reads a password"}},
		{"signing base in clear", goodOAuth1 + `signing_base_url = "http://vault.internal:8080/x"`, nil},
		{"signing base", goodOAuth1 + `signing_base_url = "vault.internal"`, []string{"signing_base_url: "}},
		{"oauth1 without url", strings.Replace(goodOAuth1, "url", "# url", 1) + `tls = { pin_sha256 = "x" }`, []string{"url: is missing", "tls.pin_sha256: "}},
	}
	t.Setenv("TEST_SECRET", "canary")
	t.Setenv("TEST_LINES", "canary\ncanary")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := faultsOf(t, tt.text)
			for i, f := range got {
				if i >= len(tt.want) || !strings.Contains(f, tt.want[i]) {
					t.Errorf("faults %q, want %q", got, tt.want)
					break
				}
				if strings.Contains(f, "canary") {
					t.Errorf("fault %q shows a secret", f)
				}
			}
			if len(got) < len(tt.want) {
				t.Errorf("faults %q, want %q", got, tt.want)
			}
		})
	}
}

func TestScopeOfACredential(t *testing.T) {
	t.Setenv("TEST_SECRET", "x")
	n := providertest.Serve(t, vault())
	for text, want := range map[string]string{
		"":                       "",
		`scope = "b  a"`:         "",
		`scope = "a\"b"`:         "scope: holds a character",
		`scope = "a\\b"`:         "scope: holds a character",
		`scope = "a\u00a0b"`:     "scope: holds a character",
		`scope = "a\u00a0"`:      "scope: holds a character",
		`scope = "ç"`:            "scope: holds a character",
		`scope = "a\u0007"`:      "scope: holds a character",
		"scope = \"a\"\nx = 1":   "x: unknown key",
		`scope = ["a"]`:          "scope: is",
		`client_id = "override"`: "client_id: unknown key",
	} {
		provider, err := section.Parse("providers.vault", goodOAuth2)
		if err != nil {
			t.Fatal(err)
		}
		s, err := section.Parse("credentials.token", text)
		if err != nil {
			t.Fatal(err)
		}
		open(provider, n.Env()).Bind(s)
		faults := s.Finish()
		if (len(faults) > 0) != (want != "") || len(faults) > 0 && !strings.Contains(faults[0].Key+": "+faults[0].Message, want) {
			t.Errorf("%q: faults %v, want %q", text, faults, want)
		}
	}
}

func TestOAuth1CredentialsHaveNoKeys(t *testing.T) {
	t.Setenv("TEST_SECRET", "x")
	n := providertest.Serve(t, vault())
	provider, err := section.Parse("providers.vault", goodOAuth1)
	if err != nil {
		t.Fatal(err)
	}
	s, err := section.Parse("credentials.token", `scope = "a"`)
	if err != nil {
		t.Fatal(err)
	}
	open(provider, n.Env()).Bind(s)
	if faults := s.Finish(); len(faults) != 1 || faults[0].Key != "credentials.token.scope" {
		t.Errorf("faults %v, want scope refused", faults)
	}
}

func TestEndOfAnAuthorization(t *testing.T) {
	zone := time.FixedZone("-03", -3*60*60)
	for text, want := range map[string]time.Time{
		"2027-01-31":                time.Date(2027, 1, 31, 3, 0, 0, 0, time.UTC),
		"2027-01-31 18:00":          time.Date(2027, 1, 31, 21, 0, 0, 0, time.UTC),
		"2027-01-31 18:00:30":       time.Date(2027, 1, 31, 21, 0, 30, 0, time.UTC),
		"2027-01-31T18:00:00Z":      time.Date(2027, 1, 31, 18, 0, 0, 0, time.UTC),
		"2027-01-31T18:00:00-05:00": time.Date(2027, 1, 31, 23, 0, 0, 0, time.UTC),
	} {
		if got, err := parseEnd(text, zone); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
	if got, err := parseEnd("2027-01-31", nil); err != nil || !got.Equal(time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("without a zone: %v, %v", got, err)
	}
	for _, text := range []string{"", "tomorrow", "2027-02-30", "31-01-2027"} {
		if got, err := parseEnd(text, zone); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

func TestInsecureIsSaidLoudly(t *testing.T) {
	t.Setenv("TEST_SECRET", "x")
	for _, text := range []string{goodOAuth2, goodOAuth1} {
		var said []string
		n := providertest.Serve(t, vault())
		env := n.Env()
		env.Warn = func(message string) { said = append(said, message) }
		s, err := section.Parse("providers.vault", text+"tls = { insecure_skip_verify = true }")
		if err != nil {
			t.Fatal(err)
		}
		if open(s, env) == nil || len(said) != 1 || !strings.Contains(said[0], "vault.example") {
			t.Errorf("warnings %q, want one that names the host", said)
		}
	}
}

var _ providers.Backend = (*oauth2)(nil)
