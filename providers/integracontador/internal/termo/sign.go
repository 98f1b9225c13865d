package termo

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
)

// The only profile that the server accepts.
const (
	namespace = "http://www.w3.org/2000/09/xmldsig#"
	c14n      = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
	rsaSHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
	sha256URI = "http://www.w3.org/2001/04/xmlenc#sha256"
)

// SignedInfo is written in its canonical form, so the file contains exactly the
// bytes that are signed, except its start tag: in the file the namespace is
// inherited, while the canonical form spells it out.
const (
	signedInfoHead = `<CanonicalizationMethod Algorithm="` + c14n + `"></CanonicalizationMethod>` +
		`<SignatureMethod Algorithm="` + rsaSHA256 + `"></SignatureMethod>` +
		`<Reference URI=""><Transforms>` +
		`<Transform Algorithm="` + enveloped + `"></Transform>` +
		`<Transform Algorithm="` + c14n + `"></Transform>` +
		`</Transforms><DigestMethod Algorithm="` + sha256URI + `"></DigestMethod><DigestValue>`
	signedInfoTail = `</DigestValue></Reference></SignedInfo>`
)

// Sign returns the whole file with its signature. The certificate is the
// author's end certificate in DER; no chain is included.
func (t Termo) Sign(key *rsa.PrivateKey, certificate []byte) ([]byte, error) {
	digest := sha256.Sum256([]byte(t.canonical()))
	info := signedInfoHead + base64.StdEncoding.EncodeToString(digest[:]) + signedInfoTail
	hash := sha256.Sum256([]byte(`<SignedInfo xmlns="` + namespace + `">` + info))
	// PKCS #1 v1.5 uses no randomness: the same content gives the same bytes.
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, hash[:])
	if err != nil {
		return nil, err
	}
	file := make([]byte, 0, 8192)
	file = append(file, declaration...)
	file = append(file, t.body()...)
	file = append(file, `<Signature xmlns="`+namespace+`"><SignedInfo>`+info+`<SignatureValue>`...)
	file = base64.StdEncoding.AppendEncode(file, signature)
	file = append(file, `</SignatureValue><KeyInfo><X509Data><X509Certificate>`...)
	file = base64.StdEncoding.AppendEncode(file, certificate)
	file = append(file, `</X509Certificate></X509Data></KeyInfo></Signature></termoDeAutorizacao>`...)
	return file, nil
}
