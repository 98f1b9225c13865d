package emulator

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"time"
)

// Shape is a kind of certificate that appliances are found with.
type Shape string

// The shapes.
const (
	Sound      Shape = "sound"       // issued by Identity.RootPEM
	SelfSigned Shape = "self-signed" // its own root
	Outdated   Shape = "expired"
	TooEarly   Shape = "not-yet-valid"
	WrongName  Shape = "wrong-name" // for vault.invalid only
	RSA1024    Shape = "rsa-1024"
	RSA512     Shape = "rsa-512" // the vendor's guide warns of "512-bit SSL"
)

// Shapes lists every shape once.
var Shapes = [...]Shape{Sound, SelfSigned, Outdated, TooEarly, WrongName, RSA1024, RSA512}

// Identity is a server's certificate, and the root that issued it.
type Identity struct {
	Certificate tls.Certificate
	RootPEM     []byte
}

// MaxVersion is the newest TLS version the identity works with, for tls.Config:
// a 512-bit key is too short for the signatures of TLS 1.3.
func (i Identity) MaxVersion() uint16 {
	if _, ok := i.Certificate.PrivateKey.(*shortKey); ok {
		return tls.VersionTLS12
	}
	return 0
}

// Certificate makes an identity of a shape for these hosts, names or
// addresses.
func Certificate(shape Shape, hosts ...string) (Identity, error) {
	key, err := keyOf(shape)
	if err != nil {
		return Identity{}, fmt.Errorf("make key: %w", err)
	}
	now := time.Now()
	leaf := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "emulated vault"},
		NotBefore:   now.Add(-time.Hour),
		NotAfter:    now.Add(24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	switch shape {
	case Outdated:
		leaf.NotBefore, leaf.NotAfter = now.Add(-48*time.Hour), now.Add(-24*time.Hour)
	case TooEarly:
		leaf.NotBefore = now.Add(12 * time.Hour)
	case WrongName:
		hosts = []string{"vault.invalid"}
	default: // the dates and names stay valid
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, host)
		}
	}
	if shape == SelfSigned {
		return issue(leaf, leaf, key, key)
	}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Identity{}, fmt.Errorf("make key: %w", err)
	}
	root := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "emulated authority"},
		NotBefore: now.Add(-72 * time.Hour), NotAfter: now.Add(72 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	return issue(leaf, root, key, rootKey)
}

func keyOf(shape Shape) (crypto.Signer, error) {
	switch shape {
	case RSA1024:
		return rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // The short key is the point.
	case RSA512:
		return newShortKey()
	default:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
}

// issue signs leaf by parent; both are the same for a self-signed one.
func issue(leaf, parent *x509.Certificate, key, parentKey crypto.Signer) (Identity, error) {
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, parent, key.Public(), parentKey)
	if err != nil {
		return Identity{}, fmt.Errorf("sign certificate: %w", err)
	}
	rootDER := leafDER
	chain := [][]byte{leafDER}
	if leaf != parent {
		rootDER, err = x509.CreateCertificate(rand.Reader, parent, parent, parentKey.Public(), parentKey)
		if err != nil {
			return Identity{}, fmt.Errorf("sign root: %w", err)
		}
	}
	return Identity{
		Certificate: tls.Certificate{Certificate: chain, PrivateKey: key},
		RootPEM:     pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}),
	}, nil
}

// shortKey is a 512-bit RSA key, which crypto/rsa refuses to generate and to
// sign with. It only signs with SHA-256 and PKCS #1 v1.5.
type shortKey struct {
	public rsa.PublicKey
	d      *big.Int
}

func newShortKey() (*shortKey, error) {
	one, e := big.NewInt(1), big.NewInt(65537)
	for {
		p, err := rand.Prime(rand.Reader, 256)
		if err != nil {
			return nil, err
		}
		q, err := rand.Prime(rand.Reader, 256)
		if err != nil {
			return nil, err
		}
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(e, phi)
		n := new(big.Int).Mul(p, q)
		if d != nil && n.BitLen() == 512 {
			return &shortKey{rsa.PublicKey{N: n, E: 65537}, d}, nil
		}
	}
}

func (k *shortKey) Public() crypto.PublicKey { return &k.public }

func (k *shortKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != crypto.SHA256 {
		return nil, errors.New("sign with 512 bits: only SHA-256 fits")
	}
	// RFC 8017, 9.2: the DER prefix of a SHA-256 DigestInfo.
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	block := make([]byte, 64)
	block[1] = 1
	info := append(prefix, digest...)
	for i := 2; i < len(block)-len(info)-1; i++ {
		block[i] = 0xff
	}
	copy(block[len(block)-len(info):], info)
	m := new(big.Int).Exp(new(big.Int).SetBytes(block), k.d, k.public.N)
	return m.FillBytes(make([]byte, 64)), nil
}
