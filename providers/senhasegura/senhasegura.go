// Package senhasegura keeps the credentials of an A2A application of
// senhasegura (Segura) valid: OAuth 2.0 access tokens by the client
// credentials grant, or the four static values of OAuth 1.0, which cannot be
// renewed and are kept under watch by a signed probe.
//
// It believes each answer's own word on the life of a token, treats the token
// as opaque, and classifies failures by what the body says, since the service
// answers 500 to a missing permission and 400 to what is not found. Only a
// refusal that is recognised as the service's own parks a credential: a page
// of a firewall or a portal never does. It makes no call that reads a
// password, takes custody of a credential or fetches an application's secrets.
package senhasegura

import (
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
)

// Kind is the catalogue's line for senhasegura.
func Kind() providers.Kind { return providers.Kind{Name: "senhasegura", Open: open, Setups: setups} }

func open(s *section.Section, env providers.Env) providers.Backend {
	if readAuth(s) == authOAuth1 {
		return openOAuth1(s, env)
	}
	return openOAuth2(s, env)
}

// identity names the thing at the backend without showing a client id that
// may be kept as a secret.
func identity(parts ...string) string {
	return exchange.Identity("senhasegura:", append(parts, "")...)
}
