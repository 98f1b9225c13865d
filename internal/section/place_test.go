package section

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestPlacesSayWhereToChangeWhat(t *testing.T) {
	s := workspace(t, `name = "`+canary+`"
plain = "text"
key = { env = "PW" }
secret = { file = "secret" }
system = { credential = "db" }
both = [{ file = "one" }, { file = "two" }]
author = { certificate = { file = "cert.pem", password = { file = "/abs/pass" } } }
gone = { file = "gone" }
`, ReaderOptions{
		Getenv: func(name string) string {
			return map[string]string{"PW": canary, "CREDENTIALS_DIRECTORY": "/run/creds"}[name]
		},
		ReadFile: func(path string) ([]byte, error) {
			if filepath.Base(path) == "gone" {
				return nil, nil
			}
			return []byte(canary), nil
		},
	}, nil)
	s.TextOrSecret("name")
	s.Text("plain", "")
	s.TextOrSecret("key")
	for range 2 { // who asks twice is told once
		s.Secret("secret")
	}
	s.Secret("system")
	s.Secrets("both")
	certificate := s.Table("author").Table("certificate")
	certificate.File("file")
	certificate.Secret("password")
	s.Daemon().Secret("secret")
	s.Secret("gone")
	want := []string{
		"name DIR/c.toml:2", "key environment variable PW (restart vigente after the change)", "secret DIR/secret",
		"system systemd credential db (change what LoadCredential= names, then restart vigente)",
		"both DIR/one", "both DIR/two", "author.certificate.file DIR/cert.pem", "author.certificate.password /abs/pass",
	}
	got := s.Places()
	for i, p := range got {
		text := strings.ReplaceAll(p.Key+" "+p.Where, s.folder, "DIR")
		if p.Table != "p" || i >= len(want) || text != want[i] {
			t.Errorf("place %d is %q of %q", i, text, p.Table)
		}
		if strings.Contains(text, canary) {
			t.Error("a place shows a value")
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d places, want %d", len(got), len(want))
	}
}
