package backend

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
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
		caPEM:   string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Leaf.Raw})),
		good:    leaf(t, ca, "127.0.0.1", now.Add(time.Hour)),
		other:   leaf(t, ca, "192.0.2.1", now.Add(time.Hour)),
		foreign: leaf(t, foreign, "127.0.0.1", now.Add(time.Hour)),
		expired: leaf(t, ca, "127.0.0.1", now.Add(-time.Minute)),
	}
}

func authority(t testing.TB, name string) *tls.Certificate {
	t.Helper()
	return issue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil)
}

func leaf(t testing.TB, ca *tls.Certificate, ip string, until time.Time) *tls.Certificate {
	t.Helper()
	return issue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: serverWords}, IPAddresses: []net.IP{net.ParseIP(ip)}, NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, ca)
}

func issue(t testing.TB, c *x509.Certificate, by *tls.Certificate) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour)
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(time.Hour)
	}
	parent, signer := c, any(key)
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: parsed}
}
