package icpbrasil

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

// name is one otherName as authorities write it.
func name(t testing.TB, last, tag int, text string) asn1.RawValue {
	t.Helper()
	id, err := asn1.Marshal(asn1.ObjectIdentifier{2, 16, 76, 1, 3, last})
	if err != nil {
		t.Fatal(err)
	}
	inner, err := asn1.Marshal(asn1.RawValue{Tag: tag, Bytes: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	outer, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: inner})
	if err != nil {
		t.Fatal(err)
	}
	return asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: append(id, outer...)}
}

func certificate(t testing.TB, cn string, names ...asn1.RawValue) *x509.Certificate {
	t.Helper()
	value, err := asn1.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	return &x509.Certificate{Subject: pkix.Name{CommonName: cn}, Extensions: []pkix.Extension{{Id: subjectAltName, Value: value}}}
}

func TestHolder(t *testing.T) {
	const zeros = "00000000000000000000000000"
	mail := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, Bytes: []byte("a@b.example")}
	for what, c := range map[string]struct {
		cert *x509.Certificate
		want string
	}{
		"e-CNPJ":              {certificate(t, "X:99", mail, name(t, 4, 4, "0101197011144477735"+zeros), name(t, 3, 4, "12345678000195")), "12345678000195"},
		"e-CNPJ printable":    {certificate(t, "X", name(t, 3, 19, "12345678000195")), "12345678000195"},
		"e-CNPJ UTF-8":        {certificate(t, "X", name(t, 3, 12, "12345678000195 ")), "12345678000195"},
		"e-CNPJ letters":      {certificate(t, "X", name(t, 3, 4, "12ABC34501DE35")), "12ABC34501DE35"},
		"e-CPF":               {certificate(t, "X:12345678000195", name(t, 1, 4, "0101197052998224725"+zeros)), "52998224725"},
		"responsible only":    {certificate(t, "X", name(t, 4, 4, "0101197011144477735"+zeros)), ""},
		"name only":           {&x509.Certificate{Subject: pkix.Name{CommonName: "FULANO: DE TAL:52998224725"}}, "52998224725"},
		"name of a company":   {certificate(t, "X:12345678000195", mail), "12345678000195"},
		"name without number": {certificate(t, "X", mail), ""},
		"number only":         {certificate(t, "52998224725", mail), ""},
		"short field":         {certificate(t, "X:52998224725", name(t, 1, 4, "01011970")), "52998224725"},
		"zeros":               {certificate(t, "X", name(t, 3, 4, "00000000000000")), ""},
		"letters in a CPF":    {certificate(t, "X", name(t, 1, 4, "01011970529982247AB"+zeros)), ""},
		"letters in digits":   {certificate(t, "X:12ABC34501DEAB", mail), ""},
		"nothing":             {&x509.Certificate{}, ""},
	} {
		if got := Holder(c.cert); got != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
}

// FuzzHolder parses any extension.
func FuzzHolder(f *testing.F) {
	f.Add("X:52998224725", certificate(f, "", name(f, 3, 4, "12345678000195")).Extensions[0].Value)
	f.Add("", certificate(f, "", name(f, 1, 4, "0101197052998224725")).Extensions[0].Value)
	f.Add("", []byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, cn string, names []byte) {
		got := Holder(&x509.Certificate{Subject: pkix.Name{CommonName: cn}, Extensions: []pkix.Extension{{Id: subjectAltName, Value: names}}})
		if got != "" && !isNumber(got, 11) && !isNumber(got, 14) {
			t.Errorf("got %q, want a CPF or CNPJ", got)
		}
	})
}
