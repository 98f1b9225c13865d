package config

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/internal/certtest"
)

// TestEndsOfTheDaemonsOwnCertificates: those of the listener and of the cluster are
// reported like those of providers, and do not refuse the configuration.
func TestEndsOfTheDaemonsOwnCertificates(t *testing.T) {
	const day = 24 * time.Hour
	web := "[daemon]\nlisten = \"127.0.0.1:0\"\nweb_config = \"web.yml\"\n"
	cluster := `[cluster]
endpoints = ["https://10.0.0.1:2379"]
prefix = "/v"
node = "a"
key = { file = "key" }
tls = { ca_file = "web.crt", certificate = { file = "both.pem" } }
`
	for name, tt := range map[string]struct {
		text          string
		life          time.Duration
		ended, ending []string
		limits        string
	}{
		"a listener's for a year": {web, 365 * day, nil, nil, "certificate authority"},
		"a listener's for days":   {web, 5*day + time.Hour, nil, []string{"daemon.web_config: the certificate in ", "daemon.web_config: the authority in "}, "certificate authority"},
		"a listener's expired":    {web, -day, []string{"daemon.web_config: the certificate in ", "daemon.web_config: the authority in "}, nil, "certificate authority"},
		"a cluster's for days":    {cluster, 5*day + time.Hour, nil, []string{"cluster.tls.ca_file: the authority in ", "cluster.tls.certificate.file: the certificate in "}, ""},
		"a cluster's expired":     {cluster, -day, []string{"cluster.tls.ca_file: the authority in ", "cluster.tls.certificate.file: the certificate in "}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cert := certtest.Issue(t, &x509.Certificate{NotBefore: time.Now().Add(-30 * day), NotAfter: time.Now().Add(tt.life)}, nil)
			dir := write(t, map[string]string{
				"web.yml": "tls_server_config: {cert_file: web.crt, key_file: web.key, client_ca_file: web.crt, client_auth_type: RequireAndVerifyClientCert}\n",
				"c.toml":  tt.text, "key": strings.Repeat("ab", 32) + "\n",
				"web.crt": string(certtest.CertificatePEM(cert)), "web.key": string(certtest.KeyPEM(t, cert)), "both.pem": string(certtest.PEM(t, cert)),
			})
			c, faults := Load(filepath.Join(dir, "c.toml"), Options{})
			if len(faults) > 0 {
				t.Fatalf("refused: %v", faults)
			}
			var ended, ending []string
			for _, f := range c.Ended {
				if ended = append(ended, f.Key+": "+f.Message); !f.Missing() {
					t.Errorf("%v is not one that is missing", f)
				}
			}
			for _, f := range c.Ending {
				ending = append(ending, f.Key+": "+f.Message)
			}
			begin(t, ended, tt.ended)
			begin(t, ending, tt.ending)
			var kinds []string
			for _, l := range c.Daemon.WebLimits {
				if kinds = append(kinds, l.Kind); !l.EndsAt.Equal(cert.Leaf.NotAfter) || !l.Person {
					t.Errorf("got limit %+v", l)
				}
			}
			if got := strings.Join(kinds, " "); got != tt.limits {
				t.Errorf("got limits %q, want %q", got, tt.limits)
			}
			if tt.limits == "" {
				return
			}
			if _, watched := c.Versions()[filepath.Join(dir, "web.crt")]; !watched {
				t.Error("a renewed certificate of the listener would not be noticed")
			}
		})
	}
}

func begin(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %q, want the beginnings %q", got, want)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %q, want the beginning %q", got[i], want[i])
		}
	}
}

// TestInlineCertificateOfTheListenerEnds: a web configuration may hold the certificate itself.
func TestInlineCertificateOfTheListenerEnds(t *testing.T) {
	cert := certtest.Issue(t, &x509.Certificate{NotAfter: time.Now().Add(time.Hour)}, nil)
	indented := func(data []byte) string {
		return "|\n    " + strings.ReplaceAll(strings.TrimSpace(string(data)), "\n", "\n    ") + "\n"
	}
	dir := write(t, map[string]string{
		"c.toml":  "[daemon]\nlisten = \"127.0.0.1:0\"\nweb_config = \"web.yml\"\n",
		"web.yml": "tls_server_config:\n  cert: " + indented(certtest.CertificatePEM(cert)) + "  key: " + indented(certtest.KeyPEM(t, cert)),
	})
	c, faults := Load(filepath.Join(dir, "c.toml"), Options{})
	if len(faults) > 0 || len(c.Daemon.WebLimits) != 1 || len(c.Ending) != 1 {
		text, _ := os.ReadFile(filepath.Join(dir, "web.yml"))
		t.Errorf("got faults %v, limits %v, ending %v of\n%s", faults, c.Daemon.WebLimits, c.Ending, text)
	}
}
