package oauth2

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/needs"
)

// fosite starts a server with Ory's library, an independent implementation.
func fosite(t testing.TB, keys string) *stage {
	t.Helper()
	return peer(t, exec.Command(needs.Program(t, "../senhasegura/testdata/fosite"), keys), filepath.Dir(keys))
}

// TestAgainstFosite logs in by code, renews with single-use refresh tokens, and
// authenticates with a signed assertion, at another project's server.
func TestAgainstFosite(t *testing.T) {
	public, _, private := pair(t, "rsa")
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys.json")
	number := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
	key := public.(*rsa.PublicKey)
	set, err := json.Marshal(map[string]any{"keys": []any{map[string]string{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "k1", "n": number(key.N), "e": number(big.NewInt(int64(key.E))),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{dir: dir}
	s.write(t, "keys.json", set)
	s = fosite(t, keys)
	s.write(t, "client.pem", private)
	s.write(t, "secret", []byte("s3cr+et:x =%/&ok"))
	s.write(t, "ca.pem", private)

	t.Run("private_key_jwt", func(t *testing.T) {
		b := s.open(t, "token_url = \"{url}/token\"\nclient_id = \"signing\"\nclient_auth = \"private_key_jwt\"\nkey = { file = \"{dir}/client.pem\" }\nkey_id = \"k1\"\n", `scope = "leitura"`)
		for range 2 { // an assertion works once, so each call needs its own
			if c := obtain(t, b, credential.Request{}); c.Values["scope"].Reveal() != "leitura" {
				t.Errorf("the scope is %q", c.Values["scope"].Reveal())
			}
		}
	})
	t.Run("rotation", func(t *testing.T) {
		b := s.open(t, "token_url = \"{url}/token\"\nauthorize_url = \"{url}/authorize\"\nclient_id = \"coded\"\nclient_secret = { file = \"{dir}/secret\" }\n",
			"grant = \"refresh_token\"\nscope = \"offline\"\n")
		a := b.Source.(credential.Authorizer)
		at := time.Now()
		in, err := a.Invite(t.Context(), at, offer)
		if err != nil {
			t.Fatal(err)
		}
		first, err := a.Redeem(t.Context(), at, in, person(t, in.Address))
		if err != nil {
			t.Fatal(err)
		}
		rotates(t, b, first)
	})
}
