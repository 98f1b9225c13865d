package providertest

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
)

// Readme describes the blocks of configuration in a kind's README.md.
type Readme struct {
	Kind providers.Kind
	// Env is the environment of every block.
	Env providers.Env
	// Blocks is how many there must be.
	Blocks int
	// Files are what the blocks refer to, by name. A file that is not named here
	// contains "x"; ca.pem is a certificate.
	Files map[string][]byte
	// Daemon are the keys of the daemon, besides type and provider, that the blocks
	// show.
	Daemon []string
}

// ReadmeBlocks loads every block, and checks that together they show every key that
// the kind reads. It returns the bindings of each block.
func ReadmeBlocks(t *testing.T, r Readme) (blocks [][]providers.Binding) {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(found) != r.Blocks {
		t.Fatalf("got %d blocks of configuration in README.md, want %d", len(found), r.Blocks)
	}
	options := section.ReaderOptions{Getenv: func(string) string { return "x" }, ReadFile: r.read}
	shown, asked := map[string]bool{}, map[string]bool{}
	for _, block := range found {
		file, faults := section.ParseFile(filepath.Join(t.TempDir(), "config.toml"), block[1], section.NewReader(options))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		var backend providers.Backend
		var bindings []providers.Binding
		for _, s := range append(file.Objects("providers"), file.Objects("credentials")...) {
			for _, key := range append([]string{"type", "provider"}, r.Daemon...) {
				s.Daemon().Text(key, "")
			}
			if strings.HasPrefix(s.Path(), "providers.") {
				backend = r.Kind.Open(s, r.Env)
			} else {
				bindings = append(bindings, backend.Bind(s))
			}
			for _, key := range s.Keys() {
				shown[key] = true
			}
			for _, key := range s.Asked() {
				first, _, _ := strings.Cut(key, ".")
				asked[first] = true
			}
			finish(t, s)
		}
		blocks = append(blocks, bindings)
	}
	for key := range asked {
		if !shown[key] {
			t.Errorf("no block of README.md shows %s", key)
		}
	}
	return blocks
}

func (r Readme) read(path string) ([]byte, error) {
	name := filepath.Base(path)
	if data, ok := r.Files[name]; ok {
		return data, nil
	}
	if name == "ca.pem" {
		server := httptest.NewTLSServer(nil)
		defer server.Close()
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), nil
	}
	return []byte("x\n"), nil
}
