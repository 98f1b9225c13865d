package senhasegura

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
)

// Fields of an OAuth 2.0 credential.
const (
	fieldAccessToken   = "access_token"
	fieldTokenType     = "token_type"
	fieldAuthorization = "authorization"
)

// oauth2 is an application with OAuth 2.0.
type oauth2 struct {
	client    *exchange.Client
	base      *url.URL
	tokenURL  string
	id        credential.Secret
	secret    credential.Secret
	inBody    bool // auth_style body: id and secret are parameters
	formBasic bool // basic_encoding rfc6749: form-encoded inside Basic
	referer   string
	limits    []credential.Limit
}

func openOAuth2(s *section.Section, env providers.Env) providers.Backend {
	b := &oauth2{
		base:      readBase(s),
		id:        readKey(s, "client_id"),
		secret:    readSecret(s, "client_secret"),
		inBody:    s.Choice("auth_style", "basic", "basic", "body") == "body",
		formBasic: s.Choice("basic_encoding", "raw", "raw", "rfc6749") == "rfc6749",
		referer:   readReferer(s),
		limits:    readLimits(s, env.Location),
	}
	tokenPath := readPath(s, "token_path", "/iso/oauth2/token")
	if !b.inBody && !b.formBasic && strings.Contains(b.id.Reveal(), ":") {
		s.Faultf("client_id", `holds a colon, where a raw Basic header ends the id (expected auth_style = "body" or basic_encoding = "rfc6749" with it)`)
	}
	if b.base == nil {
		// The table is read all the same, for its own faults.
		exchange.ReadConnection(s, "the vault", env)
		return b
	}
	b.tokenURL = join(b.base, tokenPath)
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
		Identity: identity(authOAuth2, exchange.SameURL(b.base), b.id.Reveal(), scope),
		Fields:   []string{fieldAccessToken, fieldTokenType, fieldAuthorization},
		Limits:   b.limits,
	}
}

// accessToken obtains access tokens of one scope. The service keeps older
// tokens valid until their own end, so it revokes nothing.
type accessToken struct {
	*oauth2
	scope string
}

// Refresh requests one token.
func (t *accessToken) Refresh(ctx context.Context, req credential.Request) (credential.Credential, error) {
	out, err := t.tokenRequest(ctx)
	if err != nil {
		return credential.Credential{}, exchange.BrokenRequest(err)
	}
	var got credential.Credential
	_, err = t.client.Ask(ctx, out, func(a *exchange.Answer) (f *credential.Fault) {
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

// Probe tells whether the service can be reached, without a token request.
func (t *accessToken) Probe(ctx context.Context) error { return t.client.Reach(ctx, t.tokenURL) }

// tokenRequest is RFC 6749, 4.4.2. Id and secret go one way only, and never
// into the URI (2.3.1).
func (t *accessToken) tokenRequest(ctx context.Context) (*http.Request, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if t.scope != "" {
		form.Set("scope", t.scope)
	}
	if t.inBody {
		form.Set("client_id", t.id.Reveal())
		form.Set("client_secret", t.secret.Reveal())
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.tokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if t.referer != "" {
		req.Header.Set("Referer", t.referer)
	}
	if !t.inBody {
		req.Header.Set("Authorization", t.basic().Reveal())
	}
	return req, nil
}

// basic returns the Basic header. The service splits the decoded text at the
// first colon and decodes no further, hence raw by default; RFC 6749 wants
// both parts form-encoded before they are joined.
func (b *oauth2) basic() credential.Secret {
	id, secret := b.id.Reveal(), b.secret.Reveal()
	if b.formBasic {
		id, secret = url.QueryEscape(id), url.QueryEscape(secret)
	}
	return credential.NewSecret("Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret)))
}

// documentedLife is what the vendor's samples and current pages state; the
// real one is in each answer.
const documentedLife = time.Hour

// Rehearse implements credential.Rehearser.
func (t *accessToken) Rehearse(req credential.Request) credential.Credential {
	return credential.Credential{ExpiresAt: req.At.Add(documentedLife), CountedExpiry: true}
}
