package tlsconf

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
)

// show makes connections present cert whatever CAs the server asks for: some
// servers name the wrong ones, and crypto/tls would then silently present none.
func show(cfg *tls.Config, cert *tls.Certificate) {
	cfg.Certificates = []tls.Certificate{*cert}
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
}

// ReadCertificate reads a table { file, password }: a certificate with its
// private key, as PKCS#12 (old and new ciphers) or PEM, and its expiry. Leaf is
// set. It returns nil if no file is configured, a fault was reported, or the
// password is not available to this check.
func ReadCertificate(c *section.Section, env providers.Env) (*tls.Certificate, []credential.Limit) {
	name, password := c.Text("file", ""), c.Secret("password")
	if name == "" {
		if c.Has("password") {
			c.Faultf("file", "is missing (expected the file that the password is for)")
		}
		return nil, nil
	}
	data := c.File("file")
	if data == nil || c.Unread("password") {
		return nil, nil
	}
	cert, err := parseCertificate(data, password)
	if err != nil {
		c.Faultf("file", "%v", err)
		return nil, nil
	}
	return cert, ends(c, "file", KindCertificate, spanOf(cert.Leaf), env)
}

func parseCertificate(data []byte, password credential.Secret) (*tls.Certificate, error) {
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		return parsePEM(data)
	}
	key, certs, err := decodePKCS12(data, password.Reveal())
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword) && password.IsZero():
		return nil, errors.New("needs a password (expected password = { file = \"…\" } in the same table)")
	case errors.Is(err, pkcs12.ErrIncorrectPassword), errors.Is(err, pkcs12.ErrDecryption):
		return nil, errors.New("does not open with this password (expected the password of the PKCS#12 file)")
	case err != nil:
		return nil, unopened(data, err)
	}
	leaf := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return matches(c, key) })
	if leaf < 0 {
		return nil, errors.New("contains a key that does not match its certificate (expected a pair)")
	}
	cert := &tls.Certificate{Certificate: [][]byte{certs[leaf].Raw}, PrivateKey: key, Leaf: certs[leaf]}
	for i, ca := range certs {
		if i != leaf {
			cert.Certificate = append(cert.Certificate, ca.Raw)
		}
	}
	return cert, nil
}

func parsePEM(data []byte) (*tls.Certificate, error) {
	if bytes.Contains(data, []byte("ENCRYPTED")) {
		return nil, errors.New("contains an encrypted PEM key (expected PKCS#12: openssl pkcs12 -export, or a key without a password)")
	}
	cert, err := tls.X509KeyPair(data, data)
	if err != nil {
		return nil, errors.New("contains no certificate with its own private key (expected both in one PEM file, the certificate first)")
	}
	return &cert, nil
}

// matches reports whether key is the private key of the certificate.
func matches(cert *x509.Certificate, key any) bool {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return false
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(cert.PublicKey)
}
