package oauth2

import (
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/tokens"
)

// The grants known by name; any other text is sent unchanged.
const (
	grantClient    = "client_credentials"
	grantRefresh   = "refresh_token"
	grantPassword  = "password"
	grantJWTBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	grantExchange  = "urn:ietf:params:oauth:grant-type:token-exchange"
	grantCode      = "authorization_code"
	grantDevice    = "urn:ietf:params:oauth:grant-type:device_code"
)

const accessTokenType = "urn:ietf:params:oauth:token-type:access_token"

// readGrant reads the grant.
func (k keys) readGrant() string {
	grant := k.text("grant", grantClient)
	switch {
	case grant == grantCode || grant == grantDevice:
		k.own.Faultf("grant", "%q is how a person logs in (expected %q, and vigente login for the first one)", grant, grantRefresh)
	case strings.TrimSpace(grant) == "" || strings.ContainsAny(grant, " \t\r\n"):
		k.own.Faultf("grant", "is empty or holds a blank (expected a name such as %q)", grantClient)
	}
	return grant
}

// readGrantKeys reads the keys of the grant, and returns the parts of the
// identity that depend on them.
func (s *source) readGrantKeys(k keys) []string {
	t := k.own
	s.fixed = []template{{Param: tokens.Text(tokens.GrantType, s.grant)}}
	if s.grant == grantJWTBearer && s.endpoint.Auth == tokens.None {
		s.withoutClientID()
	}
	s.scope = k.text("scope", "")
	s.audience = k.text("audience", "")
	resources := t.TextOrTexts("resource")
	if resources == nil {
		resources = k.preset.TextOrTexts("resource")
	}
	username := textOrSecret(t, "username")
	password := exchange.OneLine(t, "password", t.Secret("password"))
	subject := t.Text("subject", "")
	s.checkGrantKeys(k, subject)
	s.signs = s.grant == grantJWTBearer && subject == ""

	s.readSubject(t, subject)
	if s.grant != grantRefresh {
		s.add("username", username)
		s.add("password", password)
		s.add(tokens.Scope, credential.NewSecret(s.scope))
		s.add("audience", credential.NewSecret(s.audience))
		for _, r := range resources {
			s.add("resource", credential.NewSecret(r))
		}
	}
	return append([]string{s.audience, username.Reveal(), subject}, resources...)
}

func (s *source) add(name string, value credential.Secret) {
	if !value.IsZero() {
		s.fixed = append(s.fixed, template{Param: tokens.Param{Name: name, Value: value}})
	}
}

// readSubject reads the token or assertion of another party.
func (s *source) readSubject(t *section.Section, subject string) {
	if subject == "" {
		return
	}
	name := "subject"
	switch s.grant {
	case grantJWTBearer:
		name = tokens.Assertion
	case grantExchange:
		name = "subject_token"
	}
	filled := template{Param: tokens.Param{Name: name, Value: credential.NewSecret(subject)}}
	filled.fill(t, "subject", subject)
	s.fixed = append(s.fixed, filled)
	if s.grant == grantExchange {
		s.fixed = append(s.fixed, template{Param: tokens.Text("subject_token_type", accessTokenType)})
	}
}

// checkGrantKeys reports keys that the grant lacks or does not use.
func (s *source) checkGrantKeys(k keys, subject string) {
	t := k.own
	missing := func(key, expected string) {
		if !t.Has(key) {
			t.Faultf(key, "is missing (expected %s for grant = %q)", expected, s.grant)
		}
	}
	switch s.grant {
	case grantPassword:
		missing("username", "the name to log in with")
		missing("password", "a reference to the password")
	case grantExchange:
		missing("subject", `the token to exchange, such as "${other.access_token}",`)
	case grantJWTBearer:
		if subject == "" && !s.keyed {
			t.Faultf("grant", "has nothing to sign with (expected key in the provider's table, or subject here)")
		}
	case grantClient, grantRefresh:
		for _, key := range []string{"username", "password", "subject"} {
			if t.Has(key) {
				t.Faultf(key, "is not used (expected another grant than %q with it)", s.grant)
			}
		}
	}
}

// withoutClientID omits client_id from a request whose assertion already names
// the client, and whose client proves nothing else.
func (s *source) withoutClientID() {
	b, e := *s.provider, *s.endpoint
	e.ID = credential.Secret{}
	b.endpoint = &e
	s.provider = &b
}
