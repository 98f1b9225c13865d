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
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
)

// Kind is the catalogue's line for senhasegura.
func Kind() providers.Kind { return providers.Kind{Name: "senhasegura", Open: open} }

func open(s *section.Section, env providers.Env) providers.Backend {
	if readAuth(s) == authOAuth1 {
		return openOAuth1(s, env)
	}
	return openOAuth2(s, env)
}

// identity names the thing at the backend without showing a client id that
// may be kept as a secret.
func identity(parts ...string) string {
	sum := sha256.New()
	for _, part := range parts {
		// A zero byte is in no URL, and in no id or scope that was accepted.
		sum.Write([]byte(part + "\x00"))
	}
	return "senhasegura:" + hex.EncodeToString(sum.Sum(nil))
}

// reach asks for target without credentials. The gateway answers 404 to that,
// which shows all there is to show: name, TLS and a service behind them.
func reach(ctx context.Context, client *exchange.Client, target string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return brokenRequest(err)
	}
	a, err := client.Do(ctx, req)
	if err != nil {
		return err
	}
	if f := unreached(a); f != nil {
		return f
	}
	return nil
}

// unreached returns why an answer to reach does not show the service.
func unreached(a *exchange.Answer) *credential.Fault {
	switch {
	case a.Status >= 500 || a.Status == http.StatusTooManyRequests || a.Status >= 300 && a.Status <= 399:
		return statusFault(a)
	case a.HTML() && (a.OK() || a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden):
		return exchange.HTMLFault(a)
	}
	return nil
}

// brokenRequest is for a request that the standard library refuses to make,
// which the checks of the configuration exclude.
func brokenRequest(err error) *credential.Fault {
	return &credential.Fault{Reason: credential.ReasonInternal, Message: "make the request: the URL is not usable", Err: err}
}
