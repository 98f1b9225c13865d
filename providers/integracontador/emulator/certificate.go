package emulator

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"time"
)

// Authority issues certificates in the form of ICP-Brasil, for tests and
// demonstrations.
type Authority struct {
	Certificate *x509.Certificate
	key         *rsa.PrivateKey
}

// Identity is a certificate with its key.
type Identity struct {
	Certificate *x509.Certificate
	Key         *rsa.PrivateKey
}

// Issue describes a certificate. With only Name and Number set, it is an
// ordinary A1 certificate that is valid for many years.
type Issue struct {
	Name, Number        string
	NotBefore, NotAfter time.Time
	// NoFields leaves out the fields of ICP-Brasil, NoNumber the number in the
	// common name.
	NoFields, NoNumber bool
	Bits               int
	// Key is used instead of a new one, for thousands of certificates at once.
	Key *rsa.PrivateKey
}

// NewAuthority returns an authority with a new key.
func NewAuthority() (*Authority, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "AC Emulada", Organization: []string{"ICP-Brasil"}, Country: []string{"BR"}},
		NotBefore: defaultNotBefore, NotAfter: defaultNotAfter, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	cert, err := create(form, form, key, key)
	return &Authority{cert, key}, err
}

var (
	defaultNotBefore = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	defaultNotAfter  = time.Date(2049, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Issue returns a certificate with a new key, unless one is given: an e-CPF for
// a number of eleven digits, else an e-CNPJ.
func (a *Authority) Issue(i Issue) (*Identity, error) {
	bits := i.Bits
	if bits == 0 {
		bits = 2048
	}
	key := i.Key
	if key == nil {
		var err error
		if key, err = rsa.GenerateKey(rand.Reader, bits); err != nil {
			return nil, err
		}
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	name := i.Name + ":" + i.Number
	if i.NoNumber {
		name = i.Name
	}
	form := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: []string{"ICP-Brasil"}, Country: []string{"BR"}},
		NotBefore: i.NotBefore, NotAfter: i.NotAfter,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageContentCommitment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageEmailProtection},
	}
	if form.NotBefore.IsZero() {
		form.NotBefore = defaultNotBefore
	}
	if form.NotAfter.IsZero() {
		form.NotAfter = defaultNotAfter
	}
	if !i.NoFields {
		names, err := fields(i.Number)
		if err != nil {
			return nil, err
		}
		form.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: names}}
	}
	cert, err := create(form, a.Certificate, key, a.key)
	return &Identity{cert, key}, err
}

func create(form, parent *x509.Certificate, key, signer *rsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, form, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// fields returns the subjectAltName of an e-CPF or e-CNPJ. An e-CNPJ also names
// the person responsible, who is not the holder.
func fields(number string) ([]byte, error) {
	const birthAndCPF, zeros = "01011970", "00000000000000000000000000"
	var names []asn1.RawValue
	add := func(id asn1.ObjectIdentifier, tag int, text string) {
		name, err := asn1.Marshal(id)
		if err != nil {
			panic(err) // constants
		}
		// Every length here is below 128, which is one byte.
		value := append([]byte{byte(tag), byte(len(text))}, text...)
		name = append(append(name, 0xa0, byte(len(value))), value...)
		names = append(names, asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: name})
	}
	if len(number) == 11 {
		add(oidCPF, asn1.TagOctetString, birthAndCPF+number+zeros)
	} else {
		add(asn1.ObjectIdentifier{2, 16, 76, 1, 3, 4}, asn1.TagOctetString, birthAndCPF+"11144477735"+zeros)
		add(asn1.ObjectIdentifier{2, 16, 76, 1, 3, 2}, asn1.TagPrintableString, "RESPONSAVEL DA SILVA")
		add(oidCNPJ, asn1.TagOctetString, number)
	}
	return asn1.Marshal(names)
}

// PEM returns the certificate and its key in one file.
func (i *Identity) PEM() ([]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(i.Key)
	if err != nil {
		return nil, err
	}
	file := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate.Raw})
	return append(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...), nil
}
