package arqged

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/arqged/emulator"
	"github.com/vigented/vigente/providers/providertest"
)

// TestReadmeBlocksShowEveryKey loads both blocks of configuration and looks
// for every key of the kind in them.
func TestReadmeBlocksShowEveryKey(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of configuration, want the least and everything", len(blocks))
	}
	folder := t.TempDir()
	t.Setenv("GED_USER", "u")
	for name, content := range map[string]string{"ged-password": "p", "ged-key1": "k1", "ged-key2": "k2"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for _, block := range blocks {
		// This test is not about certificates.
		body := strings.ReplaceAll(string(block[1]), `ca_file = "ca.pem"`, `server_name = "x"`)
		file, faults := section.ParseFile(filepath.Join(folder, "config.toml"), []byte(body), section.NewReader(section.ReaderOptions{}))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		var b providers.Backend
		for _, s := range file.Objects("providers") {
			s.Daemon().Text("type", "")
			s.Daemon().Text("rate", "")
			b = open(s, env(emulator.New(settings(), nil), nil))
			for _, f := range s.Finish() {
				t.Error(f)
			}
			for _, key := range s.Keys() {
				seen[key] = true
			}
		}
		for _, s := range file.Objects("credentials") {
			s.Daemon().Text("provider", "")
			b.Bind(s)
			for _, f := range s.Finish() {
				t.Error(f)
			}
			for _, key := range s.Keys() {
				seen[key] = true
			}
		}
	}
	for _, key := range []string{"url", "username", "password", "subscription_keys", "aplicacao", "rate", "tls", "token_minutes", "single_use", "single_use_as"} {
		if !seen[key] {
			t.Errorf("the README's blocks do not show %s", key)
		}
	}
}

// TestReadmeNamesEveryReason compares the table of errors with what the
// recorded answers show.
func TestReadmeNamesEveryReason(t *testing.T) {
	providertest.ReadmeNamesEveryReason(t, "testdata/*answers/*.http")
}
