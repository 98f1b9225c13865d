package senhasegura

import (
	"testing"

	"github.com/vigented/vigente/providers/providertest"
)

// TestReadmeBlocksShowEveryKey loads the least and everything of both ways, and requires
// every key of the kind in one of the blocks.
func TestReadmeBlocksShowEveryKey(t *testing.T) {
	providertest.ReadmeBlocks(t, providertest.Readme{
		Kind: Kind(), Env: providertest.Serve(t, vault()).Env(), Blocks: 4, Daemon: []string{"max_age"},
	})
}

// TestReadmeNamesEveryReason compares the table of errors with what the
// recorded answers show.
func TestReadmeNamesEveryReason(t *testing.T) {
	providertest.ReadmeNamesEveryReason(t, "testdata/*answers/*.http")
}
