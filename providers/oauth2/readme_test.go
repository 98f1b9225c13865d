package oauth2

import (
	"testing"

	"github.com/vigented/vigente/providers/providertest"
)

// TestReadmeBlocksShowEveryKey loads every block of configuration in the README, and
// requires every key of the kind in one of them.
func TestReadmeBlocksShowEveryKey(t *testing.T) {
	_, _, private := pair(t, "rsa")
	providertest.ReadmeBlocks(t, providertest.Readme{
		Kind: Kind(), Env: liveEnv(t), Blocks: 4, Files: map[string][]byte{"client.pem": private},
	})
}

func TestReadmeNamesEveryReason(t *testing.T) {
	providertest.ReadmeNamesEveryReason(t, "testdata/*answers/*.http")
}
