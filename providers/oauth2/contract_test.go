package oauth2

import (
	"net/http"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/oauth2/emulator"
	"github.com/vigented/vigente/providers/providertest"
)

// The client of the tests.
const (
	testID       = "loja-1"
	testSecret   = "00112233445566778899aabbccddeeff"
	testPassword = "p4ssw0rd-of-the-user"
	testSeed     = "s33d-that-works-once"
)

func clientSuite() providertest.Suite {
	return providertest.Suite{
		Kind: Kind(),
		Provider: `
			token_url = "https://login.example/oauth/token"
			client_id = "` + testID + `"
			client_secret = { file = "{dir}/secret" }
		`,
		Credential: `scope = "openid a"`,
		Files:      map[string]string{"secret": testSecret + "\n"},
		Backend:    func() http.Handler { return server() },
		Answers:    "testdata/answers",
		Secrets:    []string{testSecret},
		Optional:   []string{"id_token", "scope"},
	}
}

// server is an emulated server with the client of the tests.
func server() *emulator.Server {
	return emulator.New(emulator.Settings{
		Clients: []emulator.Client{{ID: testID, Secret: testSecret}},
		Users:   []emulator.User{{Name: "ana", Password: testPassword}},
	}, nil)
}

func TestClientCredentialsKeepTheContract(t *testing.T) {
	providertest.Run(t, clientSuite())
}

func TestJSONAndBodyKeepTheContract(t *testing.T) {
	s := clientSuite()
	s.Provider += "client_auth = \"body\"\nsend = \"json\"\n"
	s.Backend = func() http.Handler {
		return emulator.New(emulator.Settings{Send: "json", Clients: []emulator.Client{{ID: testID, Secret: testSecret, Auth: "body"}}}, nil)
	}
	providertest.Run(t, s)
}

func TestPasswordKeepsTheContract(t *testing.T) {
	s := clientSuite()
	s.Credential = "grant = \"password\"\nusername = \"ana\"\npassword = { file = \"{dir}/password\" }\n"
	s.Files["password"] = testPassword
	s.Secrets = append(s.Secrets, testPassword)
	s.OneShot = true
	s.Answers = "testdata/password-answers"
	providertest.Run(t, s)
}

// TestRefreshKeepsTheContract sends a seed that the server knows in each attempt.
func TestRefreshKeepsTheContract(t *testing.T) {
	s := clientSuite()
	s.Credential = "grant = \"refresh_token\"\nscope = \"a\"\n"
	s.Secrets = append(s.Secrets, testSeed)
	s.OneShot = true
	s.Answers = "testdata/refresh-answers"
	s.Request = credential.Request{Previous: credential.Credential{
		Generation: 1,
		Values:     map[string]credential.Secret{"access_token": credential.NewSecret("old")},
		Seed:       map[string]credential.Secret{"refresh_token": credential.NewSecret(testSeed)},
	}}
	s.Backend = func() http.Handler {
		e := server()
		e.Plant(testSeed, testID, "a")
		return e
	}
	providertest.Run(t, s)
}
