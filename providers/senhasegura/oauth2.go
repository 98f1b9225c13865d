package senhasegura

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/tokens"
)

// Fields of an OAuth 2.0 credential.
const (
	fieldAccessToken   = tokens.AccessToken
	fieldTokenType     = tokens.TokenType
	fieldAuthorization = tokens.FieldAuthorization
)

// oauth2 is an application with OAuth 2.0.
type oauth2 struct {
	client   *exchange.Client
	base     *url.URL
	endpoint tokens.Endpoint
	referer  string
	limits   []credential.Limit
}

func openOAuth2(s *section.Section, env providers.Env) providers.Backend {
	b := &oauth2{
		base: readBase(s),
		endpoint: tokens.Endpoint{
			Send:   tokens.Form,
			ID:     readKey(s, "client_id"),
			Secret: readSecret(s, "client_secret"),
			Auth:   tokens.Auth(s.Choice("auth_style", "basic", "basic", "body")),
			// The service splits the decoded text at the first colon and decodes no
			// further.
			RawBasic: s.Choice("basic_encoding", "raw", "raw", "rfc6749") == "raw",
		},
		referer: readReferer(s),
		limits:  readLimits(s, env.Location),
	}
	tokenPath := readPath(s, "token_path", "/iso/oauth2/token")
	if b.endpoint.Auth == tokens.Basic && b.endpoint.RawBasic && strings.Contains(b.endpoint.ID.Reveal(), ":") {
		s.Faultf("client_id", `holds a colon, where a raw Basic header ends the id (expected auth_style = "body" or basic_encoding = "rfc6749" with it)`)
	}
	if b.base == nil {
		// The table is read anyway, to report its own faults.
		exchange.ReadConnection(s, "the vault", env)
		return b
	}
	b.endpoint.URL = b.base.JoinPath(tokenPath)
	conn := exchange.ReadConnection(s, b.base.Host, env)
	b.limits = append(b.limits, conn.Limits...)
	if !s.Failed() {
		b.client = conn.Client(exchange.ClientOptions{})
	}
	return b
}

// Bind reads the scope.
func (b *oauth2) Bind(s *section.Section) providers.Binding {
	scope := readScope(s)
	return providers.Binding{
		Source:   &accessToken{b, scope},
		Identity: identity(authOAuth2, exchange.SameURL(b.base), b.endpoint.ID.Reveal(), scopeIdentity(scope)),
		Fields:   []string{fieldAccessToken, fieldTokenType, fieldAuthorization},
		Limits:   b.limits,
		Client:   b.clientDigest(),
	}
}

// accessToken obtains access tokens of one scope. The service keeps older
// tokens valid until they expire, so a renewal revokes nothing.
type accessToken struct {
	*oauth2
	scope string
}

// Refresh requests one token.
func (t *accessToken) Refresh(ctx context.Context, req credential.Request) (credential.Credential, error) {
	out, f := t.tokenRequest(ctx, req.At)
	if f != nil {
		return credential.Credential{}, f
	}
	var got credential.Credential
	_, err := t.client.Ask(ctx, out, func(a *exchange.Answer) (f *credential.Fault) {
		if f = classifyToken(a); f == nil {
			got, f = readToken(a, req.At)
		}
		return f
	})
	if err != nil {
		return credential.Credential{}, err
	}
	return got, nil
}

// Probe reports whether the service can be reached, without a token request.
func (t *accessToken) Probe(ctx context.Context) error {
	return t.client.Reach(ctx, t.endpoint.URL.String())
}

// tokenRequest builds the request of RFC 6749, 4.4.2.
func (t *accessToken) tokenRequest(ctx context.Context, at time.Time) (*http.Request, *credential.Fault) {
	params := []tokens.Param{tokens.Text(tokens.GrantType, "client_credentials")}
	if t.scope != "" {
		params = append(params, tokens.Text(tokens.Scope, t.scope))
	}
	var headers []tokens.Param
	if t.referer != "" {
		headers = append(headers, tokens.Text("Referer", t.referer))
	}
	return t.endpoint.Request(ctx, at, params, headers)
}

// documentedLife is the lifetime in the vendor's samples and current pages; the
// real one is in each answer.
const documentedLife = time.Hour

// Rehearse implements credential.Rehearser.
func (t *accessToken) Rehearse(req credential.Request) credential.Credential {
	return credential.Credential{ExpiresAt: req.At.Add(documentedLife), CountedExpiry: true}
}

// clientDigest identifies the login at the token endpoint.
func (b *oauth2) clientDigest() string {
	if b.endpoint.URL == nil {
		return "" // already reported
	}
	return exchange.Identity("", exchange.SameURL(b.endpoint.URL), b.endpoint.ID.Reveal(), b.endpoint.Secret.Reveal())
}
