package emulator

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"time"
)

// tokenSigner makes access tokens in the form of the vendor's sample: JWT,
// RS256, claims aud, jti, iat, nbf, exp, sub and scopes.
type tokenSigner struct{ key *rsa.PrivateKey }

func newTokenSigner() *tokenSigner {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // the system has no random numbers
	}
	return &tokenSigner{key}
}

func (s *tokenSigner) sign(clientID string, now time.Time, life time.Duration) string {
	random := make([]byte, 40)
	_, _ = rand.Read(random) // never fails since Go 1.24
	jti := hex.EncodeToString(random)
	header := segment(map[string]any{"typ": "JWT", "alg": "RS256", "jti": jti})
	claims := segment(map[string]any{
		"aud": clientID, "jti": jti, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(life).Unix(),
		"sub": base64.StdEncoding.EncodeToString(random[:12]), "scopes": []string{},
	})
	digest := sha256.Sum256([]byte(header + "." + claims))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, digest[:])
	if err != nil {
		panic(err) // a new 2048-bit key always signs
	}
	return header + "." + claims + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func segment(values map[string]any) string {
	text, err := json.Marshal(values)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return base64.RawURLEncoding.EncodeToString(text)
}
