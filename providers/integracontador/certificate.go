package integracontador

import (
	"crypto/rsa"
	"crypto/tls"
	"encoding/base64"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/integracontador/internal/icpbrasil"
	"github.com/vigented/vigente/providers/tlsconf"
)

// certificate is one of our certificates. Its pair is nil if a fault was
// reported, or if a check has no access to the password.
type certificate struct {
	pair *tls.Certificate
	key  string // the configuration's, for messages: "author.certificate.file"
	file string
	// limits is its expiry, which only a person can extend.
	limits []credential.Limit
}

// readCertificate reads the table at key and compares its holder with number.
func readCertificate(s *section.Section, key, number string, env providers.Env) certificate {
	t := s.Table(key)
	if t == nil {
		if !s.Has(key) {
			s.Faultf(key, `is missing (expected { file = "….p12", password = { file = "…" } }, the e-CNPJ or e-CPF with its private key)`)
		}
		return certificate{}
	}
	if !t.Has("file") && !t.Has("password") {
		t.Required("file")
	}
	c := certificate{key: t.Path() + ".file", file: t.Text("file", "")}
	c.pair, c.limits = tlsconf.ReadCertificate(t, env)
	if c.pair == nil || number == "" {
		return c
	}
	switch holder := icpbrasil.Holder(c.pair.Leaf); {
	case holder == "":
		env.Warn(t.Path() + ": the certificate names no CPF or CNPJ, so it may be the wrong one (an ICP-Brasil e-CPF or e-CNPJ does)")
	case holder != number:
		t.Faultf("file", "belongs to %s, not to %s (expected the certificate of the number configured beside it)", holder, number)
	}
	return c
}

// ready returns the fault that keeps the certificate from being used now.
func (c certificate) ready(at time.Time) *credential.Fault {
	switch {
	case c.pair == nil:
		return &credential.Fault{Reason: credential.ReasonInternal, Message: "the certificate was not read (is its password within reach?)"}
	case at.After(c.pair.Leaf.NotAfter):
		return &credential.Fault{
			Reason:  credential.ReasonRejected,
			Message: c.key + ": the certificate in " + c.file + " expired at " + c.pair.Leaf.NotAfter.UTC().Format(time.RFC3339) + " (replace it with the renewed one)",
		}
	case at.Before(c.pair.Leaf.NotBefore):
		return &credential.Fault{
			Reason:  credential.ReasonInternal,
			Message: c.key + ": the certificate in " + c.file + " is valid from " + c.pair.Leaf.NotBefore.UTC().Format(time.RFC3339) + " only (is the clock here right?)",
		}
	}
	return nil
}

// signingKey returns the key for a Termo; the profile allows only RSA.
func (c certificate) signingKey() (*rsa.PrivateKey, bool) {
	key, ok := c.pair.PrivateKey.(*rsa.PrivateKey)
	return key, ok
}

// fingerprint identifies the certificate.
func (c certificate) fingerprint() string {
	if c.pair == nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(c.pair.Leaf.Raw)
}
