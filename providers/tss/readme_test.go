package tss

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/emulation"
	"github.com/vigented/vigente/providers/providertest"
	"github.com/vigented/vigente/providers/tss/emulator"
)

// TestReadmeBlocksLoad loads every block of configuration in the README, and checks that
// together they contain every key of the kind.
func TestReadmeBlocksLoad(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile("testdata/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{"tss-password": []byte("x\n"), "ca.pem": ca} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of configuration, expected the least and everything", len(blocks))
	}
	env := providers.Env{
		Transport: func(providers.TransportOptions) http.RoundTripper { return http.DefaultTransport },
		Warn:      func(m string) { t.Errorf("the README's configuration warns: %s", m) },
	}
	seen := map[string]bool{}
	note := func(s *section.Section) {
		for _, key := range s.Keys() {
			seen[key] = true
		}
		for _, f := range s.Finish() {
			t.Error(f)
		}
	}
	for _, block := range blocks {
		file, faults := section.ParseFile(filepath.Join(dir, "config.toml"), block[1], section.NewReader(section.ReaderOptions{}))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		var backend providers.Backend
		for _, s := range file.Objects("providers") {
			s.Daemon().Text("type", "")
			backend = Kind().Open(s, env)
			note(s)
		}
		identities := map[string]bool{}
		for _, s := range file.Objects("credentials") {
			s.Daemon().Text("provider", "")
			s.Daemon().Text("max_age", "")
			identities[backend.Bind(s).Identity] = true
			note(s)
		}
		if identities[""] || len(identities) != len(file.Objects("credentials")) {
			t.Errorf("identities %v", identities)
		}
	}
	for _, key := range []string{"url", "read_url", "username", "password", "token_pattern", "tls", "cnpj", "tipopessoa", "ie", "uf"} {
		if !seen[key] {
			t.Errorf("the README's blocks do not show %s", key)
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
