package main

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/internal/certtest"
	"github.com/vigented/vigente/internal/devices"
	"github.com/vigented/vigente/internal/house/papers"
	"github.com/vigented/vigente/providers"
)

// TestConfigurationBlocksLoad loads every configuration that a paper shows, as
// vigente check does. A block about one kind only may leave out the credentials
// that its sinks show.
func TestConfigurationBlocksLoad(t *testing.T) {
	loaded := 0
	for _, p := range papers.All(t, "../..") {
		for i, b := range p.Blocks {
			if b.Language != "toml" {
				continue
			}
			loaded++
			t.Run(fmt.Sprintf("%s block %d", p.File, i+1), func(t *testing.T) { loadBlock(t, b.Text) })
		}
	}
	if loaded < 2 {
		t.Errorf("found %d blocks of configuration only", loaded)
	}
}

func loadBlock(t *testing.T, text string) {
	dir := t.TempDir()
	main, web := filepath.Join(dir, "config.toml"), filepath.Join(dir, "web.yml")
	if err := os.WriteFile(web, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`(?m)^web_config = ".*"`).ReplaceAllString(text, fmt.Sprintf("web_config = %q", web))
	if err := os.WriteFile(main, []byte(text+missingCredentials(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "shops.csv"), []byte("code,cnpj,ie,uf\na,11222333000181,,SP\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	faults := load.New(load.Options{
		Path: main, Config: config.Options{
			Getenv: func(string) string { return "a value" }, UID: os.Getuid(), CredentialsMissingOK: true,
			ReadFile: func(file string) ([]byte, error) {
				if strings.HasSuffix(file, ".pem") || strings.HasSuffix(file, ".p12") {
					return certificate(t), nil
				}
				return []byte("0123456789abcdef0123456789abcdef\n"), nil
			},
		},
		Providers: providerKinds(), Sinks: sinkKinds(), Devices: devices.New(),
		Lend: func(_ string, zone *time.Location) (providers.Env, func()) {
			return providers.Env{
				Transport: func(providers.TransportOptions) http.RoundTripper { return http.NewFileTransport(nil) }, Location: zone,
			}, nil
		},
	}).Load().All()
	for _, f := range faults {
		t.Error(strings.ReplaceAll(f.Error(), dir+"/", ""))
	}
}

// certificate returns one in PEM with its key, for every file of those endings. Some
// kinds sign with RSA only.
func certificate(t testing.TB) []byte {
	t.Helper()
	return certtest.PEM(t, certtest.IssueRSA(t, &x509.Certificate{Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true}, nil))
}

// missingCredentials makes those that a block's sinks show and it does not
// define, each of a kind that has the field.
func missingCredentials(text string) string {
	var more strings.Builder
	made := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?:^|[^$])\$\{([a-z0-9_-]+)\.([a-z_]+)\}`).FindAllStringSubmatch(text, -1) {
		name, field := m[1], m[2]
		if name == "this" || made[name] || strings.Contains(text, "[credentials."+name+"]") {
			continue
		}
		made[name] = true
		switch field {
		case "access_token", "token_type", "authorization":
			fmt.Fprintf(&more, "\n[providers.%[1]s]\ntype = \"senhasegura\"\nurl = \"https://%[1]s.example.com\"\nclient_id = \"x\"\nclient_secret = { file = \"x\" }\n[credentials.%[1]s]\nprovider = \"%[1]s\"\n", name)
		default:
			fmt.Fprintf(&more, "\n[providers.%[1]s]\ntype = \"tss\"\nurl = \"http://%[1]s.example.com/rest/RestNewToken\"\n[credentials.%[1]s]\nprovider = \"%[1]s\"\ncnpj = \"53113791000122\"\ntipopessoa = 2\nie = \"111010945111\"\nuf = \"SP\"\n", name)
		}
	}
	return more.String()
}
