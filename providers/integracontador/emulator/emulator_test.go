package emulator

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	company = "12345678000195"
	person  = "52998224725"
)

var noon = time.Date(2026, 3, 10, 15, 0, 0, 0, time.UTC)

type cast struct {
	authority         *Authority
	author, expired   *Identity
	bare, stranger    *Identity
	signs, selfSigned *Identity
}

var identities = sync.OnceValue(func() cast {
	authority, err := NewAuthority()
	if err != nil {
		panic(err)
	}
	other, err := NewAuthority()
	if err != nil {
		panic(err)
	}
	issue := func(a *Authority, i Issue) *Identity {
		id, err := a.Issue(i)
		if err != nil {
			panic(err)
		}
		return id
	}
	author := issue(authority, Issue{Name: "FULANO", Number: person})
	return cast{
		authority: authority, author: author,
		expired:    issue(authority, Issue{Name: "FULANO", Number: person, NotAfter: noon.Add(-time.Hour)}),
		bare:       issue(authority, Issue{Name: "FULANO", Number: person, NoFields: true}),
		stranger:   issue(other, Issue{Name: "FULANO", Number: person}),
		signs:      issue(authority, Issue{Name: "OUTRO", Number: "11144477735"}),
		selfSigned: &Identity{Certificate: authority.Certificate, Key: authority.key},
	}
})

// texts are the fixed ones, from the document of the signature's page.
func texts(t testing.TB) [3]string {
	t.Helper()
	data, err := os.ReadFile("testdata/texts.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return [3]string{lines[0], lines[1], lines[2]}
}

// sign writes a document in canonical form throughout, unlike the client, which
// is equally valid. Every part can be changed before and after signing.
func sign(t testing.TB, by *Identity, before, after func(string) string) string {
	t.Helper()
	x := texts(t)
	root := `<termoDeAutorizacao><dados><sistema id="API Integra Contador"></sistema><termo texto="` + x[0] + `"></termo><avisoLegal texto="` + x[1] +
		`"></avisoLegal><finalidade texto="` + x[2] + `"></finalidade><dataAssinatura data="20260310"></dataAssinatura><vigencia data="20260409"></vigencia>` +
		`<destinatario nome="A" numero="` + company + `" papel="contratante" tipo="PJ"></destinatario>` +
		`<assinadoPor nome="B" numero="` + person + `" papel="autor pedido de dados" tipo="PF"></assinadoPor></dados></termoDeAutorizacao>`
	if before != nil {
		root = before(root)
	}
	digest := sha256.Sum256([]byte(root))
	info := `<CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"></CanonicalizationMethod>` +
		`<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></SignatureMethod><Reference URI=""><Transforms>` +
		`<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></Transform><Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"></Transform>` +
		`</Transforms><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></DigestMethod><DigestValue>` + base64.StdEncoding.EncodeToString(digest[:]) + `</DigestValue></Reference></SignedInfo>`
	hash := sha256.Sum256([]byte(`<SignedInfo xmlns="http://www.w3.org/2000/09/xmldsig#">` + info))
	value, err := rsa.SignPKCS1v15(rand.Reader, by.Key, crypto.SHA256, hash[:])
	if err != nil {
		t.Fatal(err)
	}
	// Wrapped in lines, as the JDK writes them.
	wrapped := func(b []byte) string {
		text := base64.StdEncoding.EncodeToString(b)
		return text[:76] + "\n" + text[76:]
	}
	file := strings.Replace(root, `</termoDeAutorizacao>`, `<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo>`+info+`<SignatureValue>`+wrapped(value)+
		`</SignatureValue><KeyInfo><X509Data><X509Certificate>`+wrapped(by.Certificate.Raw)+`</X509Certificate></X509Data></KeyInfo></Signature></termoDeAutorizacao>`, 1)
	if after != nil {
		file = after(file)
	}
	return file
}

// post sends a document and returns the status, the code and the answer.
func post(t testing.TB, s *Server, file string) (int, string, *httptest.ResponseRecorder) {
	t.Helper()
	inner, _ := json.Marshal(map[string]string{"xml": base64.StdEncoding.EncodeToString([]byte(file))})
	body, _ := json.Marshal(map[string]any{
		"contratante": number{company, 2}, "autorPedidoDados": number{person, 1}, "contribuinte": number{person, 1},
		"pedidoDados": map[string]string{"idSistema": "AUTENTICAPROCURADOR", "idServico": "ENVIOXMLASSINADO81", "versaoSistema": "1.0", "dados": string(inner)},
	})
	return call(t, s, "/integra-contador/v1/Apoiar", string(body), nil)
}

func call(t testing.TB, s *Server, path, body string, header map[string]string) (int, string, *httptest.ResponseRecorder) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://service.example"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer access")
	r.Header.Set("Jwt_token", "jwt")
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var out struct {
		Code      string `json:"code"`
		Mensagens []struct{ Codigo, Texto string }
	}
	_ = json.Unmarshal(w.Body.Bytes(), &out)
	code := out.Code
	if len(out.Mensagens) > 0 {
		code = out.Mensagens[0].Codigo
	}
	return w.Code, code, w
}

func service(t testing.TB, change func(*Settings)) *Server {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(identities().authority.Certificate)
	set := Settings{Roots: pool}
	if change != nil {
		change(&set)
	}
	s := New(set, func() time.Time { return noon })
	s.Admit("access", "jwt", company, time.Hour)
	return s
}

// TestDocuments posts documents with one error each.
func TestDocuments(t *testing.T) {
	all := identities()
	swap := func(old, other string) func(string) string {
		return func(s string) string {
			if !strings.Contains(s, old) {
				t.Fatalf("nothing to change: %q", old)
			}
			return strings.Replace(s, old, other, 1)
		}
	}
	for _, c := range []struct {
		name          string
		by            *Identity
		before, after func(string) string
		code          string // AUTENTICAPROCURADOR; empty for a token
	}{
		{"right", all.author, nil, nil, ""},
		{"with a declaration", all.author, nil, func(s string) string { return `<?xml version="1.0" encoding="UTF-8"?>` + s }, ""},
		{"blank before it", all.author, nil, func(s string) string { return "\n" + s }, "038"},
		{"byte order mark", all.author, nil, func(s string) string { return "\ufeff" + s }, "038"},
		{"invisible", all.author, swap(`nome="B"`, "nome=\"B\u200b\""), nil, "038"},
		{"cut", all.author, nil, func(s string) string { return s[:len(s)-5] }, "038"},
		{"comment", all.author, nil, swap("<dados>", "<dados><!-- -->"), "038"},
		{"root", all.author, nil, func(s string) string { return strings.ReplaceAll(s, "termoDeAutorizacao", "TermoAutorizacao") }, "019"},
		{"root with an id", all.author, swap("<termoDeAutorizacao>", `<termoDeAutorizacao Id="x">`), nil, "019"},
		{"no dados", all.author, func(s string) string { return strings.ReplaceAll(s, "dados>", "dado>") }, nil, "015"},
		{"order", all.author, swap(`<dataAssinatura data="20260310"></dataAssinatura><vigencia data="20260409"></vigencia>`, `<vigencia data="20260409"></vigencia><dataAssinatura data="20260310"></dataAssinatura>`), nil, "015"},
		{"one more", all.author, swap("</dados>", "<x></x></dados>"), nil, "015"},
		{"text", all.author, swap("Autorizo a empresa", "Autorizo à empresa"), nil, "016"},
		{"role", all.author, swap(`papel="contratante"`, `papel="Contratante"`), nil, "016"},
		{"kind", all.author, swap(`tipo="PF"`, `tipo="PJ"`), nil, "016"},
		{"capitals", all.author, swap(`nome="B"`, `Nome="B"`), nil, "016"},
		{"no name", all.author, swap(`nome="B"`, `nome=""`), nil, "016"},
		{"date", all.author, swap(`data="20260409"`, `data="2026-04-09"`), nil, "016"},
		{"last day over", all.author, swap(`data="20260409"`, `data="20260309"`), nil, "017"},
		{"last day today", all.author, swap(`data="20260409"`, `data="20260310"`), nil, ""},
		{"signed tomorrow", all.author, swap(`data="20260310"`, `data="20260311"`), nil, "018"},
		{"other contratante", all.author, swap(company, "11222333000181"), nil, "012"},
		{"not signed", all.author, nil, func(s string) string { return s[:strings.Index(s, "<Signature")] + "</termoDeAutorizacao>" }, "025"},
		{"canonicalization", all.author, nil, swap(`<CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"`, `<CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"`), "026"},
		{"method", all.author, nil, swap("#rsa-sha256", "#rsa-sha1"), "027"},
		{"no reference", all.author, nil, func(s string) string { return strings.ReplaceAll(s, "Reference", "Referenz") }, "028"},
		{"reference by id", all.author, nil, swap(`URI=""`, `URI="#x"`), "029"},
		{"digest method", all.author, nil, swap("xmlenc#sha256", "xmlenc#sha1"), "030"},
		{"one transform", all.author, nil, swap(`<Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"></Transform>`, ""), "031"},
		{"two certificates", all.author, nil, swap("</X509Data>", "<X509Certificate>x</X509Certificate></X509Data>"), "032"},
		{"changed afterwards", all.author, nil, swap(`nome="B"`, `nome="C"`), "033"},
		{"other key", &Identity{all.author.Certificate, all.signs.Key}, nil, nil, "033"},
		{"self-signed", all.selfSigned, nil, nil, "041"},
		{"stranger", all.stranger, nil, nil, "040"},
		{"bare", all.bare, nil, nil, "021"},
		{"expired", all.expired, nil, nil, "010"},
		{"somebody else", all.signs, nil, nil, "011"},
	} {
		file := sign(t, c.by, c.before, c.after)
		for _, codes := range []Codes{Wrapped, Documented} {
			status, code, _ := post(t, service(t, func(s *Settings) { s.Codes = codes }), file)
			want := c.code
			if codes == Wrapped && want >= "025" && want <= "033" {
				want = "013"
			}
			if c.code == "" && (status != 200 || code != "[Sucesso-AUTENTICAPROCURADOR]") || c.code != "" && !strings.HasSuffix(code, "-AUTENTICAPROCURADOR-"+want+"]") {
				t.Errorf("%s: %d %s, want %q", c.name, status, code, want)
			}
		}
	}
	s := service(t, func(s *Settings) { s.Revoked = []string{all.author.Certificate.SerialNumber.String()} })
	if _, code, _ := post(t, s, sign(t, all.author, nil, nil)); !strings.Contains(code, "-037") {
		t.Errorf("revoked: %s", code)
	}
}

func TestUseOfTokens(t *testing.T) {
	s := service(t, nil)
	_, _, w := post(t, s, sign(t, identities().author, nil, nil))
	_, token, _ := strings.Cut(w.Body.String(), `autenticar_procurador_token\":\"`)
	token = token[:36]
	body := `{"contratante":{"numero":"` + company + `","tipo":2},"autorPedidoDados":{"numero":"` + person + `","tipo":1},"contribuinte":{"numero":"` + person + `","tipo":1}}`
	const path = "/integra-contador/v1/Consultar"
	for name, c := range map[string]struct {
		header map[string]string
		want   string
	}{
		"right":     {map[string]string{"autenticar_procurador_token": token}, "Sucesso"},
		"none":      {nil, "-019"},
		"malformed": {map[string]string{"autenticar_procurador_token": "x"}, "-042"},
		"unknown":   {map[string]string{"autenticar_procurador_token": strings.Repeat("x", 36)}, "-020"},
		"jwt":       {map[string]string{"jwt_token": "other"}, "-013"},
		"session":   {map[string]string{"Authorization": "Bearer other"}, "900901"},
	} {
		if _, code, _ := call(t, s, path, body, c.header); !strings.Contains(code, c.want) {
			t.Errorf("%s: %s, want %s", name, code, c.want)
		}
	}
	for old, want := range map[string]string{
		`"numero":"` + company: `"numero":"` + "11222333000181", person + `","tipo":1},"contribuinte`: `11144477735","tipo":1},"contribuinte`,
	} {
		if status, code, _ := call(t, s, path, strings.Replace(body, old, want, 1), map[string]string{"autenticar_procurador_token": token}); status != 403 {
			t.Errorf("%s: %d %s", want, status, code)
		}
	}
	if _, code, _ := call(t, s, path, strings.Replace(body, person, "52998224726", 1), nil); !strings.Contains(code, "-008") {
		t.Errorf("wrong digits: %s", code)
	}
}

// TestEndOfTokens checks the expiries that the settings give to a token of noon.
func TestEndOfTokens(t *testing.T) {
	file := sign(t, identities().author, nil, nil)
	for name, c := range map[string]struct {
		change func(*Settings)
		want   string
	}{
		"until midnight": {nil, "2026-03-11T00:00:01"},
		"twelve hours":   {func(s *Settings) { s.Life = TwelveHours }, "2026-03-11T00:00:00"},
		"a life":         {func(s *Settings) { s.TokenLife = time.Minute }, "2026-03-10T12:01:00"},
		"one instant":    {func(s *Settings) { s.EndsAt = noon.Add(time.Second) }, "2026-03-10T12:00:01"},
		"after it":       {func(s *Settings) { s.EndsAt = noon }, "2026-03-11T00:00:01"},
	} {
		if _, code, w := post(t, service(t, c.change), file); !strings.Contains(w.Body.String(), `data_hora_expiracao\":\"`+c.want+`\"`) {
			t.Errorf("%s: %s %s, want an end of %s", name, code, w.Body, c.want)
		}
	}
}

// TestGivenKey has two certificates share one key.
func TestGivenKey(t *testing.T) {
	all := identities()
	id, err := all.authority.Issue(Issue{Name: "FULANO", Number: person, Key: all.author.Key})
	if err != nil || id.Key != all.author.Key || !all.author.Key.PublicKey.Equal(id.Certificate.PublicKey) || id.Certificate.Equal(all.author.Certificate) {
		t.Fatalf("%v, %v", id, err)
	}
}

// TestEveryFaultAnswers sets each fault, and checks that it is met once, by the
// right operation.
func TestEveryFaultAnswers(t *testing.T) {
	file := sign(t, identities().author, nil, nil)
	for _, f := range service(t, nil).Faults() {
		if f.Name == "hang" || f.Name == "slow" || f.Help == "" {
			continue
		}
		s := service(t, func(s *Settings) { s.Keys = []Key{{ConsumerKey: "k", ConsumerSecret: "s", Contratante: company}} })
		if err := s.SetFault(f.Name, 1); err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() { _ = recover() }() // connections that are cut
			post(t, s, file)
			call(t, s, "/authenticate", "grant_type=client_credentials", map[string]string{
				"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("k:s")), "Role-Type": "TERCEIROS", "Content-Type": "application/x-www-form-urlencoded",
			})
		}()
		if s.faults.Left(f.Name) != 0 {
			t.Errorf("%s was not met", f.Name)
		}
	}
	s := service(t, nil)
	if s.SetFault("no-such", 1) == nil {
		t.Error("an unknown fault was set")
	}
	if status, _, _ := call(t, s, "/emulate/suspended/v1/Apoiar", "", nil); status != 503 {
		t.Errorf("by path: got %d, want %d", status, 503)
	}
	if status, _, _ := call(t, s, "/v1/Apoiar?emulate=no-such", "", nil); status != 400 {
		t.Errorf("unknown: got %d, want %d", status, 400)
	}
	if status, _, _ := call(t, s, "/elsewhere", "", nil); status != 404 {
		t.Errorf("no such path: got %d, want %d", status, 404)
	}
}

// FuzzCheck posts any bytes: no panic, and no token for an unsigned document.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(sign(f, identities().author, nil, nil)))
	f.Add([]byte("<termoDeAutorizacao></termoDeAutorizacao>"))
	f.Add([]byte("<a><b></a>"))
	right := sign(f, identities().author, nil, nil)
	s := service(f, nil)
	f.Fuzz(func(t *testing.T, file []byte) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", io.NopCloser(nil))
		x := &exchange{Server: s, r: r, set: s.settings, at: noon}
		in := request{Contratante: number{company, 2}, AutorPedidoDados: number{person, 1}}
		if bad := x.check(file, in); bad == nil && !strings.Contains(string(file), "Signature") && string(file) != right {
			t.Errorf("taken: %q", file)
		}
	})
}
