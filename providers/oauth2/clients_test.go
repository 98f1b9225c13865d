package oauth2

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/oauth2/emulator"
)

const withSecret = `
token_url = "{url}/token"
client_id = "` + testID + `"
client_secret = { file = "{dir}/secret" }
`

// TestEveryClientAuthentication has a strict server verify each method.
func TestEveryClientAuthentication(t *testing.T) {
	rsaKey, rsaCert, rsaPEM := pair(t, "rsa")
	ecKey, _, ecPEM := pair(t, "ec")
	sum := sha256.Sum256(rsaCert.Raw)
	for _, c := range []struct {
		name, provider string
		client         emulator.Client
	}{
		{"basic", withSecret, emulator.Client{Auth: "basic"}},
		{"basic raw", withSecret + `basic_encoding = "raw"`, emulator.Client{Auth: "basic", RawBasic: true}},
		{"body", withSecret + `client_auth = "body"`, emulator.Client{Auth: "body"}},
		{"none", "token_url = \"{url}/token\"\nclient_id = \"" + testID + "\"\nclient_auth = \"none\"\n", emulator.Client{Auth: "none"}},
		{"client_secret_jwt", withSecret + `client_auth = "client_secret_jwt"`, emulator.Client{Auth: "client_secret_jwt"}},
		{
			"private_key_jwt RS256", "token_url = \"{url}/token\"\nclient_id = \"" + testID + "\"\nclient_auth = \"private_key_jwt\"\nkey = { file = \"{dir}/rsa.pem\" }\n",
			emulator.Client{Auth: "private_key_jwt", Key: rsaKey},
		},
		{
			"private_key_jwt PS256", "token_url = \"{url}/token\"\nclient_id = \"" + testID + "\"\nclient_auth = \"private_key_jwt\"\nkey = { file = \"{dir}/rsa.pem\" }\nsigning_alg = \"PS256\"\n",
			emulator.Client{Auth: "private_key_jwt", Key: rsaKey},
		},
		{
			"private_key_jwt ES256", "token_url = \"{url}/token\"\nclient_id = \"" + testID + "\"\nclient_auth = \"private_key_jwt\"\nkey = { file = \"{dir}/ec.pem\" }\nsigning_alg = \"ES256\"\nassertion = { audience = \"https://login.example\" }\n",
			emulator.Client{Auth: "private_key_jwt", Key: ecKey, Audience: "https://login.example"},
		},
		{
			"certificate alone", "token_url = \"{url}/token\"\nclient_id = \"" + testID + "\"\nclient_auth = \"none\"\ntls.certificate = { file = \"{dir}/rsa.pem\" }\n",
			emulator.Client{Auth: "none", Certificate: hex.EncodeToString(sum[:])},
		},
		{
			"certificate and body", withSecret + "client_auth = \"body\"\ntls.certificate = { file = \"{dir}/rsa.pem\" }\n",
			emulator.Client{Auth: "body", Certificate: "any"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.client.ID, c.client.Secret = testID, testSecret
			s := serve(t, emulator.Settings{Clients: []emulator.Client{c.client}})
			s.write(t, "rsa.pem", rsaPEM)
			s.write(t, "ec.pem", ecPEM)
			got := obtain(t, s.open(t, c.provider, ""), credential.Request{})
			if token := got.Values["access_token"].Reveal(); !s.Active(token) {
				t.Error("the token is not in force")
			}
			if n := s.Counts(); n.WrongClients+n.BothWays+n.SecretsInURI > 0 {
				t.Errorf("the server saw %+v", n)
			}
		})
	}
}

// TestSecretsWithEveryCharacter sends ids and secrets that need encoding.
func TestSecretsWithEveryCharacter(t *testing.T) {
	const id, secret = "lo:ja/1+2 %", "p&a=s:s w+o%r\"d/ção"
	for _, way := range []string{`client_auth = "basic"`, `client_auth = "body"`, "client_auth = \"body\"\nsend = \"json\""} {
		settings := emulator.Settings{Clients: []emulator.Client{{ID: id, Secret: secret}}}
		if way != `client_auth = "basic"` && len(way) > 25 {
			settings.Send = "json"
		}
		s := serve(t, settings)
		s.write(t, "secret", []byte(secret))
		obtain(t, s.open(t, "token_url = \"{url}/token\"\nclient_id = '"+id+"'\nclient_secret = { file = \"{dir}/secret\" }\n"+way, ""), credential.Request{})
	}
}

// TestEveryPlaceOfParameters sends parameters where the server expects them.
func TestEveryPlaceOfParameters(t *testing.T) {
	for _, place := range []string{"form", "json", "query", "headers"} {
		s := serve(t, emulator.Settings{Send: place, Clients: []emulator.Client{{ID: testID, Secret: testSecret, Auth: "body"}}})
		b := s.open(t, withSecret+"client_auth = \"body\"\nsend = \""+place+"\"\n", `scope = "a b"`)
		if got := obtain(t, b, credential.Request{}); got.Values["scope"].Reveal() != "a b" {
			t.Errorf("%s: the scope is %q", place, got.Values["scope"].Reveal())
		}
	}
}
