package integracontador

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/integracontador/emulator"
)

// TestApoiarOnTheWire compares a request with the documents, byte by byte.
func TestApoiarOnTheWire(t *testing.T) {
	w := newFixture(t, nil)
	var body []byte
	var header http.Header
	var method, uri string
	if err := w.login(); err != nil {
		t.Fatal(err)
	}
	w.answer = func(out http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		header, method, uri = r.Header.Clone(), r.Method, r.URL.RequestURI()
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		w.service.ServeHTTP(out, r)
	}
	w.mustPost()
	file := w.token.Seed[seedFile].Reveal()
	want := `{"contratante":{"numero":"12345678000195","tipo":2},"autorPedidoDados":{"numero":"52998224725","tipo":1},` +
		`"contribuinte":{"numero":"52998224725","tipo":1},"pedidoDados":{"idSistema":"AUTENTICAPROCURADOR","idServico":"ENVIOXMLASSINADO81",` +
		`"versaoSistema":"1.0","dados":"{\"xml\":\"` + base64.StdEncoding.EncodeToString([]byte(file)) + `\"}"}}`
	if string(body) != want {
		t.Errorf("body\n%s\nwant\n%s", body, want)
	}
	if method != "POST" || uri != "/integra-contador/v1/Apoiar" {
		t.Errorf("%s %s", method, uri)
	}
	for name, value := range map[string]string{
		"Authorization": w.session.Values[fieldAuthorization].Reveal(), "Jwt_token": w.session.Values[fieldJWT].Reveal(),
		"Content-Type": "application/json", "Accept": "application/json", "X-Request-Tag": "100052998224725" + "100052998224725" + "81",
		"Autenticar_procurador_token": "", "If-None-Match": "",
	} {
		if header.Get(name) != value {
			t.Errorf("%s: %q, want %q", name, header.Get(name), value)
		}
	}
	if !strings.Contains(file, `nome="FULANO D&apos;ÁVILA"`) || !strings.Contains(file, `<vigencia data="20270310"/>`) || !strings.Contains(file, `<dataAssinatura data="20260310"/>`) {
		t.Error("the Termo does not say the name, the day and the last day")
	}
}

// TestHeaderInLowerCase checks the request as the transport receives it.
func TestHeaderInLowerCase(t *testing.T) {
	w := newFixture(t, nil)
	if err := w.login(); err != nil {
		t.Fatal(err)
	}
	req, err := w.author.Source.(*procurador).apoiar(t.Context(), w.session, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	written := map[string][]string(req.Header)
	if len(written["jwt_token"]) != 1 || len(written["Jwt_token"]) != 0 {
		t.Errorf("header %v", req.Header)
	}
}

func TestTermoIsTakenAndKept(t *testing.T) {
	w := newFixture(t, nil)
	w.mustPost()
	if w.token.CountedExpiry {
		t.Error("the end of the day counts from no clock of ours")
	}
	if got, want := w.token.ExpiresAt, brt("2026-03-11 00:00:01"); !got.Equal(want) {
		t.Errorf("expires %v, want %v", got, want)
	}
	if d := w.token.UsefulAfter.Sub(w.token.ExpiresAt); d < time.Second || d > 5100*time.Millisecond {
		t.Errorf("useful %v after the expiry, want one to five seconds for one author", d)
	}
	want := []credential.Limit{
		{Kind: "term", EndsAt: brt("2027-03-11 00:00:00").UTC()},
		{Kind: "certificate", EndsAt: ids().author.Certificate.NotAfter, Person: true},
	}
	if got := credential.JoinLimits(w.token.Limits, w.author.Limits); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got the limits %v, want %v", got, want)
	}
	first := w.token
	// A second call gets the same token and the known expiry.
	w.at = w.at.Add(30 * time.Minute)
	w.mustPost()
	if !w.token.SameValues(first) || !w.token.ExpiresAt.Equal(first.ExpiresAt) {
		t.Errorf("the repetition gave another token or expiry")
	}
	// Every night the same bytes get another token, until the last day.
	for day := 1; day <= 365; day++ {
		w.at = w.token.UsefulAfter
		w.session = credential.Credential{}
		w.mustPost()
	}
	if c := w.service.Counts(); c.Documents != 1 || c.Repeated != 1 || c.Tokens != 366 {
		t.Errorf("counts %+v", c)
	}
	if w.at.In(brasilia).Format(dayForm) != "20270310" {
		t.Fatalf("%v is not the last day", w.at)
	}
	// After it, another one is signed.
	w.at = w.token.UsefulAfter
	w.session = credential.Credential{}
	w.mustPost()
	if c := w.service.Counts(); c.Documents != 2 || c.Refused != 0 || w.token.Seed[seedSigned].Reveal() != "20270311" {
		t.Errorf("counts %+v, signed on %s", c, w.token.Seed[seedSigned].Reveal())
	}
}

// TestRefusedOnceIsSignedAgainOnce goes through every refusal of a Termo.
func TestRefusedOnceIsSignedAgainOnce(t *testing.T) {
	for _, number := range []string{"002", "009", "010", "013", "016", "017", "018", "033", "037", "041"} {
		w := newFixture(t, nil)
		w.mustPost()
		stored := w.token.Seed[seedFile]
		w.at = w.at.Add(24 * time.Hour)
		w.session = credential.Credential{}
		w.fault("autenticaprocurador-" + number)
		f := wantFault(t, w.post(), credential.ReasonInvalidRequest, "AUTENTICAPROCURADOR-"+number)
		if !f.SeedSpent || f.Code != "AUTENTICAPROCURADOR-"+number {
			t.Errorf("%s: the stored Termo is not forgotten, or its code: %+v", number, f)
		}
		w.mustPost()
		if w.token.Seed[seedFile].Equal(stored) {
			t.Errorf("%s: the same Termo was sent again", number)
		}
		// Refused again: parked.
		w.token.Seed = nil
		w.fault("autenticaprocurador-" + number)
		wantFault(t, w.post(), credential.ReasonRejected, "AUTENTICAPROCURADOR-"+number)
	}
}

func TestServiceThatWantsADailyTermo(t *testing.T) {
	w := newFixture(t, func(s *emulator.Settings) { s.OnlySameDay = true })
	w.mustPost()
	w.at = w.token.UsefulAfter
	w.session = credential.Credential{}
	wantFault(t, w.post(), credential.ReasonInvalidRequest, "signed and sent once")
	w.at = w.at.Add(30 * time.Second)
	w.mustPost()
}

// TestChangedInputsAreSigned changes what a Termo is made of.
func TestChangedInputsAreSigned(t *testing.T) {
	w := newFixture(t, nil)
	w.mustPost()
	p := *w.author.Source.(*procurador)
	for name, change := range map[string]func(*procurador){
		"nome":        func(p *procurador) { p.author.name = "OUTRO" },
		"contratante": func(p *procurador) { b := *p.backend; b.contratante.name = "OUTRA"; p.backend = &b },
		"certificate": func(p *procurador) { p.certificate = certificate{pair: otherPair(p.certificate)} },
	} {
		other := p
		change(&other)
		d, f := other.document(credential.Request{At: w.at, Previous: w.token})
		if f != nil || d.stored {
			t.Errorf("%s: the stored Termo is used though it says something else (%v)", name, f)
		}
	}
	d, f := p.document(credential.Request{At: w.at.AddDate(0, 0, -1), Previous: w.token})
	if f != nil || d.stored {
		t.Error("a Termo of tomorrow is used")
	}
	p.days = 20
	if d, _ := p.document(credential.Request{At: w.at, Previous: w.token}); !d.stored {
		t.Error("a change of term_days alone threw a good Termo away")
	}
}

// TestRepeated304 is a service that repeats an expired token forever: after some
// minutes another Termo is tried, as soon as it can differ.
func TestRepeated304(t *testing.T) {
	w := newFixture(t, nil)
	w.mustPost()
	if err := w.service.SetFault("stuck-304", -1); err != nil {
		t.Fatal(err)
	}
	w.at = w.token.ExpiresAt.Add(4 * time.Minute)
	w.session = credential.Credential{}
	if wantFault(t, w.post(), credential.ReasonBadResponse, "has expired").SeedSpent {
		t.Error("another Termo after four minutes")
	}
	w.at = w.token.ExpiresAt.Add(6 * time.Minute)
	if !wantFault(t, w.post(), credential.ReasonBadResponse, "has expired").SeedSpent {
		t.Error("no other Termo after six minutes")
	}
	w.mustPost()
	if w.service.Counts().Documents != 2 {
		t.Error("the Termo was not signed again")
	}
}

// TestExpiresOf304 covers the unclear zone of expires with a service that knows
// the Termo while we know nothing.
func TestExpiresOf304(t *testing.T) {
	for _, c := range []struct {
		name    string
		expires emulator.Expires
		at      string
		want    string // empty: no token
	}{
		{"GMT", emulator.InGMT, "2026-03-10 12:00:00", "2026-03-11 00:00:01"},
		{"GMT in the evening", emulator.InGMT, "2026-03-10 22:00:00", "2026-03-11 00:00:01"},
		{"local, read as GMT", emulator.LocalAsGMT, "2026-03-10 12:00:00", "2026-03-10 21:00:01"},
		{"local, a moment after", emulator.LocalAsGMT, "2026-03-10 21:01:00", ""},
		{"local, long after", emulator.LocalAsGMT, "2026-03-10 21:04:00", ""},
		{"none", emulator.WithoutHeader, "2026-03-10 22:00:00", "2026-03-11 00:00:00"},
	} {
		for _, etag := range []emulator.Etag{emulator.Quoted, emulator.Weak, emulator.Unquoted, emulator.Bare} {
			for _, portuguese := range []bool{false, true} {
				w := newFixture(t, func(s *emulator.Settings) { s.Expires, s.Etag, s.Portuguese = c.expires, etag, portuguese })
				w.mustPost()
				token := w.token.Values[fieldToken]
				w.at, w.token, w.session = brt(c.at), credential.Credential{}, credential.Credential{}
				err := w.post()
				switch {
				case c.want == "":
					wantFault(t, err, credential.ReasonBadResponse, "has expired")
				case err != nil || !w.token.Values[fieldToken].Equal(token) || !w.token.ExpiresAt.Equal(brt(c.want)):
					t.Errorf("%s %s: %v, expires %v, want %s", c.name, etag, err, w.token.ExpiresAt.In(brasilia), c.want)
				}
			}
		}
	}
}

// TestSessionThatIsRefused asks the engine for another pair, however the gateway
// words the refusal.
func TestSessionThatIsRefused(t *testing.T) {
	names := []string{"session-ended", "session-ended-xml", "session-ended-page"}
	for _, n := range strings.Fields("003 004 005 013 014 015 025 026 027 037 038 041 045") {
		names = append(names, "icgerenciador-"+n)
	}
	for _, name := range names {
		w := newFixture(t, nil)
		w.mustPost()
		w.fault(name)
		f := wantFault(t, w.post(), credential.ReasonInvalidRequest, "session")
		if f.StaleInput != "sessao" || f.SeedSpent {
			t.Errorf("%s: %+v", name, f)
		}
		w.mustPost()
	}
	w := newFixture(t, nil)
	w.mustPost()
	w.service.EndSessions()
	wantFault(t, w.post(), credential.ReasonInvalidRequest, "session")
	if err := w.login(); err != nil {
		t.Fatal(err)
	}
	w.mustPost()
}

func TestLostAnswerIsPostedAgain(t *testing.T) {
	w := newFixture(t, nil)
	w.mustPost()
	for _, name := range []string{"timeout", "drop", "html-502"} {
		w.fault(name)
		if f := credential.AsFault(w.post()); !f.Lost || f.SeedSpent {
			t.Errorf("%s: %+v", name, f)
		}
	}
	w.mustPost()
	if w.service.Counts().Documents != 1 {
		t.Error("another Termo was signed")
	}
}

func TestCertificatesThatCannotSign(t *testing.T) {
	for file, want := range map[string]credential.Reason{"expired.pem": credential.ReasonRejected, "future.pem": credential.ReasonInternal} {
		w := newFixture(t, nil)
		if err := w.login(); err != nil {
			t.Fatal(err)
		}
		p := w.author.Source.(*procurador)
		p.certificate.file = "dir/" + file
		p.certificate.pair.Leaf = ids().expired.Certificate
		if file == "future.pem" {
			p.certificate.pair.Leaf = ids().future.Certificate
		}
		wantFault(t, w.post(), want, "credentials.cliente.author.certificate.file: the certificate in dir/"+file)
		if w.service.Counts().Apoiar != 0 {
			t.Error("a call was made")
		}
	}
}

func TestMissingSession(t *testing.T) {
	w := newFixture(t, nil)
	w.session = credential.Credential{Values: map[string]credential.Secret{fieldAccessToken: credential.NewSecret("x")}}
	wantFault(t, w.post(), credential.ReasonInternal, "session")
}

// TestSpread spreads thousands of authors over most of a minute.
func TestSpread(t *testing.T) {
	b := &backend{contratante: party{testContratante, "X"}, authors: 5000}
	seconds := map[int]int{}
	for i := range 5000 {
		p := procurador{backend: b, author: party{number: fmt.Sprintf("%011d", i)}}
		d := p.offset()
		if d != p.offset() || d < time.Second || d >= 51*time.Second {
			t.Fatalf("offset %v", d)
		}
		seconds[int(d/time.Second)]++
	}
	for s := 1; s <= 50; s++ {
		if n := seconds[s]; n < 60 || n > 145 {
			t.Errorf("second %d has %d of 5000", s, n)
		}
	}
}

func TestRehearsal(t *testing.T) {
	w := newFixture(t, nil)
	w.mustPost()
	got := w.author.Source.(*procurador).Rehearse(credential.Request{At: w.at})
	if !got.ExpiresAt.Equal(w.token.ExpiresAt) || !got.UsefulAfter.Equal(w.token.UsefulAfter) || fmt.Sprint(got.Limits) != fmt.Sprint(w.token.Limits) {
		t.Errorf("rehearsed %v, was %v", got, w.token)
	}
	if got := w.pair.Source.(*pair).Rehearse(credential.Request{At: w.at}); got.ExpiresAt.Sub(w.at) != time.Hour {
		t.Errorf("rehearsed %v", got)
	}
}

func TestProbes(t *testing.T) {
	w := newFixture(t, nil)
	for _, p := range []credential.Prober{w.pair.Source.(credential.Prober), w.author.Source.(credential.Prober)} {
		if err := p.Probe(t.Context()); err != nil {
			t.Error(err)
		}
		for name, want := range map[string]credential.Reason{"html": credential.ReasonBadResponse, "html-502": credential.ReasonServer, "redirect": credential.ReasonBadResponse, "throttled": credential.ReasonThrottled} {
			w.fault(name)
			wantFault(t, p.Probe(t.Context()), want, "")
		}
		if err := w.service.SetFault("drop", -1); err != nil {
			t.Fatal(err)
		}
		wantFault(t, p.Probe(t.Context()), credential.ReasonNetwork, "")
		_ = w.service.SetFault("", 0)
	}
	if c := w.service.Counts(); c.Sessions+c.Tokens != 0 {
		t.Errorf("counts %+v", c)
	}
}

// TestNothingIsShown looks for secrets in the text of a fault and in a printed
// credential.
func TestNothingIsShown(t *testing.T) {
	w := newFixture(t, nil)
	w.mustPost()
	text := fmt.Sprintf("%v %+v %#v", w.token, w.token, w.token)
	if data, err := json.Marshal(w.token); err == nil {
		text += string(data)
	}
	for _, secret := range []string{w.token.Values[fieldToken].Reveal(), "termoDeAutorizacao", w.session.Values[fieldJWT].Reveal()} {
		if strings.Contains(text, secret) {
			t.Error("a credential shows a secret")
		}
	}
}

// TestKnownExpiryGoesFirst is a repetition whose header disagrees with the 200,
// or states nothing.
func TestKnownExpiryGoesFirst(t *testing.T) {
	w := newFixture(t, func(s *emulator.Settings) { s.Expires = emulator.LocalAsGMT })
	w.mustPost()
	w.at = w.at.Add(10 * time.Minute)
	w.mustPost()
	if !w.token.ExpiresAt.Equal(brt("2026-03-11 00:00:01")) {
		t.Errorf("the header went before the body of the 200: %v", w.token.ExpiresAt.In(brasilia))
	}
	w.service.Configure(func(s *emulator.Settings) { s.Expires = emulator.WithoutHeader })
	w.at, w.skew = w.token.UsefulAfter, -time.Minute
	w.session = credential.Credential{}
	wantFault(t, w.post(), credential.ReasonBadResponse, "has expired")
}
