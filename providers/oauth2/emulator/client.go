package emulator

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
)

// proof is how a request authenticates its client.
type proof struct {
	way, id, secret, assertion string
	twice                      bool
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// proofOf reads how the client authenticates.
func (x *exchange) proofOf() proof {
	var p proof
	ways := 0
	if basic, ok := strings.CutPrefix(x.r.Header.Get("Authorization"), "Basic "); ok {
		ways++
		p.way = "basic"
		if decoded, err := base64.StdEncoding.DecodeString(basic); err == nil {
			p.id, p.secret, _ = strings.Cut(string(decoded), ":")
		}
	}
	if x.param("client_assertion") != "" {
		ways++
		p.way, p.assertion = "jwt", x.param("client_assertion")
		p.id = x.param("client_id")
	}
	if x.param("client_secret") != "" {
		ways++
		p.way, p.id, p.secret = "body", x.param("client_id"), x.param("client_secret")
	}
	if ways == 0 {
		p.way, p.id = "none", x.param("client_id")
	}
	p.twice = ways > 1
	return p
}

// client returns the client that the request comes from, and whether it is
// authenticated.
func (x *exchange) client() (Client, bool) {
	p := x.proofOf()
	if p.twice {
		x.locked(func() { x.counts.BothWays++ })
		return Client{}, false
	}
	if p.way == "jwt" {
		claims := claimsOf(p.assertion)
		if issuer, _ := claims["iss"].(string); p.id == "" || p.id == issuer {
			p.id = issuer
		}
	}
	c, known := x.set.client(p.id)
	if !known && p.way == "basic" {
		id, _ := url.QueryUnescape(p.id)
		c, known = x.set.client(id)
	}
	return c, known && x.proved(c, p) && x.certified(c)
}

// proved verifies the proof against the client's registration.
func (x *exchange) proved(c Client, p proof) bool {
	if c.Auth == "" && p.way != "basic" && p.way != "body" {
		return false
	}
	switch p.way {
	case "basic":
		if c.Auth != "" && c.Auth != "basic" {
			return false
		}
		id, secret := p.id, p.secret
		if !c.RawBasic {
			id, _ = url.QueryUnescape(id)
			secret, _ = url.QueryUnescape(secret)
		}
		return id == c.ID && same(secret, c.Secret)
	case "body":
		return (c.Auth == "" || c.Auth == "body") && same(p.secret, c.Secret)
	case "none":
		return c.Auth == "none"
	}
	return (c.Auth == "private_key_jwt" || c.Auth == "client_secret_jwt") && x.param("client_assertion_type") == assertionType && x.verified(c, p.assertion, true)
}

// certified verifies the certificate of the connection (RFC 8705).
func (x *exchange) certified(c Client) bool {
	if c.Certificate == "" {
		return true
	}
	if x.r.TLS == nil || len(x.r.TLS.PeerCertificates) == 0 {
		return false
	}
	sum := sha256.Sum256(x.r.TLS.PeerCertificates[0].Raw)
	return c.Certificate == "any" || same(hex.EncodeToString(sum[:]), c.Certificate)
}

func same(a, b string) bool { return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
