package tss

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/emulation"
	"github.com/vigented/vigente/providers/providertest"
	"github.com/vigented/vigente/providers/tss/emulator"
)

// TestReadmeBlocksShowEveryKey loads both blocks of configuration in the README, and
// requires every key of the kind in one of them, and an identity of its own for every
// credential.
func TestReadmeBlocksShowEveryKey(t *testing.T) {
	env := providers.Env{
		Transport: func(providers.TransportOptions) http.RoundTripper { return http.DefaultTransport },
		Warn:      func(m string) { t.Errorf("the README's configuration warns: %s", m) },
	}
	for _, bindings := range providertest.ReadmeBlocks(t, providertest.Readme{Kind: Kind(), Env: env, Blocks: 2, Daemon: []string{"max_age"}}) {
		identities := map[string]bool{}
		for _, b := range bindings {
			identities[b.Identity] = true
		}
		if identities[""] || len(identities) != len(bindings) {
			t.Errorf("got identities %v for %d credentials", identities, len(bindings))
		}
	}
}

// TestReadmeNamesEveryReason compares the table of errors with the recorded answers.
func TestReadmeNamesEveryReason(t *testing.T) {
	providertest.ReadmeNamesEveryReason(t, "testdata/*/*.http")
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	named := slices.ContainsFunc(emulator.New(emulator.Options{}).Faults(), func(f emulation.FaultSwitch) bool { return f.Name == "close-after" })
	if !named || !strings.Contains(string(text), "`close-after`") {
		t.Error("the README rehearses a fault that the emulator does not have")
	}
}
