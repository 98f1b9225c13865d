// Package oauth1 signs requests with HMAC-SHA1 as in RFC 5849 (OAuth 1.0).
//
// It signs requests for protected resources with all four keys known; it does
// not obtain request tokens or authorizations. The result depends only on its
// arguments: the caller supplies timestamp and nonce, and must use a new pair
// for every request sent, including repeats. Neither secret ever appears in the
// header.
package oauth1

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 5849 fixes HMAC-SHA1, which is still sound as a MAC.
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/vigented/vigente/credential"
)

// Keys are the four values of one OAuth 1.0 authorization.
type Keys struct {
	ConsumerKey, ConsumerSecret credential.Secret
	TokenKey, TokenSecret       credential.Secret
}

// Request is the part of a request that is signed.
type Request struct {
	Method string
	// URL is absolute and exactly as it will be sent, with everything already
	// percent-encoded that needs it.
	URL string
	// Form is the body if, and only if, it is sent as
	// application/x-www-form-urlencoded. No other body is signed.
	Form map[string][]string
	// Timestamp is in Unix seconds and positive.
	Timestamp int64
	// Nonce is unique for this timestamp and these keys.
	Nonce string
	// Version is "1.0", or empty to send no oauth_version.
	Version string
}

// pair is one name and value, decoded.
type pair struct{ name, value string }

// Sign returns the value of the Authorization header. Its errors never quote
// the URL, since queries may contain secrets.
func Sign(keys Keys, r Request) (credential.Secret, error) {
	if r.Timestamp <= 0 || r.Nonce == "" {
		return credential.Secret{}, errors.New("sign request: the timestamp must be above zero and the nonce not empty")
	}
	protocol := []pair{
		{"oauth_consumer_key", keys.ConsumerKey.Reveal()},
		{"oauth_token", keys.TokenKey.Reveal()},
		{"oauth_signature_method", "HMAC-SHA1"},
		{"oauth_timestamp", strconv.FormatInt(r.Timestamp, 10)},
		{"oauth_nonce", r.Nonce},
		{"oauth_version", r.Version},
	}
	// A parameter without a value is not sent; RFC 5849, 3.1 allows this for the
	// token and the version.
	protocol = slices.DeleteFunc(protocol, func(p pair) bool { return p.value == "" })

	base, err := baseString(r, protocol)
	if err != nil {
		return credential.Secret{}, err
	}
	protocol = append(protocol, pair{"oauth_signature", digest(keys, base)})

	var b strings.Builder
	b.WriteString("OAuth ")
	for i, p := range protocol {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(encode(p.name) + `="` + encode(p.value) + `"`)
	}
	return credential.NewSecret(b.String()), nil
}

// digest implements RFC 5849, 3.4.2. The ampersand stays even if a secret is
// empty.
func digest(keys Keys, base string) string {
	key := encode(keys.ConsumerSecret.Reveal()) + "&" + encode(keys.TokenSecret.Reveal())
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write([]byte(base))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// encode implements RFC 5849, 3.6. Neither escaper of net/url does this: one
// writes a plus for a space, the other leaves reserved characters.
func encode(s string) string {
	const upperHex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(s) {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			c == '-' || c == '.' || c == '_' || c == '~' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(upperHex[c>>4])
		b.WriteByte(upperHex[c&15])
	}
	return b.String()
}
