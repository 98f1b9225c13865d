package tlsconf

import (
	"crypto/hmac"
	"crypto/rc4"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
	"unicode/utf16"

	"software.sslmate.com/src/go-pkcs12"
)

// Object identifiers of PKCS#12.
const (
	oidData          = "1.2.840.113549.1.7.1"
	oidEncryptedData = "1.2.840.113549.1.7.6"
	oidKeyBag        = "1.2.840.113549.1.12.10.1.1"
	oidShroudedBag   = "1.2.840.113549.1.12.10.1.2"
	oidRC4           = "1.2.840.113549.1.12.1.1"
	oidRC4Short      = "1.2.840.113549.1.12.1.2"
)

// decodePKCS12 opens a PKCS#12 file. Forms that the library does not read are
// rewritten for it first: indefinite lengths, split strings, any number of
// parts, RC4, a missing MAC or an unsupported one.
func decodePKCS12(data []byte, password string) (key any, certs []*x509.Certificate, err error) {
	if outer, rest, err := parseBER(data, 0); err == nil && outer.at(1, 0).oid() == oidData {
		data = data[:len(data)-len(rest)] // what some programs write behind it, others ignore
	}
	key, leaf, chain, err := pkcs12.DecodeChain(data, password)
	if err != nil {
		again, problem := rewrite(data, password)
		switch {
		case errors.Is(problem, errBER):
			return nil, nil, err // it is not PKCS#12
		case problem != nil:
			return nil, nil, problem
		}
		if key, leaf, chain, err = pkcs12.DecodeChain(again, password); err != nil {
			return nil, nil, err
		}
	}
	return key, append([]*x509.Certificate{leaf}, chain...), nil
}

// pfx is a file that is being rewritten.
type pfx struct {
	password string
	plain    []byte   // the contents of all unencrypted parts
	sealed   [][]byte // the encrypted parts
}

// rewrite returns the file in DER, with one unencrypted part, one encrypted
// part, and a SHA-1 MAC.
func rewrite(data []byte, password string) ([]byte, error) {
	outer, rest, err := parseBER(data, 0)
	if err != nil || len(rest) > 0 || outer.at(1, 0).oid() != oidData {
		return nil, errBER
	}
	content := outer.at(1, 1, 0).octets()
	if err := checkMAC(outer.at(2), content, password); err != nil {
		return nil, err
	}
	safes, rest, err := parseBER(content, 0)
	if err != nil || len(rest) > 0 {
		return nil, errBER
	}
	p := pfx{password: password}
	for _, safe := range safes.inner {
		if err := p.add(safe); err != nil {
			return nil, err
		}
	}
	if len(p.sealed) > 1 {
		return nil, fmt.Errorf("it has %d encrypted parts, and only one is supported", len(p.sealed))
	}
	return p.encode(), nil
}

// add adds one part of the file.
func (p *pfx) add(safe element) error {
	switch safe.at(0).oid() {
	case oidData:
		return p.addPlain(safe.at(1, 0).octets())
	case oidEncryptedData:
		info := safe.at(1, 0, 1)
		algorithm, content := info.at(1), info.at(2).octets()
		if id := algorithm.at(0).oid(); id == oidRC4 || id == oidRC4Short {
			clear, err := p.rc4(algorithm, content)
			if err != nil {
				return err
			}
			return p.addPlain(clear)
		}
		info = element{tag: sequence, inner: []element{info.at(0), algorithm, {tag: contextTag0, content: content}}}
		p.sealed = append(p.sealed, element{tag: sequence, inner: []element{safe.at(1, 0, 0), info}}.der())
		return nil
	}
	return errors.New("a part of it is encrypted with a certificate instead of a password")
}

// addPlain adds the contents of an unencrypted part.
func (p *pfx) addPlain(data []byte) error {
	contents, rest, err := parseBER(data, 0)
	if err != nil || len(rest) > 0 {
		return pkcs12.ErrIncorrectPassword // what RC4 yields with a wrong password
	}
	for _, bag := range contents.inner {
		algorithm := bag.at(1, 0, 0)
		if id := algorithm.at(0).oid(); bag.at(0).oid() == oidShroudedBag && (id == oidRC4 || id == oidRC4Short) {
			key, err := p.rc4(algorithm, bag.at(1, 0, 1).octets())
			if err != nil {
				return err
			}
			inner, _, err := parseBER(key, 0)
			if err != nil {
				return pkcs12.ErrIncorrectPassword
			}
			id, err := marshalOID(oidKeyBag)
			if err != nil {
				return err
			}
			bag = element{tag: sequence, inner: append([]element{id, {tag: 0xa0, inner: []element{inner}}}, bag.inner[2:]...)}
		}
		p.plain = append(p.plain, bag.der()...)
	}
	return nil
}

func marshalOID(text string) (element, error) {
	var id asn1.ObjectIdentifier
	for _, n := range splitOID(text) {
		id = append(id, n)
	}
	data, err := asn1.Marshal(id)
	if err != nil {
		return element{}, err
	}
	e, _, err := parseBER(data, 0)
	return e, err
}

func splitOID(text string) (list []int) {
	n := 0
	for _, r := range text + "." {
		if r == '.' {
			list, n = append(list, n), 0
			continue
		}
		n = n*10 + int(r-'0')
	}
	return list
}

// rc4 decrypts with the algorithm of PKCS#12 itself.
func (p *pfx) rc4(algorithm element, data []byte) ([]byte, error) {
	size := 16
	if algorithm.at(0).oid() == oidRC4Short {
		size = 5
	}
	iterations, err := count(algorithm.at(1, 1))
	if err != nil {
		return nil, err
	}
	key := derive(sha1.New, 1, bmp(p.password), algorithm.at(1, 0).octets(), iterations, size)
	c, err := rc4.NewCipher(key)
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(data))
	c.XORKeyStream(out, data)
	return out, nil
}

// encode encodes the file for the library.
func (p *pfx) encode() []byte {
	id := func(text string) element { e, _ := marshalOID(text); return e }
	explicit := func(inner []byte) []byte { return encode(0xa0, inner) }
	plain := encode(sequence, append(id(oidData).der(), explicit(encode(octetString, encode(sequence, p.plain)))...))
	for _, sealed := range p.sealed {
		plain = append(plain, encode(sequence, append(id(oidEncryptedData).der(), explicit(sealed)...))...)
	}
	return p.seal(encode(sequence, plain))
}

// seal adds a MAC to the parts of a file.
func (p *pfx) seal(content []byte) []byte {
	id := func(text string) element { e, _ := marshalOID(text); return e }
	explicit := func(inner []byte) []byte { return encode(0xa0, inner) }
	salt := []byte("vigente:")
	mac := hmac.New(sha1.New, derive(sha1.New, 3, bmp(p.password), salt, 1, sha1.Size))
	mac.Write(content)
	digest := encode(sequence, append(encode(sequence, append(id("1.3.14.3.2.26").der(), 5, 0)), encode(octetString, mac.Sum(nil))...))
	macData := encode(sequence, append(digest, encode(octetString, salt)...))
	file := append([]byte{2, 1, 3}, encode(sequence, append(id(oidData).der(), explicit(encode(octetString, content))...))...)
	return encode(sequence, append(file, macData...))
}

// macHashes maps object identifiers to the digests of a MAC.
var macHashes = map[string]func() hash.Hash{
	"1.3.14.3.2.26":          sha1.New,
	"2.16.840.1.101.3.4.2.1": sha256.New,
	"2.16.840.1.101.3.4.2.2": sha512.New384,
	"2.16.840.1.101.3.4.2.3": sha512.New,
	"2.16.840.1.101.3.4.2.4": sha256.New224,
}

// checkMAC verifies the MAC of a file, which detects a wrong password. In a
// file without one, a wrong password is detected by the decrypted content.
func checkMAC(macData element, content []byte, password string) error {
	if macData.tag == 0 {
		return nil
	}
	newHash := macHashes[macData.at(0, 0, 0).oid()]
	if newHash == nil {
		return errors.New("its checksum (MAC) uses an unsupported algorithm")
	}
	iterations := 1
	if e := macData.at(2); e.tag != 0 {
		var err error
		if iterations, err = count(e); err != nil {
			return err
		}
	}
	salt, want := macData.at(1).octets(), macData.at(0, 1).octets()
	for _, secret := range [][]byte{bmp(password), nil} {
		mac := hmac.New(newHash, derive(newHash, 3, secret, salt, iterations, newHash().Size()))
		mac.Write(content)
		if hmac.Equal(mac.Sum(nil), want) {
			return nil
		}
		if password != "" {
			break // some programs hash the empty password without the terminating zero
		}
	}
	return pkcs12.ErrIncorrectPassword
}

// maxIterations bounds the work a file can demand.
const maxIterations = 10_000_000

func count(e element) (int, error) {
	var n int
	if _, err := asn1.Unmarshal(e.der(), &n); err != nil || n < 1 || n > maxIterations {
		return 0, errBER
	}
	return n, nil
}

// bmp encodes a password as PKCS#12 hashes it: UTF-16 with a terminating zero.
func bmp(password string) []byte {
	var out []byte
	for _, unit := range append(utf16.Encode([]rune(password)), 0) {
		out = append(out, byte(unit>>8), byte(unit))
	}
	return out
}

// derive derives a key from a password (RFC 7292, appendix B.2): purpose 1 is
// encryption, 3 is the MAC.
func derive(newHash func() hash.Hash, purpose byte, password, salt []byte, iterations, size int) []byte {
	h := newHash()
	block := h.BlockSize()
	diversifier := make([]byte, block)
	for i := range diversifier {
		diversifier[i] = purpose
	}
	input := append(repeated(salt, block), repeated(password, block)...)
	var key []byte
	for {
		h.Reset()
		h.Write(diversifier)
		h.Write(input)
		sum := h.Sum(nil)
		for range iterations - 1 {
			h.Reset()
			h.Write(sum)
			sum = h.Sum(sum[:0])
		}
		if key = append(key, sum...); len(key) >= size {
			return key[:size]
		}
		addOne := repeated(sum, block)[:block]
		for i := 0; i < len(input); i += block {
			carry := 1
			for j := block - 1; j >= 0; j-- {
				carry += int(input[i+j]) + int(addOne[j])
				input[i+j], carry = byte(carry), carry>>8
			}
		}
	}
}

// repeated fills whole blocks with copies of a text.
func repeated(text []byte, block int) []byte {
	if len(text) == 0 {
		return nil
	}
	out := make([]byte, (len(text)+block-1)/block*block)
	for i := range out {
		out[i] = text[i%len(text)]
	}
	return out
}
