package integracontador

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"hash/fnv"
	"net/http"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
)

// maxTermDays bounds term_days: a certificate is valid for at most three years.
const maxTermDays = 1100

// bindProcurador reads the section of a procurador token.
func (b *backend) bindProcurador(s *section.Section) providers.Binding {
	p := &procurador{backend: b, session: s.Required("session")}
	author := s.Table("author")
	if author == nil {
		if !s.Has("author") {
			s.Faultf("author", `is missing (expected { numero = "CPF or CNPJ", nome = "…", certificate = { file = "….p12", password = { file = "…" } } })`)
		}
	} else {
		p.author = party{readNumber(author, cpfOrCNPJ), readName(author)}
		p.certificate = readCertificate(author, "certificate", p.author.number, providers.Env{Warn: b.warn})
	}
	p.days = s.Int("term_days", 365)
	if p.days < 1 || p.days > maxTermDays {
		s.Faultf("term_days", "is %d (expected 1 to %d)", p.days, maxTermDays)
	}
	if p.author.number != "" && p.author.number == b.contratante.number {
		s.Faultf("author.numero", "is the contratante, who needs no procurador token (use the session alone and remove this credential)")
	}
	if p.certificate.pair != nil {
		if _, ok := p.certificate.signingKey(); !ok {
			s.Faultf("author.certificate.file", "holds no RSA key (expected an ICP-Brasil certificate of type A1 with an RSA key, which the signature needs)")
		}
	}
	made := providers.Binding{Fields: []string{fieldToken}}
	if p.session != "" {
		made.Needs, made.NeedsFields = []string{p.session}, []string{fieldAccessToken, fieldJWT}
	}
	if s.Failed() {
		return made
	}
	b.authors++
	made.Limits = p.certificate.limits
	made.Source, made.Identity = p, b.contratante.number+" "+p.author.number
	return made
}

// procurador obtains the procurador token of one author. A Termo that is posted
// again is answered with the same token, so a lost answer does no harm.
type procurador struct {
	*backend
	session     string
	author      party
	certificate certificate // the author's; the backend has the contratante's
	days        int
}

// Refresh posts the Termo once.
func (p *procurador) Refresh(ctx context.Context, req credential.Request) (credential.Credential, error) {
	none := credential.Credential{}
	if f := p.certificate.ready(req.At); f != nil {
		return none, f
	}
	pair := req.Inputs[p.session]
	if pair.Values[fieldAccessToken].IsZero() || pair.Values[fieldJWT].IsZero() {
		return none, &credential.Fault{Reason: credential.ReasonInternal, Message: "the credential " + p.session + " holds no session pair (session must name one of the same provider)"}
	}
	signed, f := p.document(req)
	if f != nil {
		return none, f
	}
	out, err := p.apoiar(ctx, pair, signed.file)
	if err != nil {
		return none, exchange.BrokenRequest(err)
	}
	var got credential.Credential
	_, err = p.client.Ask(ctx, out, func(a *exchange.Answer) (f *credential.Fault) {
		got, f = readApoiar(a, asked{at: req.At, previous: req.Previous, signed: signed, session: p.session})
		return f
	})
	if err != nil {
		return none, err
	}
	got.UsefulAfter = got.ExpiresAt.Add(p.offset())
	got.Limits = p.limits(signed.lastDay)
	return got, nil
}

// limits is the last day of the Termo, after which another is signed.
func (*procurador) limits(lastDay string) []credential.Limit {
	return []credential.Limit{{Kind: "term", EndsAt: endOfDay(lastDay).UTC()}}
}

// Rehearse returns what a good answer would contain, without a call.
func (p *procurador) Rehearse(req credential.Request) credential.Credential {
	end := nextMidnight(req.At).Add(time.Second).UTC()
	lastDay := req.At.In(brasilia).AddDate(0, 0, p.days).Format(dayForm)
	return credential.Credential{ExpiresAt: end, UsefulAfter: end.Add(p.offset()), Limits: p.limits(lastDay)}
}

// Probe reports whether the service can be reached, without posting anything.
func (p *procurador) Probe(ctx context.Context) error { return p.client.Reach(ctx, p.target()) }

// Bounds of the spread after the common expiry: a few seconds for a few authors,
// most of a minute for thousands.
const (
	firstOffset   = time.Second
	leastSpread   = 4 * time.Second
	mostSpread    = 50 * time.Second
	spreadAnother = 10 * time.Millisecond // for each author
)

// offset is how long after the expiry this author's Termo is posted again:
// before the expiry, the service repeats the token. It is the same every night.
func (p *procurador) offset() time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(p.contratante.number + " " + p.author.number))
	spread := min(leastSpread+time.Duration(p.authors)*spreadAnother, mostSpread)
	// The low bits of this hash are well mixed.
	return firstOffset + time.Duration(h.Sum64()%uint64(spread/time.Millisecond))*time.Millisecond
}

func (p *procurador) target() string { return strings.TrimRight(p.apiURL.String(), "/") + "/Apoiar" }

// envelope is the body of every call, with its members in documented order.
type envelope struct {
	Contratante      envelopeParty `json:"contratante"`
	AutorPedidoDados envelopeParty `json:"autorPedidoDados"`
	Contribuinte     envelopeParty `json:"contribuinte"`
	PedidoDados      struct {
		IDSistema     string `json:"idSistema"`
		IDServico     string `json:"idServico"`
		VersaoSistema string `json:"versaoSistema"`
		Dados         string `json:"dados"`
	} `json:"pedidoDados"`
}

type envelopeParty struct {
	Numero string `json:"numero"`
	Tipo   int    `json:"tipo"`
}

func (p party) envelope() envelopeParty { return envelopeParty{p.number, p.tipo()} }

// apoiar builds the call that posts the Termo.
func (p *procurador) apoiar(ctx context.Context, pair credential.Credential, file []byte) (*http.Request, error) {
	e := envelope{
		Contratante: p.contratante.envelope(), AutorPedidoDados: p.author.envelope(),
		// This operation only requires some valid number; the author's is one.
		Contribuinte: p.author.envelope(),
	}
	e.PedidoDados.IDSistema, e.PedidoDados.IDServico = "AUTENTICAPROCURADOR", "ENVIOXMLASSINADO81"
	e.PedidoDados.VersaoSistema = "1.0"
	e.PedidoDados.Dados = `{"xml":"` + base64.StdEncoding.EncodeToString(file) + `"}`
	body, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.target(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+pair.Values[fieldAccessToken].Reveal())
	// Assigned directly: Set would write Jwt_token.
	req.Header["jwt_token"] = []string{pair.Values[fieldJWT].Reveal()}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("X-Request-Tag", p.tag())
	return req, nil
}

// tag marks the call in the consumption report: author, contribuinte and
// function in 32 characters, as the documents suggest.
func (p *procurador) tag() string {
	who := string(rune('0'+p.author.tipo())) + strings.Repeat("0", 14-len(p.author.number)) + p.author.number
	return who + who + "81"
}
