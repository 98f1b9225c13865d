package oauth2

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/tokens"
)

// provider is one client at one server.
type provider struct {
	env        providers.Env
	connection exchange.Connection
	preset     Preset
	// lasting keeps connections, oneShot makes one for each call. Each is created
	// when a credential first needs it.
	lasting, oneShot *exchange.Client

	clientID credential.Secret
	// endpoint starts a grant, refreshing renews one.
	endpoint, refreshing *tokens.Endpoint
	signer               *signer
	keyed                bool // a key is configured, readable or not

	params, headers []template
	names           map[string]string

	rotation        string
	grace           time.Duration
	refreshLifetime time.Duration
	revokes         bool
	life            time.Duration // of a rehearsed token
	ends            []credential.Limit
	way             way
	good            bool // no faults were reported
}

// client returns the HTTP client shared by all credentials that need one of that
// kind, so they share its connections.
func (b *provider) client(oneShot bool) *exchange.Client {
	of := &b.lasting
	if oneShot {
		of = &b.oneShot
	}
	if *of == nil {
		*of = b.connection.Client(exchange.ClientOptions{OneShot: oneShot})
	}
	return *of
}

// way is how a person logs in.
type way struct {
	authorize, device *url.URL
	redirect          string
}

func openProvider(s *section.Section, env providers.Env) providers.Backend {
	preset := findPreset(s)
	k := keys{own: s, preset: preset.table("provider")}
	b := &provider{env: env, preset: preset, life: preset.Life}
	moved := movedAway(s, k.preset)
	tokenURL := k.address("token_url", !preset.unknown)
	refreshURL := k.addressUnless(moved, "refresh_url")
	b.way.authorize, b.way.device = k.addressUnless(moved, "authorize_url"), k.addressUnless(moved, "device_url")
	b.way.redirect = k.readRedirect()

	b.endpoint = k.readClient(tokenURL)
	if !preset.unknown {
		k.checkClient(b.endpoint)
	}
	b.clientID = b.endpoint.ID
	b.names = k.names(nil)
	b.endpoint.Names = b.names
	b.readSigner(k, tokenURL)
	again := *b.endpoint
	if refreshURL != nil {
		again.URL = refreshURL
	}
	b.refreshing = &again

	b.params = templates(s, "params", k.members("params"))
	b.headers = k.readHeaders()
	b.readRotation(k)
	b.revokes = k.boolean("revokes", false)
	if end := readEnd(s, "client_secret_expires_at", env.Location); !end.IsZero() {
		b.ends = append(b.ends, credential.Limit{Kind: "client_secret", EndsAt: end, Person: true})
	}
	host := "the server"
	if tokenURL != nil {
		host = tokenURL.Host
	}
	b.connection = exchange.ReadConnection(s, host, env)
	b.ends = append(b.ends, b.connection.Limits...)
	b.good = tokenURL != nil && !s.Failed()
	return b
}

// addressUnless reads a URL of the login. The preset's URL is used only together
// with the preset's token_url.
func (k keys) addressUnless(moved bool, key string) *url.URL {
	if moved {
		k.preset = section.Empty("presets", "provider", section.NewReader(section.ReaderOptions{}))
	}
	return k.address(key, false)
}

// readClient reads the client and how it authenticates.
func (k keys) readClient(tokenURL *url.URL) *tokens.Endpoint {
	s := k.own
	e := &tokens.Endpoint{
		URL:      tokenURL,
		ID:       textOrSecret(s, "client_id"),
		Secret:   exchange.OneLine(s, "client_secret", s.Secret("client_secret")),
		Auth:     tokens.Auth(k.choice("client_auth", "basic", "basic", "body", "none", "private_key_jwt", "client_secret_jwt")),
		RawBasic: k.choice("basic_encoding", "rfc6749", "rfc6749", "raw") == "raw",
		Send:     tokens.Send(k.choice("send", "form", "form", "json", "query", "headers")),
	}
	return e
}

// checkClient reports keys that the authentication lacks or does not use.
func (k keys) checkClient(e *tokens.Endpoint) {
	s := k.own
	needsSecret := e.Auth == tokens.Basic || e.Auth == tokens.Body || e.Auth == tokens.SecretJWT
	switch {
	case needsSecret && !s.Has("client_secret"):
		s.Faultf("client_secret", "is missing (expected a reference to the secret, or client_auth = \"none\" where the client has none)")
	case !needsSecret && s.Has("client_secret"):
		s.Faultf("client_secret", "is not used (expected no secret with client_auth = %q)", string(e.Auth))
	}
	switch {
	case s.Has("client_id") && e.ID.IsZero() && !s.Unread("client_id") && !s.Failed():
		s.Faultf("client_id", "is empty (expected the client's id, or a reference to it)")
	case (e.Auth == tokens.Basic || e.Auth == tokens.SecretJWT || e.Auth == tokens.PrivateKeyJWT) && !s.Has("client_id"):
		s.Faultf("client_id", "is missing (expected the client's id, or a reference to it)")
	case e.Auth == tokens.Basic && e.RawBasic && strings.Contains(e.ID.Reveal(), ":"):
		s.Faultf("client_id", `holds a colon, where a raw Basic header ends the id (expected client_auth = "body" or basic_encoding = "rfc6749" with it)`)
	}
	if e.Auth == tokens.PrivateKeyJWT && !s.Has("key") {
		s.Faultf("key", `is missing (expected { file = "….pem" }, the client's private key)`)
	}
}

// readSigner reads the keys for signing assertions, and gives the signer to the
// client if it needs one.
func (b *provider) readSigner(k keys, tokenURL *url.URL) {
	audience := ""
	if tokenURL != nil {
		audience = tokenURL.String()
	}
	b.keyed = k.own.Has("key")
	key, ends := k.readKey(b.env)
	b.ends = append(b.ends, ends...)
	b.signer = k.readSigner(key, b.endpoint.Secret, audience, b.endpoint.Auth == tokens.SecretJWT)
	b.endpoint.Sign = func(at time.Time) (credential.Secret, error) {
		if b.signer == nil {
			return credential.Secret{}, errNoKey
		}
		return b.signer.client(b.clientID.Reveal(), at)
	}
}

// errNoKey is for a key that could not be read; its credentials are parked.
var errNoKey = errors.New("the key was not read")

// readRotation reads the rules for refresh tokens.
func (b *provider) readRotation(k keys) {
	b.rotation = k.choice("rotation", rotationStrict, rotationStrict, rotationGrace, rotationNone)
	b.grace = k.duration("grace", 0)
	b.refreshLifetime = k.duration("refresh_lifetime", 0)
	switch {
	case b.rotation == rotationGrace && b.grace == 0:
		k.own.Faultf("grace", "is missing (expected how long after the call the server accepts a refresh token again, such as \"30s\")")
	case b.rotation != rotationGrace && k.own.Has("grace"):
		k.own.Faultf("grace", "is not used (expected rotation = \"grace\" with it)")
	}
}

// readRedirect reads the redirect address registered at the service.
func (k keys) readRedirect() string {
	text := k.text("redirect_url", "")
	if text == "" {
		return ""
	}
	if u, err := url.Parse(text); err != nil || u.Scheme == "" || u.Fragment != "" || !exchange.PlainText(text) {
		k.own.Faultf("redirect_url", "is not a valid URL (expected the address that is registered at the service, such as http://127.0.0.1:8910/)")
	}
	return text
}

func sameHost(a, b string) bool {
	x, errA := url.Parse(a)
	y, errB := url.Parse(b)
	return errA == nil && errB == nil && strings.EqualFold(x.Host, y.Host)
}

// fields are the fields of every credential, which only read them.
var fields = []string{tokens.AccessToken, tokens.TokenType, tokens.FieldAuthorization, tokens.IDToken, tokens.Scope}

// Bind reads one credential.
func (b *provider) Bind(s *section.Section) providers.Binding {
	k := keys{own: s, preset: b.preset.table("credential")}
	src, limits := &source{provider: b, name: s.Name()}, b.ends
	src.grant = k.readGrant()
	src.names = k.names(b.names)
	src.params = mergeTemplates(b.params, templates(s, "params", k.members("params")))
	src.extra = mergeTemplates(b.headers, k.readHeaders())
	id := src.readGrantKeys(k)
	if end := readEnd(s, "consent_expires_at", b.env.Location); !end.IsZero() {
		limits = append(slices.Clip(limits), credential.Limit{Kind: "consent", EndsAt: end, Person: true})
	}
	if b.good {
		// If the server has closed an idle connection, a call that never arrived
		// would count as having spent the refresh token.
		src.client = b.client(src.keepsSeed() && b.rotation != rotationNone)
	}
	refs := refsOf(src.fixed, src.params, src.extra)
	return providers.Binding{
		Source:   src,
		Identity: src.identity(id),
		Fields:   fields,
		Limits:   limits,
		Client:   src.clientDigest(),
		Needs:    credential.Named(refs),
		Refs:     refs,
	}
}

// identity identifies the login at the backend. Of secret parameters only the
// name counts: another value does not change the identity.
func (s *source) identity(id []string) string {
	target := ""
	if s.endpoint.URL != nil {
		target = exchange.SameURL(s.endpoint.URL) + "?" + s.endpoint.URL.RawQuery
	}
	parts := append([]string{target, s.clientID.Reveal(), s.grant, sortedWords(s.scope)}, id...)
	for _, p := range s.params {
		parts = append(parts, p.Name+"="+p.written)
	}
	if s.grant == grantRefresh {
		parts = append(parts, s.name)
	}
	return exchange.Identity("oauth2:", parts...)
}

// sortedWords returns words in canonical order.
func sortedWords(text string) string {
	words := strings.Fields(text)
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " ")
}

// clientDigest identifies the client at its token endpoint; it is empty without a
// secret.
func (s *source) clientDigest() string {
	if s.endpoint.URL == nil || s.endpoint.Secret.IsZero() {
		return ""
	}
	return exchange.Identity("", exchange.SameURL(s.endpoint.URL), s.endpoint.ID.Reveal(), s.endpoint.Secret.Reveal())
}
