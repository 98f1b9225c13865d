package oauth2

import (
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/oauth2/emulator"
)

// TestServicesWithoutAPreset emulates the token servers of services that have no
// preset, each in its own form, and renews once.
func TestServicesWithoutAPreset(t *testing.T) {
	public, _, private := pair(t, "rsa")
	client := func(auth string, grants ...string) emulator.Client {
		return emulator.Client{ID: testID, Secret: testSecret, Auth: auth, Grants: grants}
	}
	shown := func(c emulator.Client) emulator.Client { c.Certificate = "any"; return c }
	const certificate = "tls.certificate = { file = \"{dir}/client.pem\" }\n"
	for _, c := range []struct {
		name           string
		server         emulator.Settings
		provider, cred string
		seed           bool // a person has logged in
	}{
		{
			"Mercado Pago",
			emulator.Settings{Clients: []emulator.Client{client("body", "refresh_token")}, Send: "json", Lifetime: 180 * 24 * time.Hour},
			withSecret + "client_auth = \"body\"\nsend = \"json\"\n", "grant = \"refresh_token\"\n", true,
		},
		{"BTG", emulator.Settings{Clients: []emulator.Client{client("basic", "client_credentials")}, Lifetime: 24 * time.Hour}, withSecret, "scope = \"apps\"\n", false},
		{"Santander", emulator.Settings{Clients: []emulator.Client{shown(client("body", "client_credentials"))}}, withSecret + certificate + "client_auth = \"body\"\n", "", false},
		{"gov.br Conecta", emulator.Settings{Clients: []emulator.Client{client("basic", "client_credentials")}}, withSecret, "", false},
		{
			"Datasul",
			emulator.Settings{Clients: []emulator.Client{client("basic", "client_credentials")}, GrantInQuery: true},
			"token_url = \"{url}/totvs-login-oauth2/oauth2/token?grant_type=client_credentials\"\nclient_id = \"" + testID + "\"\nclient_secret = { file = \"{dir}/secret\" }\n", "", false,
		},
		{
			"RM",
			emulator.Settings{Clients: []emulator.Client{{Auth: "none", Grants: []string{"password", "refresh_token"}}}, Users: []emulator.User{{Name: "ana", Password: testPassword}}},
			"token_url = \"{url}/api/connect/token\"\nclient_auth = \"none\"\n", "grant = \"password\"\nusername = \"ana\"\npassword = { file = \"{dir}/password\" }\n", false,
		},
		{"TSS with JWT", emulator.Settings{
			Clients: []emulator.Client{client("body", "client_credentials")}, Send: "json",
			Names: map[string]string{"grant_type": "grantType", "client_id": "clientId", "client_secret": "clientSecret", "access_token": "accesstoken", "expires_in": "expiresIn", "token_type": "tokenType"},
		}, withSecret + `client_auth = "body"
			send = "json"
			params = { refreshToken = "" }
			names = { grant_type = "grantType", client_id = "clientId", client_secret = "clientSecret", access_token = "accesstoken", expires_in = "expiresIn", token_type = "tokenType" }
		`, "", false},
		{
			"Open Finance",
			emulator.Settings{
				Clients: []emulator.Client{{ID: testID, Auth: "private_key_jwt", Key: public, Certificate: "any", Grants: []string{"refresh_token"}}}, Rotation: emulator.Keep, Lifetime: 5 * time.Minute,
			},
			"token_url = \"{url}/token\"\nclient_id = \"" + testID + "\"\nclient_auth = \"private_key_jwt\"\nsigning_alg = \"PS256\"\nrotation = \"none\"\nkey = { file = \"{dir}/client.pem\" }\n" + certificate,
			"grant = \"refresh_token\"\n", true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.server)
			s.write(t, "client.pem", private)
			b := s.open(t, c.provider, c.cred)
			var held credential.Credential
			if c.seed {
				held = seeded(s.Seed(testID, ""))
			}
			first := obtain(t, b, credential.Request{Previous: held})
			second := obtain(t, b, credential.Request{Previous: first})
			if first.SameValues(second) || !s.Active(second.Values["access_token"].Reveal()) {
				t.Error("the renewal brought no new token in force")
			}
			if n := s.Counts(); n.Reused+n.WrongClients+n.BothWays+n.SecretsInURI > 0 {
				t.Errorf("the server saw %+v", n)
			}
		})
	}
}
