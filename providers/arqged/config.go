package arqged

import (
	"errors"
	"net/url"
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
)

const (
	// defaultBase is the vendor's host behind its gateway.
	defaultBase = "https://api-rest.arquivar.com"
	// oldHost was to be switched off at the end of March 2025.
	oldHost = "integracao.arquivar.com"
	// defaultMinutes is the vendor's lifetime if none is requested: five days.
	defaultMinutes = 7200
	// mostMinutes is ten years.
	mostMinutes = 10 * 365 * 24 * 60
)

// backend is one user of one ArqGED.
type backend struct {
	client    *exchange.Client
	base      *url.URL
	username  credential.Secret
	password  credential.Secret
	aplicacao string
	keys      *keyring
	zones     []zone
	warn      func(string)
	limits    []credential.Limit
}

// open reads a provider's section.
func open(s *section.Section, env providers.Env) providers.Backend {
	b := &backend{
		base:      readBase(s),
		username:  readUsername(s),
		password:  exchange.OneLine(s, "password", s.RequiredSecret("password")),
		aplicacao: readAplicacao(s),
		keys:      &keyring{keys: readKeys(s)},
		zones:     zonesOf(env.Location),
		warn:      env.Warn,
	}
	host := "the backend"
	if b.base != nil {
		host = b.base.Host
	}
	conn := exchange.ReadConnection(s, host, env)
	if s.Failed() {
		return nil
	}
	if strings.EqualFold(b.base.Hostname(), oldHost) {
		env.Warn(s.Path() + ": " + oldHost + " was announced to end in March 2025 (set url to " + defaultBase + ", with subscription_keys)")
	}
	if keys := b.keys.keys; len(keys) == maxKeys && keys[0].Equal(keys[1]) {
		env.Warn(s.Path() + ": subscription_keys holds the same key twice, so there is no other one to go on with (set both keys of the pair)")
		b.keys.keys = keys[:1]
	}
	b.limits = conn.Limits
	// A refresh token works once: no call may be sent twice.
	b.client = conn.Client(exchange.ClientOptions{OneShot: true})
	return b
}

// readBase reads the url to which the path of either call is appended.
func readBase(s *section.Section) *url.URL {
	if !s.Has("url") {
		u, _ := url.Parse(defaultBase)
		_ = s.Text("url", "")
		return u
	}
	base := exchange.HTTPSURL(s, "url", exchange.URLOptions{})
	if base == nil {
		return nil
	}
	path := strings.ToLower(strings.TrimRight(base.Path, "/"))
	if strings.Contains(path, "/api/autenticacao") || strings.HasSuffix(path, "/api") {
		s.Faultf("url", "holds the path of a call (expected the base with its prefix only, such as https://api-rest.arquivar.com or https://api-rest.arquivar.com/v1)")
		return nil
	}
	return base
}

// readUsername reads the user name, which may be text or a reference.
func readUsername(s *section.Section) credential.Secret {
	before := len(s.Faults())
	v := s.TextOrSecret("username")
	if strings.TrimSpace(v.Reveal()) == "" && len(s.Faults()) == before {
		s.Faultf("username", "is missing (expected the login of an ArqGED user)")
	}
	return exchange.OneLine(s, "username", v)
}

func readAplicacao(s *section.Section) string {
	return section.Value(s, "aplicacao", "", "a string in quotes", func(text string) (string, error) {
		if !exchange.PlainText(text) {
			return "", errors.New("contains a control character (expected a name)")
		}
		return text, nil
	})
}

// readKeys reads the subscription keys, which are sent unchanged in a header.
func readKeys(s *section.Section) []credential.Secret {
	const key = "subscription_keys"
	keys := s.Secrets(key)
	for _, k := range keys {
		if !exchange.HeaderText(k.Reveal()) {
			s.Faultf(key, "holds a blank, a line break or a character beyond ASCII (expected the bare keys, each on one line)")
			break
		}
	}
	if len(keys) > maxKeys {
		s.Faultf(key, "holds %d keys (expected the two of one subscription at most)", len(keys))
	}
	return keys
}

// Bind reads a credential's section.
func (b *backend) Bind(s *section.Section) providers.Binding {
	src := &source{
		backend:  b,
		minutes:  s.Int("token_minutes", defaultMinutes),
		single:   s.Bool("single_use", false),
		asString: s.Choice("single_use_as", "bool", "bool", "string") == "string",
	}
	if src.minutes < 1 || src.minutes > mostMinutes {
		s.Faultf("token_minutes", "%d is out of range (expected 1 to %d; the vendor's own default is %d, five days)", src.minutes, mostMinutes, defaultMinutes)
	}
	fields := []string{fieldToken, fieldAuthorization, fieldUserID, fieldLogin}
	if s.Failed() {
		return providers.Binding{Fields: fields}
	}
	if src.single {
		b.warn(s.Path() + ": single_use is on: what it ends, only Arquivar knows; a consumer may find the token dead after its first call (set single_use = false)")
	}
	return providers.Binding{
		Source:   src,
		Identity: identity(exchange.SameURL(b.base), b.username.Reveal()),
		Fields:   fields,
		Limits:   b.limits,
		Client:   exchange.Identity("", exchange.SameURL(b.base), b.username.Reveal(), b.password.Reveal()),
	}
}
