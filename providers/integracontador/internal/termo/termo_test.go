package termo

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

var sample = Termo{
	SignedOn: "20260310", LastDay: "20260409",
	Recipient: Party{"12345678000195", "EMPRESA CONTRATANTE & CIA LTDA"},
	Author:    Party{"52998224725", "FULANO DE TAL"},
}

// newKey returns a key with a certificate for it.
func newKey(t testing.TB) (*rsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(4e9, 0)}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}

// TestFixedTexts compares the protocol's constants with the published ones.
func TestFixedTexts(t *testing.T) {
	for _, c := range []struct {
		name, text   string
		chars, bytes int
		sum          string
	}{
		{"termo", Text, 459, 472, "fa8701126a11f9fc73e68d58588118de3d2f1fa4134c1fc64b90ec6c78eb8210"},
		{"avisoLegal", Notice, 515, 533, "be0ce092e96f1226cd3b2c0ea51a7c6e7454829830f523d9c66c6787a6b730c1"},
		{"finalidade", Aim, 361, 368, "78b723d1d14616255f2884dd92f977273e01882003b6c21e2058799366f2910b"},
	} {
		sum := sha256.Sum256([]byte(c.text))
		if hex.EncodeToString(sum[:]) != c.sum || utf8.RuneCountInString(c.text) != c.chars || len(c.text) != c.bytes {
			t.Errorf("%s: %d characters, %d bytes, %x", c.name, utf8.RuneCountInString(c.text), len(c.text), sum)
		}
	}
}

func TestFileIsTheModel(t *testing.T) {
	key, cert := newKey(t)
	file, err := sample.Sign(key, cert.Raw)
	if err != nil {
		t.Fatal(err)
	}
	want := `<?xml version="1.0" encoding="UTF-8"?><termoDeAutorizacao><dados><sistema id="API Integra Contador"/><termo texto="` + Text +
		`"/><avisoLegal texto="` + Notice + `"/><finalidade texto="` + Aim + `"/><dataAssinatura data="20260310"/><vigencia data="20260409"/>` +
		`<destinatario numero="12345678000195" nome="EMPRESA CONTRATANTE &amp; CIA LTDA" tipo="PJ" papel="contratante"/>` +
		`<assinadoPor numero="52998224725" nome="FULANO DE TAL" tipo="PF" papel="autor pedido de dados"/></dados>` +
		`<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo>`
	if !strings.HasPrefix(string(file), want) {
		t.Errorf("the file begins\n%s\nwant\n%s", file[:min(len(file), len(want))], want)
	}
	end := `</SignatureValue><KeyInfo><X509Data><X509Certificate>` + base64.StdEncoding.EncodeToString(cert.Raw) +
		`</X509Certificate></X509Data></KeyInfo></Signature></termoDeAutorizacao>`
	if !strings.HasSuffix(string(file), end) {
		t.Error("the file does not end with the end certificate on one line")
	}
	if bytes.ContainsAny(file, "\r\n\t\ufeff") {
		t.Error("the file contains a line break, a tab or a byte order mark")
	}
	again, err := sample.Sign(key, cert.Raw)
	if err != nil || !bytes.Equal(file, again) {
		t.Error("the same content gave other bytes")
	}
}

func TestNamesAreEscapedAndClean(t *testing.T) {
	for in, want := range map[string]string{
		"A & B":                           "A & B",
		"A\u00a0B\u2003C":                 "A B C",
		" A\tB\r\nC  D ":                  "A B C D",
		"A\u200bB\u200cC\u200dD\ufeffE":   "ABCDE",
		"A\u00adB\u2060C\u034fD\ufe0fE":   "ABCDE",
		"A\u202eB\u0000C\u0085D":          "ABC D",
		"A\uffffB\ufffdC\ue000D\u3164E":   "ABCDE",
		"JOSÉ D'ÁVILA \"ZÉ\" <X> Ç ª 中 😀": "JOSÉ D'ÁVILA \"ZÉ\" <X> Ç ª 中 😀",
		"\u200b": "",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
	awkward := sample
	awkward.Author.Name = "D'ÁVILA & \"FILHOS\" <LTDA>\u200b"
	if want := `nome="D&apos;ÁVILA &amp; &quot;FILHOS&quot; &lt;LTDA&gt;"`; !strings.Contains(awkward.body(), want) {
		t.Errorf("the file does not hold %s", want)
	}
	if want := `nome="D'ÁVILA &amp; &quot;FILHOS&quot; &lt;LTDA>"`; !strings.Contains(awkward.canonical(), want) {
		t.Errorf("the canonical form does not hold %s", want)
	}
	if strings.Contains(awkward.body()+awkward.canonical(), "\u200b") {
		t.Error("an invisible character is left")
	}
}

// TestCanonicalFormIsThatOfTheLibrary compares our canonical form with that of a
// general library.
func TestCanonicalFormIsThatOfTheLibrary(t *testing.T) {
	awkward := sample
	awkward.Author = Party{"12ABC34501DE35", `D'ÁVILA & "FILHOS" <LTDA> 中 😀`}
	for _, term := range []Termo{sample, awkward} {
		doc := etree.NewDocument()
		if err := doc.ReadFromString(term.body() + "</termoDeAutorizacao>"); err != nil {
			t.Fatal(err)
		}
		got, err := dsig.MakeC14N10RecCanonicalizer().Canonicalize(doc.Root())
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != term.canonical() {
			t.Errorf("the library's\n%s\nours\n%s", got, term.canonical())
		}
	}
}

// TestSignatureVerifies verifies with goxmldsig, and must fail after a change.
func TestSignatureVerifies(t *testing.T) {
	key, cert := newKey(t)
	awkward := sample
	awkward.Author = Party{"12ABC34501DE35", `D'ÁVILA & "FILHOS" <LTDA> 中 😀`}
	for _, term := range []Termo{sample, awkward} {
		file, err := term.Sign(key, cert.Raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(file, cert); err != nil {
			t.Errorf("%v", err)
		}
		for old, other := range map[string]string{"20260409": "20260410", "autor pedido": "autor  pedido", "AUTOR PEDIDO": "AUTOR pEDIDO"} {
			changed := bytes.Replace(file, []byte(old), []byte(other), 1)
			if bytes.Equal(changed, file) || validate(changed, cert) == nil {
				t.Errorf("%q in place of %q was taken", other, old)
			}
		}
	}
}

func validate(file []byte, cert *x509.Certificate) error {
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(file); err != nil {
		return err
	}
	ctx := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{cert}})
	ctx.IdAttribute = "Id"
	_, err := ctx.Validate(doc.Root())
	return err
}

func TestSignNeedsAKeyThatIsLargeEnough(t *testing.T) {
	weak := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: big.NewInt(3233), E: 17}, D: big.NewInt(2753), Primes: []*big.Int{big.NewInt(61), big.NewInt(53)}}
	if _, err := sample.Sign(weak, nil); err == nil {
		t.Error("a key of twelve bits signed")
	}
}

// FuzzNames tries any two names: the file is well-formed XML, contains the clean
// names, and both forms mean the same.
func FuzzNames(f *testing.F) {
	f.Add("EMPRESA & CIA", "D'ÁVILA")
	f.Add("a\u200bb\x00\xff", "<>\"'&&amp;")
	f.Fuzz(func(t *testing.T, recipient, author string) {
		term := sample
		term.Recipient.Name, term.Author.Name = recipient, author
		for _, text := range []string{term.body() + "</termoDeAutorizacao>", term.canonical()} {
			var doc struct {
				Dados struct {
					Recipient struct {
						Name string `xml:"nome,attr"`
					} `xml:"destinatario"`
					Author struct {
						Name string `xml:"nome,attr"`
					} `xml:"assinadoPor"`
				} `xml:"dados"`
			}
			if err := xml.Unmarshal([]byte(text), &doc); err != nil {
				t.Fatalf("%v in %q", err, text)
			}
			if doc.Dados.Recipient.Name != Clean(recipient) || doc.Dados.Author.Name != Clean(author) {
				t.Errorf("names %q %q, want %q %q", doc.Dados.Recipient.Name, doc.Dados.Author.Name, Clean(recipient), Clean(author))
			}
		}
	})
}

// BenchmarkSign signs whole documents, and bare hashes for comparison.
func BenchmarkSign(b *testing.B) {
	key, cert := newKey(b)
	b.Run("termo", func(b *testing.B) {
		for b.Loop() {
			if _, err := sample.Sign(key, cert.Raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		sum := sha256.Sum256([]byte("x"))
		for b.Loop() {
			if _, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
}
