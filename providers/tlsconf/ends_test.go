package tlsconf

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/internal/certtest"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
)

// TestWhenCertificatesAreValid: what a credential rests on is watched at both ends of its
// life. The certificate beside a signing key only warns, because a server may know the
// key without it.
func TestWhenCertificatesAreValid(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		name       string
		begin, end time.Duration
		warning    string
		fault      bool // for what is presented or trusted
	}{
		{"for a year", -day, 365 * day, "", false},
		{"for days", -day, 5*day + time.Hour, "expires at", false},
		{"not yet", 10 * day, 365 * day, "is not valid before", false},
		{"expired", -10 * day, -day, "expired at", true},
	} {
		now := time.Now()
		cert := certtest.Issue(t, &x509.Certificate{NotBefore: now.Add(c.begin), NotAfter: now.Add(c.end)}, nil)
		dir := t.TempDir()
		for name, data := range map[string][]byte{"both.pem": certtest.PEM(t, cert), "ca.pem": certtest.CertificatePEM(cert), "key.pem": certtest.KeyPEM(t, cert)} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for table, read := range map[string]func(*section.Section, providers.Env) (limits int){
			`tls = { certificate = { file = "` + dir + `/both.pem" } }`: func(s *section.Section, env providers.Env) int { _, l := ReadTLS(s, "", env); return len(l) },
			`tls = { ca_file = "` + dir + `/ca.pem" }`:                  func(s *section.Section, env providers.Env) int { _, l := ReadTLS(s, "", env); return len(l) },
			`key = { file = "` + dir + `/both.pem" }`:                   func(s *section.Section, env providers.Env) int { _, l := ReadKey(s.Table("key"), env); return len(l) },
		} {
			s, err := section.Parse("providers.x", table)
			if err != nil {
				t.Fatal(err)
			}
			var warnings []string
			limits := read(s, providers.Env{Warn: func(m string) { warnings = append(warnings, m) }})
			fault := c.fault && !strings.HasPrefix(table, "key")
			if faults := s.Finish(); limits != 1 || fault != (len(faults) > 0) {
				t.Errorf("%s, %s: got %d limits and faults %v, want one limit and a fault: %v", c.name, table, limits, faults, fault)
			}
			if warned := c.warning != "" && !fault; warned != (len(warnings) == 1) || warned && !strings.Contains(warnings[0], c.warning) {
				t.Errorf("%s, %s: got warnings %q, want %q", c.name, table, warnings, c.warning)
			}
		}
	}
}

// TestAKeyAloneHasNoEnd: PEM with a key and no certificate.
func TestAKeyAloneHasNoEnd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, certtest.KeyPEM(t, certtest.Issue(t, &x509.Certificate{}, nil)), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := section.Parse("providers.x", `key = { file = "`+file+`" }`)
	if err != nil {
		t.Fatal(err)
	}
	if key, limits := ReadKey(s.Table("key"), providers.Env{}); key == nil || len(limits) > 0 || s.Failed() {
		t.Errorf("got %v, %v with faults %v", key, limits, s.Faults())
	}
}
