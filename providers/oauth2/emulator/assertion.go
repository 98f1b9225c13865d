package emulator

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	_ "crypto/sha256" // hashes of the algorithms
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"time"
)

// claimsOf reads the claims of a JWT without verifying it.
func claimsOf(token string) map[string]any {
	claims := map[string]any{}
	if parts := strings.Split(token, "."); len(parts) == 3 {
		if raw, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
			_ = json.Unmarshal(raw, &claims)
		}
	}
	return claims
}

// hashes of the algorithms, by their last three digits.
var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

// verified verifies an assertion: its signature, its audience, its expiry, and
// that it was not used before (RFC 7523, 3).
func (x *exchange) verified(c Client, token string, ofClient bool) bool {
	claims := claimsOf(token)
	issuer, _ := claims["iss"].(string)
	subject, _ := claims["sub"].(string)
	expires, _ := claims["exp"].(float64)
	jti, _ := claims["jti"].(string)
	at := float64(x.at.Unix())
	switch {
	case issuer != c.ID || subject == "" || ofClient && subject != c.ID:
		return false
	case expires <= at || expires > at+24*3600 || !x.meant(c, claims["aud"]):
		return false
	case !signed(c, token):
		return false
	}
	fresh := jti != ""
	x.locked(func() {
		fresh = fresh && !x.jtis[jti]
		x.jtis[jti] = true
	})
	return fresh
}

// meant reports whether the audience is this server.
func (x *exchange) meant(c Client, audience any) bool {
	var list []string
	switch a := audience.(type) {
	case string:
		list = []string{a}
	case []any:
		for _, item := range a {
			text, _ := item.(string)
			list = append(list, text)
		}
	}
	if c.Audience != "" {
		return slices.Contains(list, c.Audience)
	}
	return slices.ContainsFunc(list, func(text string) bool { return strings.HasSuffix(text, x.r.Host+x.r.URL.Path) })
}

// signed verifies the signature.
func signed(c Client, token string) bool {
	head, mac, _ := strings.Cut(token, ".")
	payload, signature, ok := strings.Cut(mac, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	sig, err2 := base64.RawURLEncoding.DecodeString(signature)
	var header struct{ Alg string }
	if !ok || err != nil || err2 != nil || json.Unmarshal(raw, &header) != nil || len(header.Alg) < 5 {
		return false
	}
	text := []byte(head + "." + payload)
	if key, ok := c.Key.(ed25519.PublicKey); ok {
		return header.Alg == "EdDSA" && ed25519.Verify(key, text, sig)
	}
	hash, known := hashes[header.Alg[2:]]
	if !known {
		return false
	}
	h := hash.New()
	h.Write(text)
	switch key := c.Key.(type) {
	case *rsa.PublicKey:
		if strings.HasPrefix(header.Alg, "PS") {
			return rsa.VerifyPSS(key, hash, h.Sum(nil), sig, nil) == nil
		}
		return strings.HasPrefix(header.Alg, "RS") && rsa.VerifyPKCS1v15(key, hash, h.Sum(nil), sig) == nil
	case *ecdsa.PublicKey:
		half := len(sig) / 2
		return strings.HasPrefix(header.Alg, "ES") && half > 0 &&
			ecdsa.Verify(key, h.Sum(nil), new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:]))
	}
	m := hmac.New(hash.New, []byte(c.Secret))
	m.Write(text)
	return strings.HasPrefix(header.Alg, "HS") && c.Auth == "client_secret_jwt" && hmac.Equal(m.Sum(nil), sig)
}

// age is how long ago a time was.
func (x *exchange) age(t time.Time) time.Duration { return x.at.Sub(t) }
