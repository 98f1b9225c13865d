package senhasegura

import (
	"net/http"
	"testing"

	"github.com/vigented/vigente/providers/providertest"
	"github.com/vigented/vigente/providers/senhasegura/emulator"
)

// The authorization of the tests, in the vendor's shape.
const (
	testID     = "3ca8a98d907543812334f7f5dbafca6505e3319fb"
	testSecret = "00112233445566778899aabbccddeeff"
)

// vault returns an emulated vault with the authorizations of the tests.
func vault() *emulator.Server {
	// The test's network has no TLS, yet callers sign an https URL.
	return emulator.New(emulator.Settings{PublicURL: "https://vault.example", Applications: []emulator.Application{
		{Name: "loja", ClientID: testID, ClientSecret: testSecret},
		{
			Name: "legado", ConsumerKey: testConsumerKey, ConsumerSecret: testConsumerSecret,
			TokenKey: testTokenKey, TokenSecret: testTokenSecret,
		},
	}}, nil)
}

func oauth2Suite() providertest.Suite {
	return providertest.Suite{
		Kind: Kind(),
		Provider: `
			url = "https://vault.example"
			client_id = "` + testID + `"
			client_secret = { file = "{dir}/secret" }
		`,
		Files:   map[string]string{"secret": testSecret + "\n"},
		Backend: func() http.Handler { return vault() },
		Answers: "testdata/answers",
		Secrets: []string{testSecret},
	}
}

func TestOAuth2KeepsTheContract(t *testing.T) {
	providertest.Run(t, oauth2Suite())
}

func TestOAuth2InTheBodyKeepsTheContract(t *testing.T) {
	s := oauth2Suite()
	s.Provider += "auth_style = \"body\"\n"
	providertest.Run(t, s)
}
