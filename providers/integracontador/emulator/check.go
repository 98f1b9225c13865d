package emulator

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"
	"unicode"
)

// complaint is what is wrong with a posted document.
type complaint struct {
	status     int
	code, text string
}

func entry(number, text string) *complaint {
	return &complaint{400, "EntradaIncorreta-AUTENTICAPROCURADOR-" + number, text}
}

func denied(number, text string) *complaint {
	return &complaint{403, "AcessoNegado-AUTENTICAPROCURADOR-" + number, text}
}

// layout lists the elements of dados in order, with their attributes.
var layout = []struct {
	name       string
	attributes []string
}{
	{"sistema", []string{"id"}},
	{"termo", []string{"texto"}},
	{"avisoLegal", []string{"texto"}},
	{"finalidade", []string{"texto"}},
	{"dataAssinatura", []string{"data"}},
	{"vigencia", []string{"data"}},
	{"destinatario", []string{"numero", "nome", "tipo", "papel"}},
	{"assinadoPor", []string{"numero", "nome", "tipo", "papel"}},
}

// sums are the SHA-256 of the texts that are compared literally.
var sums = map[string]string{
	"termo":      "fa8701126a11f9fc73e68d58588118de3d2f1fa4134c1fc64b90ec6c78eb8210",
	"avisoLegal": "be0ce092e96f1226cd3b2c0ea51a7c6e7454829830f523d9c66c6787a6b730c1",
	"finalidade": "78b723d1d14616255f2884dd92f977273e01882003b6c21e2058799366f2910b",
}

// check returns what is wrong with a document, in the order of the pages.
func (x *exchange) check(file []byte, in request) *complaint {
	if bytes.ContainsFunc(file, func(r rune) bool { return unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar }) ||
		len(file) == 0 || file[0] != '<' {
		return denied("038", "XML mal formado.")
	}
	root, err := parse(file)
	if err != nil {
		return denied("038", "XML mal formado.")
	}
	if root.name != "termoDeAutorizacao" || len(root.attributes) > 0 {
		return entry("019", "Layout do XML inválido: tag raiz deve ser termoDeAutorizacao.")
	}
	dados := root.one("dados")
	if bad := checkLayout(dados); bad != nil {
		return bad
	}
	if bad := x.checkDates(dados); bad != nil {
		return bad
	}
	to, _ := dados.one("destinatario").attribute("numero")
	by, _ := dados.one("assinadoPor").attribute("numero")
	if to != in.Contratante.Numero {
		return denied("012", "NI do contratante diferente do termo.")
	}
	cert, bad := x.checkSignature(root)
	if bad == nil {
		bad = x.checkCertificate(cert)
	}
	if bad == nil && (numberOf(cert) != by || by != in.AutorPedidoDados.Numero) {
		bad = denied("011", "NI do autor diferente do certificado.")
	}
	return bad
}

func checkLayout(dados *node) *complaint {
	if dados.name == "" {
		return entry("015", "Elemento dados ausente.")
	}
	all := dados.elements("")
	for i, want := range layout {
		if i >= len(all) || all[i].name != want.name {
			return entry("015", "Elemento "+want.name+" ausente.")
		}
		for _, name := range want.attributes {
			value, ok := all[i].attribute(name)
			if !ok || !validValue(want.name, name, value, all[i]) {
				return entry("016", "Atributo "+name+" do elemento "+want.name+" inválido.")
			}
		}
		if len(all[i].attributes) != len(want.attributes) {
			return entry("016", "Atributo a mais no elemento "+want.name+".")
		}
	}
	if len(all) != len(layout) {
		return entry("015", "Elemento a mais.")
	}
	return nil
}

func validValue(element, name, value string, n *node) bool {
	number, _ := n.attribute("numero")
	switch name {
	case "id":
		return value == "API Integra Contador"
	case "texto":
		sum := sha256.Sum256([]byte(value))
		return hex.EncodeToString(sum[:]) == sums[element]
	case "data":
		_, err := time.Parse("20060102", value)
		return err == nil
	case "numero":
		return (len(value) == 11 || len(value) == 14) && checked(value)
	case "nome":
		return strings.TrimSpace(value) != ""
	case "tipo":
		return value == map[int]string{11: "PF", 14: "PJ"}[len(number)]
	}
	return value == map[string]string{"destinatario": "contratante", "assinadoPor": "autor pedido de dados"}[element]
}

// checkDates compares days in Brasília.
func (x *exchange) checkDates(dados *node) *complaint {
	today := x.at.In(brasilia).Format("20060102")
	signed, _ := dados.one("dataAssinatura").attribute("data")
	last, _ := dados.one("vigencia").attribute("data")
	switch {
	case signed > today:
		return entry("018", "Data de assinatura maior que a data atual.")
	case last < today:
		return entry("017", "Vigência menor que a data atual.")
	case x.set.OnlySameDay && signed != today:
		return denied("013", "XML assinado inválido.")
	}
	return nil
}

const xmldsig = "http://www.w3.org/2000/09/xmldsig#"

// checkSignature verifies the only allowed profile, and returns the signer's
// certificate.
func (x *exchange) checkSignature(root *node) (*x509.Certificate, *complaint) {
	wrong := func(number, text string) (*x509.Certificate, *complaint) {
		if x.set.Codes == Wrapped {
			return nil, denied("013", "XML assinado inválido: "+text)
		}
		return nil, entry(number, text)
	}
	last := root.children[len(root.children)-1]
	signature := root.one("Signature")
	if ns, _ := signature.attribute("xmlns"); signature.name == "" || ns != xmldsig || last != signature {
		return wrong("025", "Não há assinatura no XML.")
	}
	info := signature.one("SignedInfo")
	algorithm := func(n *node) string { a, _ := n.attribute("Algorithm"); return a }
	references := info.elements("Reference")
	const c14n = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
	switch {
	case algorithm(info.one("CanonicalizationMethod")) != c14n:
		return wrong("026", "CanonicalizationMethod inválido.")
	case algorithm(info.one("SignatureMethod")) != "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256":
		return wrong("027", "SignatureMethod inválido.")
	case len(references) != 1:
		return wrong("028", "Deve haver uma Reference.")
	}
	reference := references[0]
	if uri, ok := reference.attribute("URI"); !ok || uri != "" || len(reference.attributes) != 1 {
		return wrong("029", "A assinatura do evento deverá ser realizada sobre todo documento Xml (Atributo 'URI' dever ser vazio).")
	}
	if algorithm(reference.one("DigestMethod")) != "http://www.w3.org/2001/04/xmlenc#sha256" {
		return wrong("030", "DigestMethod inválido.")
	}
	var transforms []string
	for _, t := range reference.one("Transforms").elements("Transform") {
		transforms = append(transforms, algorithm(t))
	}
	if !slices.Equal(transforms, []string{"http://www.w3.org/2000/09/xmldsig#enveloped-signature", c14n}) {
		return wrong("031", "Transforms inválidos.")
	}
	data := signature.one("KeyInfo").one("X509Data")
	certificates := data.elements("")
	if len(certificates) != 1 || certificates[0].name != "X509Certificate" || len(signature.one("KeyInfo").elements("")) != 1 {
		return wrong("032", "Deve haver um KeyInfo com um X509Data.")
	}
	der, err := base64.StdEncoding.DecodeString(certificates[0].content())
	if err != nil {
		return wrong("032", "X509Certificate inválido.")
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, denied("039", "Certificado inválido.")
	}
	if !verifies(root, signature, cert) {
		return wrong("033", "Assinatura inválida.")
	}
	return cert, nil
}

// verifies checks digest and signature against the canonical forms.
func verifies(root, signature *node, cert *x509.Certificate) bool {
	info := signature.one("SignedInfo")
	without := *root
	without.children = slices.DeleteFunc(slices.Clone(root.children), func(n *node) bool { return n == signature })
	var text strings.Builder
	without.canonical(&text, "")
	digest := sha256.Sum256([]byte(text.String()))
	if info.one("Reference").one("DigestValue").content() != base64.StdEncoding.EncodeToString(digest[:]) {
		return false
	}
	// A subset inherits the namespace that its parent declares.
	inherited := *info
	inherited.attributes = append([][2]string{{"xmlns", xmldsig}}, info.attributes...)
	text.Reset()
	inherited.canonical(&text, "")
	hash := sha256.Sum256([]byte(text.String()))
	value, err := base64.StdEncoding.DecodeString(signature.one("SignatureValue").content())
	key, isRSA := cert.PublicKey.(*rsa.PublicKey)
	return err == nil && isRSA && rsa.VerifyPKCS1v15(key, crypto.SHA256, hash[:], value) == nil
}

// checkCertificate checks the signer's certificate against the pages.
func (x *exchange) checkCertificate(cert *x509.Certificate) *complaint {
	switch {
	case bytes.Equal(cert.RawIssuer, cert.RawSubject):
		return denied("041", "Certificado autoassinado.")
	case x.set.Roots != nil && !x.trusted(cert):
		return denied("040", "Cadeia não confiável.")
	case otherName(cert, oidCNPJ) == "" && otherName(cert, oidCPF) == "":
		return denied("021", "Certificado sem extensões ICP-Brasil.")
	case x.at.After(cert.NotAfter) || x.at.Before(cert.NotBefore):
		return denied("010", "Certificado expirado.")
	case slices.Contains(x.set.Revoked, cert.SerialNumber.String()):
		return denied("037", "Certificado revogado.")
	case cert.IsCA || cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return denied("023", "Certificado não autorizado.")
	}
	return nil
}

func (x *exchange) trusted(cert *x509.Certificate) bool {
	_, err := cert.Verify(x509.VerifyOptions{
		Roots: x.set.Roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		CurrentTime: cert.NotBefore.Add(time.Second), // its dates are checked later
	})
	return err == nil
}

// Types of otherName in ICP-Brasil.
var (
	oidCPF  = asn1.ObjectIdentifier{2, 16, 76, 1, 3, 1}
	oidCNPJ = asn1.ObjectIdentifier{2, 16, 76, 1, 3, 3}
)

// otherName returns the text of an otherName, found by the bytes of its type:
// type, tag [0], length, a string's tag, length, text. All lengths here are
// below 128.
func otherName(cert *x509.Certificate, id asn1.ObjectIdentifier) string {
	needle, err := asn1.Marshal(id)
	if err != nil {
		return ""
	}
	for _, e := range cert.Extensions {
		if e.Id.String() != "2.5.29.17" {
			continue
		}
		_, tail, found := bytes.Cut(e.Value, needle)
		if found && len(tail) >= 4 && tail[0] == 0xa0 && len(tail) >= 4+int(tail[3]) {
			return string(tail[4 : 4+int(tail[3])])
		}
	}
	return ""
}
