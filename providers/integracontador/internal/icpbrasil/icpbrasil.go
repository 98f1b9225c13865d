// Package icpbrasil reads the holder of an ICP-Brasil certificate: the CPF of an
// e-CPF or the CNPJ of an e-CNPJ. It verifies nothing.
//
// Source: ITI, DOC-ICP-04, the otherName fields of subjectAltName.
package icpbrasil

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"
)

var (
	subjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
	company        = asn1.ObjectIdentifier{2, 16, 76, 1, 3, 3} // CNPJ of an e-CNPJ
	person         = asn1.ObjectIdentifier{2, 16, 76, 1, 3, 1} // birth date, CPF and more of an e-CPF
)

// The field of a person begins with the eight digits of the birth date.
const birthDate = 8

// Holder returns the number of the certificate's holder, or "" if it names none.
// The person responsible for a company (2.16.76.1.3.4) is not its holder.
// Without ICP-Brasil fields, the common name is used, as NAME:NUMBER.
func Holder(cert *x509.Certificate) string {
	names := otherNames(cert)
	if n := strings.TrimSpace(names[company.String()]); isNumber(n, 14) {
		return n
	}
	if n := names[person.String()]; len(n) >= birthDate+11 && isNumber(n[birthDate:birthDate+11], 11) {
		return n[birthDate : birthDate+11]
	}
	cn := cert.Subject.CommonName
	n := strings.TrimSpace(cn[strings.LastIndexByte(cn, ':')+1:])
	if n != cn && (isNumber(n, 11) || isNumber(n, 14)) {
		return n
	}
	return ""
}

// isNumber reports whether n has the form of a CPF or CNPJ: a CPF has only
// digits, a CNPJ may have letters except in its check digits.
func isNumber(n string, length int) bool {
	digits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	if len(n) != length || strings.Trim(n, "0") == "" {
		return false
	}
	if length == 11 {
		return digits(n)
	}
	return digits(n[12:]) && strings.Trim(n[:12], "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// otherNames returns the text of each otherName by its type, and skips what
// cannot be parsed.
func otherNames(cert *x509.Certificate) map[string]string {
	found := map[string]string{}
	i := slices.IndexFunc(cert.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(subjectAltName) })
	if i < 0 {
		return found
	}
	var names []asn1.RawValue
	if _, err := asn1.Unmarshal(cert.Extensions[i].Value, &names); err != nil {
		return found
	}
	for _, name := range names {
		if name.Class != asn1.ClassContextSpecific || name.Tag != 0 {
			continue // another form of name
		}
		var id asn1.ObjectIdentifier
		rest, err := asn1.Unmarshal(name.Bytes, &id)
		if err != nil {
			continue
		}
		var outer, inner asn1.RawValue
		if _, err := asn1.Unmarshal(rest, &outer); err != nil {
			continue
		}
		if _, err := asn1.Unmarshal(outer.Bytes, &inner); err != nil {
			continue
		}
		// Authorities write OCTET STRING, PrintableString or UTF8String; the bytes
		// are the text in all of them.
		found[id.String()] = string(inner.Bytes)
	}
	return found
}
