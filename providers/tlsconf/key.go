package tlsconf

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
)

// Key is a private key for signing, with its certificate if the file contains
// one.
type Key struct {
	crypto.Signer
	Leaf *x509.Certificate
}

// ReadKey reads a table { file, password }: a private key as PEM (PKCS#8,
// PKCS#1 or SEC 1), or PKCS#12 with its certificate, and the expiry of that. It returns
// nil if a fault was reported, or the password is not available to this check.
func ReadKey(c *section.Section, env providers.Env) (*Key, []credential.Limit) {
	password := c.Secret("password")
	if c.Text("file", "") == "" {
		c.Faultf("file", "is missing (expected the private key: PEM, or PKCS#12)")
		return nil, nil
	}
	data := c.File("file")
	if data == nil || c.Unread("password") {
		return nil, nil
	}
	key, err := parseKey(data, password)
	if err != nil {
		c.Faultf("file", "%v", err)
		return nil, nil
	}
	if key.Leaf == nil {
		return key, nil
	}
	return key, signerEnds(c, "file", KindCertificate, spanOf(key.Leaf), env)
}

func parseKey(data []byte, password credential.Secret) (*Key, error) {
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		cert, err := parseCertificate(data, password)
		if err != nil {
			return nil, err
		}
		signer, ok := cert.PrivateKey.(crypto.Signer)
		if !ok {
			return nil, errors.New("contains a key that cannot sign (expected RSA, EC or Ed25519)")
		}
		return &Key{signer, cert.Leaf}, nil
	}
	key := &Key{}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if err := key.add(block); err != nil {
			return nil, err
		}
	}
	switch {
	case key.Signer == nil:
		return nil, errors.New("contains no private key (expected PEM with -----BEGIN PRIVATE KEY-----, or PKCS#12)")
	case key.Leaf != nil && !matches(key.Leaf, key.Signer):
		return nil, errors.New("contains a key that does not match its certificate (expected a pair)")
	}
	return key, nil
}

// add adds the content of one PEM block; the first key and the first
// certificate count.
func (k *Key) add(block *pem.Block) error {
	var parsed any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			return errEncryptedKey
		}
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			return errEncryptedKey
		}
		parsed, err = x509.ParseECPrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return errEncryptedKey
	case "CERTIFICATE":
		if k.Leaf == nil {
			k.Leaf, err = x509.ParseCertificate(block.Bytes)
		}
	}
	if err != nil {
		return errors.New("contains a " + pemName(block.Type) + " that cannot be read (expected PKCS#8, PKCS#1 or SEC 1 in PEM)")
	}
	if signer, ok := parsed.(crypto.Signer); ok && k.Signer == nil {
		k.Signer = signer
	}
	return nil
}

var errEncryptedKey = errors.New("contains an encrypted PEM key (expected PKCS#12: openssl pkcs12 -export, or a key without a password)")

// pemName returns the name of a block; only known names are quoted.
func pemName(kind string) string {
	if kind == "CERTIFICATE" {
		return "certificate"
	}
	return "private key"
}
