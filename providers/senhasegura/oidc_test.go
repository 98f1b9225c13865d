package senhasegura

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/credential"
	"github.com/vigented/vigente/providers/kit"
)

// oidcProvider starts an OAuth 2.0 server that shares nothing with this
// repository and follows RFC 6749 strictly. "npm install" in its folder puts it
// there.
func oidcProvider(t testing.TB) (address string) {
	t.Helper()
	const folder = "testdata/oidc-provider"
	missing := func(what string) {
		if os.Getenv("VIGENTE_REQUIRE_TOOLS") == "1" {
			t.Fatalf("%s is needed", what)
		}
		t.Skip(what + " is not installed")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing("node")
	}
	if _, err := os.Stat(folder + "/node_modules/oidc-provider"); err != nil {
		missing("npm oidc-provider (npm install --prefix providers/senhasegura/" + folder + ")")
	}
	server := exec.Command(node, "server.js")
	server.Dir = folder
	server.Stderr = t.Output()
	stdin, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // The server ends with its input.
		_ = server.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("read the address of oidc-provider: %v", err)
	}
	return strings.TrimSpace(line)
}

func TestOAuth2AgainstOidcProvider(t *testing.T) {
	const (
		plainID, plainSecret = "3ca8a98d907543812334f7f5dbafca6505e3319fb", "00112233445566778899aabbccddeeff"
		oddSecret            = "s3cr+et:x =%/&ok"
	)
	address := oidcProvider(t)
	tests := []struct {
		name, id, secret, more, cred string
		want                         credential.Reason // empty for a token
	}{
		{"basic raw", plainID, plainSecret, "", "", ""},
		{"basic rfc6749", plainID, plainSecret, `basic_encoding = "rfc6749"`, "", ""},
		{"scope", plainID, plainSecret, "", `scope = "leitura"`, ""},
		{"odd characters, rfc6749", "awkward:id +%", oddSecret, `basic_encoding = "rfc6749"`, "", ""},
		{"odd characters, body", "body id +%", oddSecret, `auth_style = "body"`, "", ""},
		{"wrong secret", plainID, "wrong", "", "", credential.ReasonRejected},
		{"wrong secret in the body", "body id +%", "wrong", `auth_style = "body"`, "", credential.ReasonRejected},
		{"unknown id", "nobody", "x", "", "", credential.ReasonRejected},
		{"plus sign, rfc6749", "plus", "a+b", `basic_encoding = "rfc6749"`, "", ""},
		{"plus sign, raw", "plus", "a+b", "", "", credential.ReasonRejected},
		{"scope that is not allowed", plainID, plainSecret, "", `scope = "escrita"`, credential.ReasonInvalidRequest},
		{"wrong path", plainID, plainSecret, `token_path = "/nowhere"`, "", credential.ReasonInvalidRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			transport := &http.Transport{}
			t.Cleanup(transport.CloseIdleConnections)
			env := kit.Env{
				Warn:      func(string) {},
				Transport: func(kit.TransportOptions) http.RoundTripper { return transport },
			}
			text := strings.Replace(oauth2Provider(t, tt.id, tt.secret, tt.more), "https://vault.example", address, 1)
			if !strings.Contains(tt.more, "token_path") {
				text += "\ntoken_path = \"/token\""
			}
			b := openBinding(t, env, text, tt.cred)
			at := time.Now()
			c, err := b.Source.Refresh(t.Context(), credential.Request{At: at})
			if tt.want != "" {
				if err == nil || credential.AsFault(err).Reason != tt.want {
					t.Errorf("%v, want %s", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if life := c.ExpiresAt.Sub(at); life != 77*time.Second {
				t.Errorf("life %v, want what the server was set to", life)
			}
			if !activeAt(t, address, tt.more, tt.id, tt.secret, c.Values[fieldAccessToken].Reveal()) {
				t.Error("the server does not know the token")
			}
		})
	}
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
