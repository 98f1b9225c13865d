// Package certtest issues certificates for tests.
package certtest

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// Issue issues a certificate with a new elliptic key. It is signed by another one, or
// by itself if by is nil. Without these, the template gets a random serial number, and
// is in force from an hour ago to in an hour. The result has its Leaf.
func Issue(t testing.TB, template *x509.Certificate, by *tls.Certificate) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return issue(t, template, by, key)
}

// IssueRSA is Issue with an RSA key, which some protocols require.
func IssueRSA(t testing.TB, template *x509.Certificate, by *tls.Certificate) *tls.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return issue(t, template, by, key)
}

func issue(t testing.TB, template *x509.Certificate, by *tls.Certificate, key crypto.Signer) *tls.Certificate {
	t.Helper()
	form := *template
	if form.SerialNumber == nil {
		serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
		if err != nil {
			t.Fatal(err)
		}
		form.SerialNumber = serial
	}
	if form.NotBefore.IsZero() {
		form.NotBefore = time.Now().Add(-time.Hour)
	}
	if form.NotAfter.IsZero() {
		form.NotAfter = time.Now().Add(time.Hour)
	}
	by = cmp.Or(by, &tls.Certificate{Leaf: &form, PrivateKey: key})
	raw, err := x509.CreateCertificate(rand.Reader, &form, by.Leaf, key.Public(), by.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}

// CertificatePEM returns the certificate without its key.
func CertificatePEM(c *tls.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Leaf.Raw})
}

// KeyPEM returns the key.
func KeyPEM(t testing.TB, c *tls.Certificate) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// PEM returns the certificate and its key, as one file holds them.
func PEM(t testing.TB, c *tls.Certificate) []byte {
	t.Helper()
	return append(CertificatePEM(c), KeyPEM(t, c)...)
}
