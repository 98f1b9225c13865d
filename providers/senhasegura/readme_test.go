package senhasegura

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/providertest"
	"github.com/vigented/vigente/providers/senhasegura/emulator"
)

// daemonKeys are read by the daemon before the kind sees the table.
var daemonKeys = []string{"type", "provider", "max_age"}

// TestReadmeBlocksLoad loads every block of configuration in the README.
func TestReadmeBlocksLoad(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	id, err := emulator.Certificate(emulator.Sound, "cofre.interno")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("COFRE_CLIENT_ID", "a")
	for _, name := range []string{"client-secret", "consumer-secret", "token-secret", "consumer-key", "token-key"} {
		if err := os.WriteFile(name, []byte("x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("ca.pem", id.RootPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	folder, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}

	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) != 4 {
		t.Fatalf("%d blocks of configuration, want the least and everything of both ways", len(blocks))
	}
	seen := map[string]bool{}
	for _, block := range blocks {
		file, faults := section.ParseFile(filepath.Join(folder, "config.toml"), block[1], section.NewReader(section.ReaderOptions{}))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		env := providertest.Serve(t, vault()).Env()
		var backend providers.Backend
		for _, s := range file.Objects("providers") {
			askDaemonKeys(s)
			backend = open(s, env)
			for _, key := range s.Keys() {
				seen[key] = true
			}
			for _, f := range s.Finish() {
				t.Error(f)
			}
		}
		for _, s := range file.Objects("credentials") {
			askDaemonKeys(s)
			backend.Bind(s)
			for _, f := range s.Finish() {
				t.Error(f)
			}
		}
	}
	// Every key of the kind appears in one of the blocks.
	for _, key := range append(append([]string{"url", "auth", "referer", "authorization_expires_at", "tls"}, oauth1Keys...), oauth2Keys...) {
		if !seen[key] {
			t.Errorf("the README's blocks do not show %s", key)
		}
	}
}

func askDaemonKeys(s *section.Section) {
	for _, key := range daemonKeys {
		s.Daemon().Text(key, "")
	}
}

// TestReadmeNamesEveryReason compares the table of errors with what the
// recorded answers show.
func TestReadmeNamesEveryReason(t *testing.T) {
	providertest.ReadmeNamesEveryReason(t, "testdata/*answers/*.http")
}
