package emulation

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
)

// Signer signs the JWTs of an emulated server with RS256.
type Signer struct{ key *rsa.PrivateKey }

// NewSigner returns a signer with a new key.
func NewSigner() *Signer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // the system has no random numbers
	}
	return &Signer{key}
}

// Sign returns a JWT. The header gets its alg and typ.
func (s *Signer) Sign(header, claims map[string]any) string {
	full := map[string]any{"alg": "RS256", "typ": "JWT"}
	for name, value := range header {
		full[name] = value
	}
	text := segment(full) + "." + segment(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // a new 2048-bit key always signs
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func segment(values map[string]any) string {
	text, err := json.Marshal(values)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return base64.RawURLEncoding.EncodeToString(text)
}
