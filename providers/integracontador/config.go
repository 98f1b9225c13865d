package integracontador

import (
	"crypto/tls"
	"net/url"
	"strings"
	"unicode"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/integracontador/internal/termo"
	"github.com/vigented/vigente/providers/internal/brasil"
)

// party is a company or person as the envelope names it.
type party struct{ number, name string }

// tipo is the envelope's type of number: 1 for a CPF, 2 for a CNPJ.
func (p party) tipo() int {
	if len(p.number) == 11 {
		return 1
	}
	return 2
}

func (p party) termo() termo.Party { return termo.Party{Number: p.number, Name: p.name} }

func readAuthURL(s *section.Section) *url.URL {
	u := exchange.HTTPSURL(s, "auth_url", exchange.URLOptions{})
	if u != nil && !strings.HasSuffix(u.Path, "/authenticate") {
		s.Faultf("auth_url", "does not end in /authenticate (expected the complete URL, such as https://autenticacao.sapi.serpro.gov.br/authenticate)")
		return nil
	}
	return u
}

func readAPIURL(s *section.Section) *url.URL {
	u := exchange.HTTPSURL(s, "api_url", exchange.URLOptions{})
	if u == nil {
		return nil
	}
	for _, operation := range []string{"/Apoiar", "/Consultar", "/Declarar", "/Emitir", "/Monitorar"} {
		if strings.HasSuffix(strings.TrimRight(u.Path, "/"), operation) {
			s.Faultf("api_url", "ends in %s (expected the URL up to the version, such as https://gateway.apiserpro.serpro.gov.br/integra-contador/v1)", operation)
			return nil
		}
	}
	return u
}

// readConsumerKey reads a key that may be text or a reference.
func readConsumerKey(s *section.Section) credential.Secret {
	const key = "consumer_key"
	before := len(s.Faults())
	v := s.TextOrSecret(key)
	switch {
	case len(s.Faults()) > before: // already reported
	case v.IsZero() && s.Has(key):
		s.Faultf(key, "is empty (expected the Consumer Key of the contract, or a reference to it)")
	case v.IsZero():
		s.Faultf(key, "is missing (expected the Consumer Key of the contract, or a reference to it)")
	case strings.Contains(v.Reveal(), ":"):
		s.Faultf(key, "holds a colon, where the key ends in a Basic header (expected the Consumer Key alone)")
	}
	return exchange.OneLine(s, key, v)
}

func readContratante(s *section.Section) party {
	const expected = `{ numero = "CNPJ", nome = "razão social" }, those of the contract`
	t := s.Table("contratante")
	if t == nil {
		if !s.Has("contratante") {
			s.Faultf("contratante", "is missing (expected %s)", expected)
		}
		return party{}
	}
	return party{readNumber(t, brasil.CNPJ), readName(t)}
}

// readNumber reads the key numero.
func readNumber(t *section.Section, parse func(string) (string, error)) string {
	if !t.Has("numero") {
		t.Required("numero")
		return ""
	}
	return section.Value(t, "numero", "", "the number in quotes", parse)
}

// cpfOrCNPJ parses the number of an author, told apart by length.
func cpfOrCNPJ(text string) (string, error) {
	signs := 0
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			signs++
		}
	}
	if signs <= 11 {
		return brasil.CPF(text)
	}
	return brasil.CNPJ(text)
}

// readName reads the key nome, which goes into a signed document.
func readName(t *section.Section) string {
	text := t.Required("nome")
	name := termo.Clean(text)
	if name == "" && text != "" {
		t.Faultf("nome", "holds nothing that can be seen (expected the legal name)")
	}
	return name
}

// readConnection reads the trust settings, and adds the contratante's
// certificate. Any server that asks gets it: the login requires it, and the
// gateway may.
func readConnection(s *section.Section, b *backend, env providers.Env) exchange.Connection {
	host := "the service"
	if b.authURL != nil {
		host = b.authURL.Host
	}
	conn := exchange.ReadConnection(s, host, env)
	if t := s.Table("tls"); t != nil {
		if t.Has("certificate") {
			t.Faultf("certificate", "belongs to another kind (expected the contratante's certificate in the provider's own key certificate)")
		}
		two := b.authURL != nil && b.apiURL != nil && b.authURL.Hostname() != b.apiURL.Hostname()
		for _, key := range []string{"server_name", "pin_sha256"} {
			if two && t.Has(key) {
				env.Warn(s.Path() + ": tls." + key + " holds for auth_url and api_url alike, and those are two hosts (use tls.ca_file unless both really share it)")
			}
		}
	}
	own := b.certificate.pair
	if own == nil {
		return conn
	}
	if conn.TLS == nil {
		conn.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	conn.TLS.Certificates = []tls.Certificate{*own}
	// Sent whatever authorities the server names: by itself, crypto/tls may send
	// none, which the service answers with a 400.
	conn.TLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil }
	return conn
}
