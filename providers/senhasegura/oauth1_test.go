package senhasegura

import (
	"net/http"
	"testing"

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
