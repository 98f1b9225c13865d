// Package integracontador renews the tokens of Serpro's API Integra Contador:
// the session pair of the contratante (access_token and jwt_token, always from
// one answer), and for each author of requests the procurador token, which the
// gateway issues for a signed Termo de Autorização.
//
// A Termo is signed once and sent byte for byte until its last day. One that is
// refused is signed again once; a second refusal parks. Answers 200 and 304 are
// both successes. Nothing is requested early, since the server only repeats a
// token that is in force. Codes are matched by module and number, because class
// and HTTP status differ between versions of the service. No body is ever
// quoted: answers echo the signed document, and an etag is a credential.
package integracontador

import (
	"net/url"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
)

// Fields of the two kinds of credential.
const (
	fieldAccessToken   = "access_token"
	fieldJWT           = "jwt_token"
	fieldAuthorization = "authorization"
	fieldToken         = "token"
)

// Kind returns the catalogue entry for Integra Contador.
func Kind() providers.Kind {
	return providers.Kind{Name: "integra-contador", Open: open, Setups: setups}
}

// brasilia is the zone of the service. Brazil has had no daylight saving time
// since 2019, and a fixed zone needs no database.
var brasilia = time.FixedZone("America/Sao_Paulo", -3*60*60)

// maxBody bounds an answer, which echoes the Termo, escaped and in base64.
const maxBody = 256 << 10

// backend is one contract with the service: a contratante and its API keys.
type backend struct {
	client      *exchange.Client
	authURL     *url.URL
	apiURL      *url.URL
	consumerKey credential.Secret
	secret      credential.Secret
	certificate certificate
	contratante party
	limits      []credential.Limit
	warn        func(string)
	// authors counts the procurador credentials, to spread their calls.
	authors int
}

func open(s *section.Section, env providers.Env) providers.Backend {
	b := &backend{
		authURL:     readAuthURL(s),
		apiURL:      readAPIURL(s),
		consumerKey: readConsumerKey(s),
		secret:      exchange.OneLine(s, "consumer_secret", s.RequiredSecret("consumer_secret")),
		contratante: readContratante(s),
		warn:        env.Warn,
	}
	b.certificate = readCertificate(s, "certificate", b.contratante.number, env)
	conn := readConnection(s, b, env)
	b.limits = append(conn.Limits, b.certificate.limits...)
	if !s.Failed() {
		b.client = conn.Client(exchange.ClientOptions{MaxBody: maxBody})
	}
	return b
}

// Bind reads a credential: without keys it is the session pair, with session and
// author a procurador token.
func (b *backend) Bind(s *section.Section) providers.Binding {
	if s.Has("session") || s.Has("author") || s.Has("term_days") {
		return b.bindProcurador(s)
	}
	id := ""
	if b.authURL != nil {
		id = identity("pair", exchange.SameURL(b.authURL), b.consumerKey.Reveal())
	}
	return providers.Binding{
		Source:   &pair{b},
		Identity: id,
		Fields:   []string{fieldAccessToken, fieldJWT, fieldAuthorization},
		Limits:   b.limits,
		Client:   exchange.Identity("", exchange.SameURL(b.authURL), b.consumerKey.Reveal(), b.secret.Reveal(), b.certificate.fingerprint()),
	}
}

// identity identifies the login at the backend without revealing a key that may
// be kept as a secret.
func identity(parts ...string) string {
	return exchange.Identity("", append(parts, "")...)
}
