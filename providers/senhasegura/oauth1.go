package senhasegura

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/senhasegura/internal/oauth1"
)

// Fields of an OAuth 1.0 credential.
const (
	fieldConsumerKey = "consumer_key"
	fieldTokenKey    = "token_key"
)

// oauth1Probe is an application with OAuth 1.0. Its four values never change, so
// a renewal is one signed call that shows whether they still work.
type oauth1Probe struct {
	client *exchange.Client
	base   *url.URL
	// signingBase is the base that the server verifies against, if a proxy on
	// the way changes it; nil means base.
	signingBase *url.URL
	probeURL    string
	keys        oauth1.Keys
	referer     string
	limits      []credential.Limit
}

func openOAuth1(s *section.Section, env providers.Env) providers.Backend {
	b := &oauth1Probe{
		base: readBase(s),
		keys: oauth1.Keys{
			ConsumerKey: readKey(s, "consumer_key"), ConsumerSecret: readSecret(s, "consumer_secret"),
			TokenKey: readKey(s, "token_key"), TokenSecret: readSecret(s, "token_secret"),
		},
		signingBase: exchange.HTTPSURL(s, "signing_base_url", exchange.URLOptions{Optional: true, PlainHTTP: true}),
		referer:     readReferer(s),
		limits:      readLimits(s, env.Location),
	}
	probePath := readPath(s, "probe_path", "/iso/pam/device")
	if b.base == nil {
		// The table is read anyway, to report its own faults.
		exchange.ReadConnection(s, "the vault", env)
		return b
	}
	b.probeURL = join(b.base, probePath)
	if forbiddenProbe(b.base.Path + probePath) {
		s.Faultf("probe_path", "reads a password or a secret, or takes custody of a credential (expected a call that only lists, such as /iso/pam/device)")
	}
	conn := exchange.ReadConnection(s, b.base.Host, env)
	b.limits = append(b.limits, conn.Limits...)
	if !s.Failed() {
		// A signed request must never be sent twice, hence OneShot. The list of
		// devices may be long; its beginning is enough.
		b.client = conn.Client(exchange.ClientOptions{OneShot: true, MaxBody: headSize, Beginning: true})
	}
	return b
}

// Bind has no keys to read: the authorization is the credential.
func (b *oauth1Probe) Bind(*section.Section) providers.Binding {
	return providers.Binding{
		Source:   b,
		Identity: identity(authOAuth1, exchange.SameURL(b.base), b.keys.ConsumerKey.Reveal(), b.keys.TokenKey.Reveal()),
		Fields:   []string{fieldConsumerKey, fieldTokenKey},
		Limits:   b.limits,
	}
}

// Refresh makes one signed call. There is no expiry, so max_age decides when the
// next call is due.
func (b *oauth1Probe) Refresh(ctx context.Context, req credential.Request) (credential.Credential, error) {
	none := credential.Credential{}
	header, err := b.Sign(http.MethodGet, b.probeURL, nil, req.At)
	if err != nil {
		return none, exchange.BrokenRequest(err)
	}
	out, err := http.NewRequestWithContext(ctx, http.MethodGet, b.probeURL, nil)
	if err != nil {
		return none, exchange.BrokenRequest(err)
	}
	out.Header.Set("Authorization", header.Reveal())
	out.Header.Set("Accept", "application/json")
	if b.referer != "" {
		out.Header.Set("Referer", b.referer)
	}
	if _, err := b.client.Ask(ctx, out, func(a *exchange.Answer) *credential.Fault { return classifyProbe(a, req.At) }); err != nil {
		return none, err
	}
	return credential.Credential{
		Values: map[string]credential.Secret{
			fieldConsumerKey: b.keys.ConsumerKey,
			fieldTokenKey:    b.keys.TokenKey,
		},
		IssuedAt: req.At,
	}, nil
}

// Rehearse implements credential.Rehearser: nothing expires.
func (*oauth1Probe) Rehearse(credential.Request) credential.Credential {
	return credential.Credential{}
}

// Probe reports whether the service can be reached, without a signature.
func (b *oauth1Probe) Probe(ctx context.Context) error { return b.client.Reach(ctx, b.probeURL) }

// Sign signs one request for its sender. A URL below url is signed as if below
// signing_base_url; any other is signed unchanged.
func (b *oauth1Probe) Sign(method, target string, form map[string][]string, at time.Time) (credential.Secret, error) {
	return oauth1.Sign(b.keys, oauth1.Request{
		Method: method, URL: b.signedURL(target), Form: form,
		Timestamp: at.Unix(), Nonce: rand.Text(), Version: "1.0",
	})
}

// signedURL replaces the base and leaves the rest byte for byte.
func (b *oauth1Probe) signedURL(target string) string {
	if b.signingBase == nil {
		return target
	}
	authority := strings.Index(target, "://")
	if authority < 0 {
		return target
	}
	end := authority + len("://")
	if i := strings.IndexAny(target[end:], "/?#"); i >= 0 {
		end += i
	} else {
		end = len(target)
	}
	origin, err := url.Parse(target[:end])
	if err != nil || exchange.SameURL(origin) != exchange.SameURL(&url.URL{Scheme: b.base.Scheme, Host: b.base.Host}) {
		return target
	}
	prefix := strings.TrimRight(b.base.EscapedPath(), "/")
	rest, below := strings.CutPrefix(target[end:], prefix)
	if !below || rest != "" && !strings.ContainsAny(rest[:1], "/?#") {
		return target
	}
	return strings.TrimRight(b.signingBase.String(), "/") + rest
}
