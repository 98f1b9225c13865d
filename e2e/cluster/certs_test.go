package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"os"
	"testing"
	"time"

	"github.com/vigented/vigente/internal/certtest"
)

// authority is the CA of one test.
type authority struct {
	t *testing.T
	*tls.Certificate
}

func newAuthority(t *testing.T, file string) *authority {
	t.Helper()
	ca := certtest.Issue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "the test"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil)
	write(t, file, certtest.CertificatePEM(ca))
	return &authority{t, ca}
}

// issue writes a certificate and its key into one file.
func (a *authority) issue(file string, until time.Time, addresses ...string) tls.Certificate {
	a.t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "vigente"}, NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	for _, address := range addresses {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(address))
	}
	c := certtest.Issue(a.t, template, a.Certificate)
	write(a.t, file, certtest.PEM(a.t, c))
	return *c
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
