package arqged

import (
	"testing"

	"github.com/vigented/vigente/providers/arqged/emulator"
	"github.com/vigented/vigente/providers/providertest"
)

// TestReadmeBlocksShowEveryKey loads both blocks of configuration and looks
// for every key of the kind in them.
func TestReadmeBlocksShowEveryKey(t *testing.T) {
	providertest.ReadmeBlocks(t, providertest.Readme{
		Kind: Kind(), Env: env(emulator.New(settings(), nil), nil), Blocks: 2, Daemon: []string{"rate"},
	})
}

// TestReadmeNamesEveryReason compares the table of errors with what the
// recorded answers show.
func TestReadmeNamesEveryReason(t *testing.T) {
	providertest.ReadmeNamesEveryReason(t, "testdata/*answers/*.http")
}
