// Package termo writes the Termo de Autorização of the API Integra Contador and
// signs it.
//
// The document is a flat list of elements, so it is written without an encoder,
// twice: as the file that is sent, and in the canonical form that is digested.
// So nothing can change a byte after signing. The same content signed with the
// same key gives the same bytes. The package reads no clock: dates are passed in
// as text.
//
// Sources: Serpro, "Padrões Técnicos de Assinatura do XML"; W3C XML Signature
// and Canonical XML 1.0.
package termo

import "strings"

// Fixed values, which the server compares literally.
const (
	System = "API Integra Contador"
	Text   = "Autorizo a empresa CONTRATANTE, identificada neste termo de autorização como DESTINATÁRIO, a executar as requisições dos serviços web disponibilizados pela API INTEGRA CONTADOR, onde terei o papel de AUTOR PEDIDO DE DADOS no corpo da mensagem enviada na requisição do serviço web. Esse termo de autorização está assinado digitalmente com o certificado digital do PROCURADOR ou OUTORGADO DO CONTRIBUINTE responsável, identificado como AUTOR DO PEDIDO DE DADOS."
	Notice = "O acesso a estas informações foi autorizado pelo próprio PROCURADOR ou OUTORGADO DO CONTRIBUINTE, responsável pela informação, via assinatura digital. É dever do destinatário da autorização e consumidor deste acesso observar a adoção de base legal para o tratamento dos dados recebidos conforme artigos 7º ou 11º da LGPD (Lei n.º 13.709, de 14 de agosto de 2018), aos direitos do titular dos dados (art. 9º, 17 e 18, da LGPD) e aos princípios que norteiam todos os tratamentos de dados no Brasil (art. 6º, da LGPD)."
	Aim    = "A finalidade única e exclusiva desse TERMO DE AUTORIZAÇÃO, é garantir que o CONTRATANTE apresente a API INTEGRA CONTADOR esse consentimento do PROCURADOR ou OUTORGADO DO CONTRIBUINTE assinado digitalmente, para que possa realizar as requisições dos serviços web da API INTEGRA CONTADOR em nome do AUTOR PEDIDO DE DADOS (PROCURADOR ou OUTORGADO DO CONTRIBUINTE)."
)

const declaration = `<?xml version="1.0" encoding="UTF-8"?>`

// Party is a company or a person: the number without a mask and the name.
type Party struct{ Number, Name string }

// kind is PF for a person's eleven digits, PJ for a company.
func (p Party) kind() string {
	if len(p.Number) == 11 {
		return "PF"
	}
	return "PJ"
}

// Termo is the content of one document. Dates have the form AAAAMMDD.
type Termo struct {
	SignedOn, LastDay string
	Recipient, Author Party
}

type attribute struct{ name, value string }

type element struct {
	name       string
	attributes []attribute // in the order of Serpro's sample
}

// elements returns the children of dados, in their required order.
func (t Termo) elements() []element {
	party := func(name string, p Party, role string) element {
		return element{name, []attribute{{"numero", p.Number}, {"nome", Clean(p.Name)}, {"tipo", p.kind()}, {"papel", role}}}
	}
	return []element{
		{"sistema", []attribute{{"id", System}}},
		{"termo", []attribute{{"texto", Text}}},
		{"avisoLegal", []attribute{{"texto", Notice}}},
		{"finalidade", []attribute{{"texto", Aim}}},
		{"dataAssinatura", []attribute{{"data", t.SignedOn}}},
		{"vigencia", []attribute{{"data", t.LastDay}}},
		party("destinatario", t.Recipient, "contratante"),
		party("assinadoPor", t.Author, "autor pedido de dados"),
	}
}

// body is the root of the file up to the place of the signature.
func (t Termo) body() string {
	var b strings.Builder
	b.Grow(2048)
	b.WriteString("<termoDeAutorizacao><dados>")
	for _, e := range t.elements() {
		b.WriteString("<" + e.name)
		for _, a := range e.attributes {
			b.WriteString(" " + a.name + `="` + fileEscapes.Replace(a.value) + `"`)
		}
		b.WriteString("/>")
	}
	b.WriteString("</dados>")
	return b.String()
}

// canonical is the root without a signature in canonical form: attributes sorted
// by name, empty elements with both tags, and only the required escapes.
func (t Termo) canonical() string {
	var b strings.Builder
	b.Grow(2048)
	b.WriteString("<termoDeAutorizacao><dados>")
	for _, e := range t.elements() {
		b.WriteString("<" + e.name)
		for _, a := range byName(e.attributes) {
			b.WriteString(" " + a.name + `="` + canonicalEscapes.Replace(a.value) + `"`)
		}
		b.WriteString("></" + e.name + ">")
	}
	b.WriteString("</dados></termoDeAutorizacao>")
	return b.String()
}
