package emulator

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// brasilia is the zone of the service.
var brasilia = time.FixedZone("BRT", -3*60*60)

// request is the envelope of a call.
type request struct {
	Contratante      number `json:"contratante"`
	AutorPedidoDados number `json:"autorPedidoDados"`
	Contribuinte     number `json:"contribuinte"`
	PedidoDados      struct {
		IDSistema     string `json:"idSistema"`
		IDServico     string `json:"idServico"`
		VersaoSistema string `json:"versaoSistema"`
		Dados         string `json:"dados"`
	} `json:"pedidoDados"`
}

type number struct {
	Numero string `json:"numero"`
	Tipo   int    `json:"tipo"`
}

// valid checks length and check digits for the type of number.
func (n number) valid() bool {
	switch n.Tipo {
	case 1:
		return len(n.Numero) == 11 && checked(n.Numero)
	case 2:
		return len(n.Numero) == 14 && checked(n.Numero)
	}
	return false
}

// apoiar is POST /Apoiar, with the checks in the order that the pages suggest.
func (x *exchange) apoiar() {
	in, s, ok := x.enter()
	if !ok {
		return
	}
	if in.PedidoDados.IDSistema != "AUTENTICAPROCURADOR" || in.PedidoDados.IDServico != "ENVIOXMLASSINADO81" {
		x.refuse(in, 400, "EntradaIncorreta-ICGERENCIADOR-052", "Serviço inexistente.")
		return
	}
	if in.PedidoDados.VersaoSistema == "" {
		x.refuse(in, 400, "EntradaIncorreta-ICGERENCIADOR-040", "versaoSistema inválida.")
		return
	}
	var dados struct {
		XML string `json:"xml"`
	}
	if json.Unmarshal([]byte(in.PedidoDados.Dados), &dados) != nil || dados.XML == "" {
		x.refuse(in, 400, "EntradaIncorreta-AUTENTICAPROCURADOR-002", "O campo xml é obrigatório.")
		return
	}
	file, err := base64.StdEncoding.Strict().DecodeString(dados.XML)
	if err != nil {
		x.refuse(in, 400, "EntradaIncorreta-AUTENTICAPROCURADOR-020", "O xml não está em base64.")
		return
	}
	hash := sha256.Sum256(file)
	name := hex.EncodeToString(hash[:])
	x.update(func() { x.seen[name]++ })
	if !x.set.AnyDocument {
		if bad := x.check(file, in); bad != nil {
			x.update(func() { x.counts.Refused++ })
			x.refuse(in, bad.status, bad.code, bad.text)
			return
		}
	}
	if x.set.CacheBy == ByParties {
		name = in.Contratante.Numero + " " + in.AutorPedidoDados.Numero
	}
	x.give(in, s, name)
}

// enter checks what every operation checks: the session and the envelope.
func (x *exchange) enter() (in request, s session, ok bool) {
	if x.r.Method != http.MethodPost {
		x.gateway(http.StatusMethodNotAllowed, "405", "Runtime Error", "Method not allowed for given API resource")
		return in, s, false
	}
	access, found := strings.CutPrefix(x.r.Header.Get("Authorization"), "Bearer ")
	x.update(func() {
		p := x.sessions[access]
		if ok = found && p != nil && p.expiresAt.After(x.at); ok {
			s = *p
		} else {
			x.counts.Unauthorized++
		}
	})
	if !ok {
		x.gateway(http.StatusUnauthorized, "900901", "Invalid Credentials", "Invalid Credentials. Make sure you have provided the correct security credentials")
		return in, s, false
	}
	if json.Unmarshal(x.body, &in) != nil || !in.Contratante.valid() || in.Contratante.Tipo != 2 || !in.AutorPedidoDados.valid() || !in.Contribuinte.valid() {
		x.refuse(in, 400, "EntradaIncorreta-ICGERENCIADOR-008", "NI inválido.")
		return in, s, false
	}
	switch given := x.header("jwt_token"); {
	case given != s.jwt:
		x.refuse(in, 403, "AcessoNegado-ICGERENCIADOR-013", "jwt_token inválido.")
		return in, s, false
	case s.contratante != "" && s.contratante != in.Contratante.Numero:
		x.refuse(in, 403, "AcessoNegado-ICGERENCIADOR-016", "Contratante diferente do certificado.")
		return in, s, false
	case s.key.Contratante != "" && s.key.Contratante != in.Contratante.Numero:
		x.refuse(in, 403, "AcessoNegado-ICGERENCIADOR-018", "Contratante diferente do titular da chave.")
		return in, s, false
	}
	return in, s, true
}

// header finds a header in any case: net/http writes Jwt_token over the wire,
// but a caller in the same process may not.
func (x *exchange) header(name string) string {
	for key, values := range x.r.Header {
		if strings.EqualFold(key, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// give answers with the document's token, or with a new one.
func (x *exchange) give(in request, s session, name string) {
	var token procurador
	var repeated bool
	x.update(func() {
		p := x.cache[name]
		repeated = p != nil && (p.expiresAt.After(x.at) || x.fault == "stuck-304")
		if !repeated {
			old := p
			p = &procurador{token: uuid(), contratante: in.Contratante.Numero, author: in.AutorPedidoDados.Numero, expiresAt: x.end()}
			if old != nil && x.set.SameToken {
				p.token = old.token
			}
			x.cache[name], x.tokens[p.token] = p, p
			x.counts.Tokens++
		} else {
			x.counts.Repeated++
		}
		token = *p
	})
	if repeated {
		x.notModified(token)
		return
	}
	x.fresh(in, token)
}

// end is the expiry of a token that is issued now.
func (x *exchange) end() time.Time {
	if x.at.Before(x.set.EndsAt) {
		return x.set.EndsAt
	}
	if x.set.TokenLife > 0 {
		return x.at.Add(x.set.TokenLife)
	}
	if x.set.Life == TwelveHours {
		return x.at.Add(12 * time.Hour).Truncate(time.Second)
	}
	y, m, d := x.at.In(brasilia).Date()
	return time.Date(y, m, d+1, 0, 0, 1, 0, brasilia)
}

func (x *exchange) notModified(p procurador) {
	h := x.w.Header()
	h.Set("Cache-Control", "termo_autorizacao")
	h.Set("ETag", x.etag(p))
	end := p.expiresAt.UTC()
	if x.set.Expires == LocalAsGMT {
		end = p.expiresAt.In(brasilia)
	}
	if x.fault == "expires-past" {
		end = end.Add(-24 * time.Hour)
	}
	if x.set.Expires != WithoutHeader {
		h.Set("Expires", x.httpDate(end))
	}
	x.w.WriteHeader(http.StatusNotModified)
}

// httpDate writes the local time of t, labelled GMT whatever its zone.
func (x *exchange) httpDate(t time.Time) string {
	if !x.set.Portuguese {
		return t.Format("Mon, 02 Jan 2006 15:04:05") + " GMT"
	}
	days := [...]string{"dom", "seg", "ter", "qua", "qui", "sex", "sáb"}
	months := [...]string{"jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez"}
	return days[t.Weekday()] + ", " + t.Format("02 ") + months[t.Month()-1] + t.Format(" 2006 15:04:05") + " GMT"
}

func (x *exchange) etag(p procurador) string {
	const name = "autenticar_procurador_token:"
	switch {
	case x.fault == "etag-foreign":
		return `"33a64df551425fcc55e4d42a148795d9f25f89d4"`
	case x.set.Etag == Weak:
		return `W/"` + name + p.token + `"`
	case x.set.Etag == Unquoted:
		return name + p.token
	case x.set.Etag == Bare:
		return p.token
	}
	return `"` + name + p.token + `"`
}

func (x *exchange) fresh(in request, p procurador) {
	text := p.expiresAt.In(brasilia).Format("2006-01-02T15:04:05")
	if x.set.Expiry == WithOffset {
		text = p.expiresAt.In(brasilia).Add(416394600 * time.Nanosecond).Format("2006-01-02T15:04:05.0000000-07:00")
	}
	dados := map[string]string{"autenticar_procurador_token": p.token, "data_hora_expiracao": text}
	var out any = dados
	if !x.set.DadosObject {
		inner, _ := json.Marshal(dados)
		out = string(inner)
	}
	if x.set.EtagOn200 {
		x.w.Header().Set("ETag", x.etag(p))
	}
	x.envelope(in, http.StatusOK, out, "Sucesso-AUTENTICAPROCURADOR", "Requisição efetuada com sucesso.")
}

// use is any business operation: it shows whether a token works.
func (x *exchange) use() {
	in, _, ok := x.enter()
	if !ok {
		return
	}
	if in.AutorPedidoDados == in.Contratante {
		x.envelope(in, http.StatusOK, "{}", "Sucesso-ICGERENCIADOR", "OK")
		return
	}
	given := x.header("autenticar_procurador_token")
	var p procurador
	x.update(func() {
		if known := x.tokens[given]; known != nil && known.expiresAt.After(x.at) {
			p = *known
		}
	})
	switch {
	case given == "":
		x.refuse(in, 403, "AcessoNegado-ICGERENCIADOR-019", "Token do procurador não informado.")
	case len(given) != 36:
		x.refuse(in, 403, "AcessoNegado-ICGERENCIADOR-042", "Token do procurador mal formado.")
	case p.token == "":
		x.refuse(in, 403, "AcessoNegado-ICGERENCIADOR-020", "Token do procurador não encontrado ou expirado.")
	case p.contratante != in.Contratante.Numero:
		x.refuse(in, 403, "AcessoNegado-ICGERENCIADOR-053", "Contratante diferente do Termo.")
	case p.author != in.AutorPedidoDados.Numero:
		x.refuse(in, 403, "AcessoNegado-ICGERENCIADOR-054", "Autor diferente do Termo.")
	default:
		x.envelope(in, http.StatusOK, "{}", "Sucesso-ICGERENCIADOR", "OK")
	}
}

// checked verifies the two check digits of a CPF or CNPJ: weights grow from the
// right, up to 9 for a CNPJ and without limit for a CPF.
func checked(n string) bool {
	wrap := 100
	if len(n) == 14 {
		wrap = 8
	}
	for length := len(n) - 2; length < len(n); length++ {
		sum := 0
		for i := range length {
			sum += int(n[i]-'0') * (2 + (length-1-i)%wrap)
		}
		want := 11 - sum%11
		if want > 9 {
			want = 0
		}
		if int(n[length]-'0') != want {
			return false
		}
	}
	return true
}
