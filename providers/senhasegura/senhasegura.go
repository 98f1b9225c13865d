// Package senhasegura renews the credentials of an A2A application of
// senhasegura (Segura): OAuth 2.0 access tokens by the client credentials grant.
// The four static values of OAuth 1.0 cannot be renewed; a signed probe checks
// that they still work.
//
// The lifetime of a token is what its answer states, and the token itself is
// opaque. Failures are classified by the body, because the service answers 500
// to a missing permission and 400 to what is not found. Only a refusal that is
// recognised as the service's own parks a credential: a page of a firewall or a
// portal never does. The package makes no call that reads a password, takes
// custody of a credential or fetches an application's secrets.
package senhasegura

import (
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
)

// Kind returns the catalogue entry for senhasegura.
func Kind() providers.Kind { return providers.Kind{Name: "senhasegura", Open: open, Setups: setups} }

func open(s *section.Section, env providers.Env) providers.Backend {
	if readAuth(s) == authOAuth1 {
		return openOAuth1(s, env)
	}
	return openOAuth2(s, env)
}

// identity identifies the login at the backend without revealing a client id
// that may be kept as a secret.
func identity(parts ...string) string {
	return exchange.Identity("senhasegura:", append(parts, "")...)
}
