package oauth2

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/providertest"
)

// TestReadmeBlocksLoad loads every block of configuration in the README, and
// requires every key of the kind in one of them and in the prose.
func TestReadmeBlocksLoad(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, _, private := pair(t, "rsa")
	certificate, _, _ := strings.Cut(string(private), "-----BEGIN PRIVATE KEY")
	t.Chdir(t.TempDir())
	t.Setenv("LOJA_CLIENT_ID", "a")
	for name, data := range map[string]string{"client-secret": "x\n", "password": "x\n", "ca.pem": certificate, "client.pem": string(private)} {
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) != 4 {
		t.Fatalf("%d blocks of configuration", len(blocks))
	}
	shown := map[string]bool{}
	asked := map[string]bool{}
	for _, block := range blocks {
		file, faults := section.ParseFile(filepath.Join(folder, "config.toml"), block[1], section.NewReader(section.ReaderOptions{}))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		var backend providers.Backend
		for _, s := range append(file.Objects("providers"), file.Objects("credentials")...) {
			s.Daemon().Text("type", "")
			s.Daemon().Text("provider", "")
			if strings.HasPrefix(s.Path(), "providers.") {
				backend = open(s, liveEnv(t))
			} else {
				backend.Bind(s)
			}
			for _, key := range s.Keys() {
				shown[key] = true
			}
			for _, key := range s.Asked() {
				asked[strings.SplitN(key, ".", 2)[0]] = true
			}
			for _, f := range s.Finish() {
				t.Error(f)
			}
		}
	}
	for key := range asked {
		if !shown[key] || !strings.Contains(string(text), key) {
			t.Errorf("no block of the README shows %s", key)
		}
	}
}

func TestReadmeNamesEveryReason(t *testing.T) {
	providertest.ReadmeNamesEveryReason(t, "testdata/*answers/*.http")
}
