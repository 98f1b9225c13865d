package integracontador

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/integracontador/emulator"
	"github.com/vigented/vigente/providers/providertest"
)

// The parties of the tests.
const (
	testKey         = "djaR21PGoYp1iyK2n2ACOH9REdUb"
	testSecret      = "ObRsAJWOL4fv2Tp27D1vd8fB3Ote"
	testContratante = "12345678000195"
	testAuthor      = "52998224725"
	testCompany     = "11222333000181"
	authURL         = "https://autenticacao.example/authenticate"
	apiURL          = "https://gateway.example/integra-contador/v1"
)

// identities are made once for all tests, because keys are slow to generate.
type identities struct {
	authority                    *emulator.Authority
	contratante, author, company *emulator.Identity
	expired, future, bare        *emulator.Identity
}

var ids = sync.OnceValue(func() identities {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	authority, err := emulator.NewAuthority()
	must(err)
	issue := func(i emulator.Issue) *emulator.Identity {
		id, err := authority.Issue(i)
		must(err)
		return id
	}
	return identities{
		authority:   authority,
		contratante: issue(emulator.Issue{Name: "EMPRESA CONTRATANTE", Number: testContratante}),
		author:      issue(emulator.Issue{Name: "FULANO DE TAL", Number: testAuthor}),
		company:     issue(emulator.Issue{Name: "CLIENTE LTDA", Number: testCompany}),
		expired:     issue(emulator.Issue{Name: "FULANO DE TAL", Number: testAuthor, NotAfter: time.Date(1995, 1, 1, 0, 0, 0, 0, time.UTC)}),
		future:      issue(emulator.Issue{Name: "FULANO DE TAL", Number: testAuthor, NotBefore: time.Date(2048, 1, 1, 0, 0, 0, 0, time.UTC)}),
		bare:        issue(emulator.Issue{Name: "NOBODY", Number: "x", NoFields: true, NoNumber: true}),
	}
})

func pemOf(t testing.TB, id *emulator.Identity) string {
	t.Helper()
	text, err := id.PEM()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// files are the files that the sections of the tests refer to.
func files(t testing.TB) map[string]string {
	t.Helper()
	all := ids()
	return map[string]string{
		"secret":          testSecret + "\n",
		"contratante.pem": pemOf(t, all.contratante),
		"author.pem":      pemOf(t, all.author),
		"company.pem":     pemOf(t, all.company),
		"expired.pem":     pemOf(t, all.expired),
		"future.pem":      pemOf(t, all.future),
		"bare.pem":        pemOf(t, all.bare),
	}
}

const testProvider = `
	auth_url = "` + authURL + `"
	api_url = "` + apiURL + `"
	consumer_key = "` + testKey + `"
	consumer_secret = { file = "{dir}/secret" }
	certificate = { file = "{dir}/contratante.pem" }
	contratante = { numero = "12.345.678/0001-95", nome = "EMPRESA CONTRATANTE & CIA LTDA" }
`

const testCredential = `
	session = "sessao"
	author = { numero = "529.982.247-25", nome = "FULANO D'ÁVILA", certificate = { file = "{dir}/author.pem" } }
`

func settings() emulator.Settings {
	pool := x509.NewCertPool()
	pool.AddCert(ids().authority.Certificate)
	return emulator.Settings{
		Keys:  []emulator.Key{{ConsumerKey: testKey, ConsumerSecret: testSecret, Contratante: testContratante}},
		Roots: pool,
	}
}

// fixture is a service with its clock, the pair and one author, all controlled
// by the test.
type fixture struct {
	t       testing.TB
	service *emulator.Server
	at      time.Time
	skew    time.Duration // of the service
	pair    providers.Binding
	author  providers.Binding
	session credential.Credential
	token   credential.Credential
	answer  http.HandlerFunc // replaces the service's if set
	last    *http.Request
}

// noon is 12:00 in Brasília.
var noon = time.Date(2026, 3, 10, 15, 0, 0, 0, time.UTC)

func newFixture(t testing.TB, change func(*emulator.Settings)) *fixture {
	t.Helper()
	w := &fixture{t: t, at: noon}
	set := settings()
	if change != nil {
		change(&set)
	}
	w.service = emulator.New(set, func() time.Time { return w.at.Add(w.skew) })
	n := providertest.Serve(t, http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.last = r
		if w.answer != nil {
			w.answer(out, r)
			return
		}
		w.service.ServeHTTP(out, r)
	}))
	w.pair, w.author = bind(t, n.Env(), testProvider, "", testCredential)
	return w
}

// bind opens one provider with two credentials.
func bind(t testing.TB, env providers.Env, provider, pair, author string) (providers.Binding, providers.Binding) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files(t) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var backend providers.Backend
	open := func(path, text string, read func(s sectionOf)) {
		t.Helper()
		s := parse(t, path, dir, text)
		read(s)
		for _, f := range s.Finish() {
			t.Fatalf("configuration: %v", f)
		}
	}
	var a, b providers.Binding
	open("providers.test", provider, func(s sectionOf) { backend = Kind().Open(s, env) })
	open("credentials.sessao", pair, func(s sectionOf) { a = backend.Bind(s) })
	open("credentials.cliente", author, func(s sectionOf) { b = backend.Bind(s) })
	return a, b
}

// login renews the pair.
func (w *fixture) login() error {
	w.t.Helper()
	got, err := w.pair.Source.Refresh(w.t.Context(), credential.Request{At: w.at, Previous: w.session})
	if err == nil {
		w.session = got
	}
	return err
}

// post makes one attempt for the author, and discards a spent seed as the engine
// would.
func (w *fixture) post() error {
	w.t.Helper()
	if w.session.IsZero() {
		if err := w.login(); err != nil {
			w.t.Fatal(err)
		}
	}
	got, err := w.author.Source.Refresh(w.t.Context(), credential.Request{
		At: w.at, Previous: w.token, Inputs: map[string]credential.Credential{"sessao": w.session},
	})
	if err != nil {
		if credential.AsFault(err).SeedSpent {
			w.token.Seed = nil
		}
		return err
	}
	w.token = got
	return nil
}

func (w *fixture) mustPost() {
	w.t.Helper()
	if err := w.post(); err != nil {
		w.t.Fatalf("%s: %v", w.at, err)
	}
}

func (w *fixture) fault(name string) {
	w.t.Helper()
	if err := w.service.SetFault(name, 1); err != nil {
		w.t.Fatal(err)
	}
}

func wantFault(t testing.TB, err error, reason credential.Reason, part string) *credential.Fault {
	t.Helper()
	if err == nil {
		t.Fatalf("success, want %s", reason)
	}
	f := credential.AsFault(err)
	if f.Reason != reason || part != "" && !contains(f.Message, part) {
		t.Errorf("%s: %s, want %s with %q", f.Reason, f.Message, reason, part)
	}
	return f
}

func brt(text string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04:05", text, brasilia)
	if err != nil {
		panic(fmt.Sprint(err))
	}
	return t
}

// otherPair is the pair with another certificate for the same key.
func otherPair(c certificate) *tls.Certificate {
	pair := *c.pair
	pair.Leaf = ids().company.Certificate
	return &pair
}

// ecIdentity is a certificate with an EC key that names the test's author.
func ecIdentity(t testing.TB) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "FULANO:" + testAuthor}, NotAfter: time.Date(2049, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

func tlsPair(id *emulator.Identity) *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{id.Certificate.Raw}, PrivateKey: id.Key, Leaf: id.Certificate}
}
