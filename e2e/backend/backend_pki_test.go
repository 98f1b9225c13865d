package backend

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"testing"
	"time"

	"github.com/vigented/vigente/internal/certtest"
)

// pki is a CA with valid and invalid certificates.
type pki struct {
	caPEM                         string
	good, other, foreign, expired *tls.Certificate
}

func newPKI(t testing.TB) *pki {
	t.Helper()
	now := time.Now()
	ca, foreign := authority(t, "ours"), authority(t, "foreign")
	return &pki{
		caPEM:   string(certtest.CertificatePEM(ca)),
		good:    leaf(t, ca, "127.0.0.1", now.Add(time.Hour)),
		other:   leaf(t, ca, "192.0.2.1", now.Add(time.Hour)),
		foreign: leaf(t, foreign, "127.0.0.1", now.Add(time.Hour)),
		expired: leaf(t, ca, "127.0.0.1", now.Add(-time.Minute)),
	}
}

func authority(t testing.TB, name string) *tls.Certificate {
	t.Helper()
	return certtest.Issue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil)
}

func leaf(t testing.TB, ca *tls.Certificate, ip string, until time.Time) *tls.Certificate {
	t.Helper()
	return certtest.Issue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: serverWords}, IPAddresses: []net.IP{net.ParseIP(ip)}, NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, ca)
}
