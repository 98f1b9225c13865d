package oauth2

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/tlsconf"
)

// signer signs assertions (RFC 7523): for the client, or as the grant.
type signer struct {
	method   jwt.SigningMethod
	key      any // a private key, or the secret as bytes
	header   map[string]string
	audience string
	lifetime time.Duration
	claims   []section.Member
}

// client returns the assertion by which a client authenticates.
func (s *signer) client(id string, at time.Time) (credential.Secret, error) {
	return s.sign(jwt.MapClaims{"iss": id, "sub": id}, at)
}

// grant returns the assertion that is the grant itself; the configured claims say
// for whom.
func (s *signer) grant(id string, at time.Time) (credential.Secret, error) {
	claims := jwt.MapClaims{}
	if id != "" {
		claims["iss"] = id
	}
	return s.sign(claims, at)
}

func (s *signer) sign(claims jwt.MapClaims, at time.Time) (credential.Secret, error) {
	claims["aud"], claims["jti"] = s.audience, rand.Text()
	claims["iat"], claims["nbf"], claims["exp"] = at.Unix(), at.Unix(), at.Add(s.lifetime).Unix()
	for _, c := range s.claims {
		claims[c.Key] = c.Text.Reveal()
		if raw := json.RawMessage(c.Text.Reveal()); c.Literal && json.Valid(raw) {
			claims[c.Key] = raw
		}
	}
	token := jwt.NewWithClaims(s.method, claims)
	for name, value := range s.header {
		token.Header[name] = value
	}
	text, err := token.SignedString(s.key)
	if err != nil {
		return credential.Secret{}, fmt.Errorf("sign an assertion with %s: %w", s.method.Alg(), err)
	}
	return credential.NewSecret(text), nil
}

// algorithms lists the supported algorithms. Each needs one type of key.
var algorithms = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512",
}

const (
	defaultAlgorithm       = "RS256"
	defaultSecretAlgorithm = "HS256"
	defaultLifetime        = time.Minute
)

// fitting returns the algorithms that a key can sign with, the usual one first.
func fitting(key *tlsconf.Key) []string {
	switch k := key.Public().(type) {
	case *rsa.PublicKey:
		return []string{"RS256", "PS256", "RS384", "RS512", "PS384", "PS512"}
	case *ecdsa.PublicKey:
		return []string{map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[k.Curve.Params().BitSize]}
	case ed25519.PublicKey:
		return []string{"EdDSA"}
	}
	return nil
}

// headerOf returns what an assertion's header says of the key: its id and, if the
// certificate is known, its fingerprint, by which Entra ID finds the key.
func headerOf(keyID string, key *tlsconf.Key) map[string]string {
	header := map[string]string{}
	if keyID != "" {
		header["kid"] = keyID
	}
	if key != nil && key.Leaf != nil {
		sum := sha256.Sum256(key.Leaf.Raw)
		header["x5t#S256"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return header
}

// signsWithSecret reports whether an algorithm uses a shared secret, not a key.
func signsWithSecret(alg string) bool { return strings.HasPrefix(alg, "HS") }

// readSigner reads the keys for signing assertions. It returns nil if nothing
// needs a signer, or if a fault was reported.
func (k keys) readSigner(key *tlsconf.Key, secret credential.Secret, audience string, withSecret bool) *signer {
	keyID := k.text("key_id", "")
	fallback := defaultAlgorithm
	if withSecret {
		fallback = defaultSecretAlgorithm
	}
	alg := k.choice("signing_alg", fallback, algorithms...)
	s := &signer{audience: audience, lifetime: defaultLifetime, header: headerOf(keyID, key)}
	k.readAssertion(s)
	switch {
	case withSecret && !signsWithSecret(alg):
		k.own.Faultf("signing_alg", "%s signs with a private key (expected HS256, HS384 or HS512 with client_auth = %q)", alg, "client_secret_jwt")
		return nil
	case withSecret:
		s.key = []byte(secret.Reveal())
	case key == nil:
		return nil
	case !slices.Contains(fitting(key), alg):
		k.own.Faultf("signing_alg", "%s does not fit the key (expected %s)", alg, strings.Join(fitting(key), " or "))
		return nil
	default:
		s.key = key.Signer
	}
	s.method = jwt.GetSigningMethod(alg)
	return s
}

// readKey reads the private key.
func (k keys) readKey(env providers.Env) (*tlsconf.Key, []credential.Limit) {
	t := k.own.Table("key")
	if t == nil {
		return nil, nil
	}
	return tlsconf.ReadKey(t, env)
}

// readAssertion reads the content of an assertion.
func (k keys) readAssertion(s *signer) {
	for _, from := range []*section.Section{k.preset, k.own} {
		t := from.Table("assertion")
		if t == nil {
			continue
		}
		s.audience = t.Text("audience", s.audience)
		s.lifetime = t.Duration("lifetime", s.lifetime)
		s.claims = mergeMembers(s.claims, t.Members("claims"))
	}
	if s.lifetime > maxAssertionLife {
		k.own.Faultf("assertion.lifetime", "is longer than %s (expected a few minutes; no server accepts more than half a year)", maxAssertionLife)
	}
}

// maxAssertionLife is the longest lifetime that a documented server accepts: half
// a year at Apple.
const maxAssertionLife = 184 * 24 * time.Hour
