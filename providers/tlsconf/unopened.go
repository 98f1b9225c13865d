package tlsconf

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"software.sslmate.com/src/go-pkcs12"
)

const oidSignedData = "1.2.840.113549.1.7.2"

// unopened says what a file is that could not be opened as PKCS#12.
func unopened(data []byte, err error) error {
	const expected = "(expected PKCS#12, or PEM with a certificate and its key)"
	if plain, err := base64.StdEncoding.AppendDecode(nil, bytes.TrimSpace(data)); err == nil && len(plain) > 0 && plain[0] == sequence {
		return errors.New("is base64 (decode it first: base64 -d)")
	}
	outer, rest, problem := parseBER(data, 0)
	_, certificate := x509.ParseCertificate(data)
	switch {
	case certificate == nil:
		return errors.New("is a certificate without its private key " + expected)
	case isKey(data):
		return errors.New("is a private key without its certificate " + expected)
	case problem == nil && outer.at(0).oid() == oidSignedData:
		return errors.New("is PKCS#7, which contains certificates without a private key " + expected)
	case problem == nil && outer.at(1, 0).oid() != "":
		text := unreadForm(err)
		switch {
		case strings.Contains(text, "private key missing"):
			return errors.New("is a PKCS#12 file without a private key (export the certificate again, with its key)")
		case strings.Contains(text, "certificate missing"):
			return errors.New("is a PKCS#12 file without a certificate (export the key again, with its certificate)")
		}
		return fmt.Errorf("is a PKCS#12 file in an unsupported form: %s (convert it: openssl pkcs12 -in OLD.p12 -legacy -nodes | openssl pkcs12 -export -out NEW.p12)", text)
	case problem != nil && isCut(data):
		return errors.New("is cut off: it says that it is longer (copy it again)")
	case problem == nil && len(rest) == 0 && outer.tag == sequence:
		return errors.New("is in a form of ASN.1 that is not PKCS#12 " + expected)
	}
	return errors.New("is neither PKCS#12 nor PEM with a certificate and its key (expected one of the two)")
}

// unreadForm says what is not supported, in our own words or the library's, which quote
// nothing of the file except algorithm identifiers.
func unreadForm(err error) string {
	if text, ok := errors.AsType[pkcs12.NotImplementedError](err); ok {
		return strings.TrimPrefix(string(text), "pkcs12: ")
	}
	if text := strings.TrimPrefix(err.Error(), "pkcs12: "); !strings.Contains(text, "asn1: ") {
		return text
	}
	return "its contents are damaged"
}

func isKey(data []byte) bool {
	for _, parse := range []func([]byte) error{
		func(d []byte) error { _, err := x509.ParsePKCS8PrivateKey(d); return err },
		func(d []byte) error { _, err := x509.ParsePKCS1PrivateKey(d); return err },
		func(d []byte) error { _, err := x509.ParseECPrivateKey(d); return err },
	} {
		if parse(data) == nil {
			return true
		}
	}
	return false
}

// isCut reports whether a file is shorter than its first value.
func isCut(data []byte) bool {
	if len(data) == 0 || data[0] != sequence {
		return false
	}
	var whole asn1.RawValue
	_, err := asn1.Unmarshal(data, &whole)
	_, cut := errors.AsType[asn1.SyntaxError](err)
	return cut
}
