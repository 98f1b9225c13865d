package tss

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/internal/brasil"
)

// defaultPattern matches both of the tokens that the vendor shows.
const defaultPattern = `^[0-9A-Fa-f]{40}$`

// states lists the 27 Brazilian states.
var states = [...]string{
	"AC", "AL", "AM", "AP", "BA", "CE", "DF", "ES", "GO", "MA", "MG", "MS", "MT", "PA",
	"PB", "PE", "PI", "PR", "RJ", "RN", "RO", "RR", "RS", "SC", "SE", "SP", "TO",
}

// Kind returns the entry for the catalogue.
func Kind() providers.Kind { return providers.Kind{Name: "tss", Open: open, Setups: setups} }

// backend is one TSS Online.
type backend struct {
	client   *exchange.Client
	url      *url.URL
	readURL  *url.URL // nil if RestGetToken is not used
	username credential.Secret
	password credential.Secret
	pattern  *regexp.Regexp
	limits   []credential.Limit
}

// open reads a provider's section.
func open(s *section.Section, env providers.Env) providers.Backend {
	b := &backend{
		url:      exchange.HTTPSURL(s, "url", exchange.URLOptions{PlainHTTP: true}),
		readURL:  exchange.HTTPSURL(s, "read_url", exchange.URLOptions{PlainHTTP: true, Optional: true}),
		username: s.TextOrSecret("username"),
		password: s.Secret("password"),
	}
	host := "the backend"
	if b.url != nil {
		host = b.url.Host
	}
	conn := exchange.ReadConnection(s, host, env)
	b.limits = conn.Limits
	b.readPattern(s)
	b.checkURLs(s)
	switch {
	case !b.username.IsZero() && !s.Has("password"):
		s.Faultf("password", "is missing (expected it beside username)")
	case b.username.IsZero() && s.Has("password") && !s.Failed():
		s.Faultf("username", "is missing (expected it beside password)")
	}
	if s.Failed() {
		return b // used only to check its credentials
	}
	for _, u := range []*url.URL{b.url, b.readURL} {
		if u != nil && u.Scheme == "http" && !exchange.Loopback(u.Hostname()) && !b.password.IsZero() {
			env.Warn(s.Path() + ": the password travels to " + u.Host + " in clear (use https)")
			break
		}
	}
	if conn.TLS != nil && b.url.Scheme == "http" {
		env.Warn(s.Path() + ": tls has no effect on " + b.url.Host + ", whose url is http (use https)")
	}
	b.client = conn.Client(exchange.ClientOptions{OneShot: true})
	return b
}

// readPattern reads token_pattern, which must match the whole token.
func (b *backend) readPattern(s *section.Section) {
	text := s.Text("token_pattern", defaultPattern)
	if text == "" {
		text = defaultPattern
	}
	if _, err := regexp.Compile(text); err != nil {
		s.Faultf("token_pattern", "is not a valid regular expression (expected Go's syntax, such as %q)", defaultPattern)
		return
	}
	b.pattern = regexp.MustCompile(`\A(?:` + text + `)\z`)
	if b.pattern.MatchString("") {
		s.Faultf("token_pattern", "matches the empty token (expected a pattern such as %q)", defaultPattern)
	}
}

// checkURLs rejects the two services in each other's place: a read would renew,
// and a renewal would only read.
func (b *backend) checkURLs(s *section.Section) {
	if service(b.url) == "restgettoken" {
		s.Faultf("url", "is that of RestGetToken, which only reads (expected RestNewToken here, RestGetToken in read_url)")
	}
	if b.readURL == nil {
		return
	}
	if service(b.readURL) == "restnewtoken" || b.url != nil && exchange.SameURL(b.readURL) == exchange.SameURL(b.url) {
		s.Faultf("read_url", "is that of RestNewToken, which renews (expected RestGetToken)")
	}
}

// service returns the last element of a path, folded.
func service(u *url.URL) string {
	if u == nil {
		return ""
	}
	return strings.ToLower(path.Base(u.Path))
}

// get builds a GET, with the login if there is one.
func (b *backend) get(u *url.URL) *http.Request {
	req := &http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: http.Header{}}
	if !b.username.IsZero() {
		req.SetBasicAuth(b.username.Reveal(), b.password.Reveal())
	}
	return req
}

// identity is whom a token is for, as the vendor's message states it, with its
// members in the vendor's order.
type identity struct {
	CNPJ       string `json:"cnpj"`
	TipoPessoa int    `json:"tipopessoa"`
	IE         string `json:"ie"`
	UF         string `json:"uf"`
}

// Bind reads a credential's section.
func (b *backend) Bind(s *section.Section) providers.Binding {
	c := identity{IE: s.Text("ie", "")}
	c.readNumber(s)
	c.UF = strings.ToUpper(strings.TrimSpace(s.Required("uf")))
	if c.UF != "" && !slices.Contains(states[:], c.UF) {
		s.Faultf("uf", "is not a Brazilian state (expected two letters such as \"SP\")")
	}
	if strings.ContainsFunc(c.IE, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune("\"\\<>&", r) }) {
		s.Faultf("ie", "holds characters that no registration has (expected letters, digits and its mask, \"ISENTO\" or \"\")")
	}
	fields := []string{FieldToken}
	if s.Failed() {
		return providers.Binding{Fields: fields}
	}
	return providers.Binding{
		Source:   &source{backend: b, payload: c.payload()},
		Identity: strings.Join([]string{exchange.SameURL(b.url), c.CNPJ, folded(c.IE), c.UF}, " "),
		Fields:   fields,
		Limits:   b.limits,
		Client:   b.login(),
	}
}

// readNumber reads cnpj and tipopessoa. If tipopessoa is absent, the number
// tells which of the two it is. A CPF goes into cnpj as well: the vendor's
// message has no other member.
func (c *identity) readNumber(s *section.Section) {
	text := s.Required("cnpj")
	cpf, cpfErr := brasil.CPF(text)
	cnpj, cnpjErr := brasil.CNPJ(text)
	c.TipoPessoa = 2
	if cpfErr == nil {
		c.TipoPessoa = 1
	}
	c.TipoPessoa = s.Int("tipopessoa", c.TipoPessoa)
	c.CNPJ = cnpj
	switch {
	case c.TipoPessoa != 1 && c.TipoPessoa != 2:
		s.Faultf("tipopessoa", "is %d (expected 1 for a natural person with a CPF, 2 for a company with a CNPJ)", c.TipoPessoa)
	case text == "": // already reported
	case c.TipoPessoa == 1 && cpfErr != nil:
		s.Faultf("cnpj", "%v; with tipopessoa = 1 the CPF stands in cnpj", cpfErr)
	case c.TipoPessoa == 1:
		c.CNPJ = cpf
	case cnpjErr != nil:
		s.Faultf("cnpj", "%v", cnpjErr)
	}
}

// payload returns the message in the vendor's own form: no blanks, the vendor's
// order of members, base64 with the standard alphabet and padding.
func (c identity) payload() string {
	message, err := json.Marshal(struct {
		Empresa identity `json:"empresa"`
	}{c})
	if err != nil {
		panic(err) // strings and a number
	}
	return base64.StdEncoding.EncodeToString(message)
}

// folded returns a registration without its mask, so a mask makes no difference.
func folded(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, text)
}

// login identifies the HTTP Basic login; it is empty without one.
func (b *backend) login() string {
	if b.username.IsZero() {
		return ""
	}
	return exchange.Identity("", exchange.SameURL(b.url), b.username.Reveal(), b.password.Reveal())
}
