package integracontador

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/providertest"
)

// recorded returns every recorded answer of a folder.
func recorded(t testing.TB, folder string) map[string]*exchange.Answer {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", folder, "*.http"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no recorded answers in %s: %v", folder, err)
	}
	all := map[string]*exchange.Answer{}
	for _, name := range names {
		all[name] = providertest.Recorded(t, name, noon)
	}
	return all
}

// checkFault checks what holds for every fault, whatever a server wrote.
func checkFault(t *testing.T, f *credential.Fault) {
	t.Helper()
	if !slices.Contains(credential.Reasons[:], f.Reason) || f.Message == "" || strings.ContainsAny(f.Message, "\r\n") {
		t.Errorf("fault %+v", f)
	}
	if strings.Contains(f.Message+f.Code, "CANARY") {
		t.Errorf("the fault repeats the answer: %q %q", f.Code, f.Message)
	}
	if f.StaleInput != "" && f.Reason.Parks() {
		t.Errorf("a stale session parks: %+v", f)
	}
}

// FuzzLogin feeds any answer of the login to the provider.
func FuzzLogin(f *testing.F) {
	for _, a := range recorded(f, "login") {
		f.Add(a.Status, a.Header.Get("Content-Type"), a.Body)
	}
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		a := &exchange.Answer{Status: status, Header: http.Header{"Content-Type": {contentType}}, Body: body, ReceivedAt: noon}
		if fault := classifyLogin(a); fault != nil {
			checkFault(t, fault)
			return
		}
		if !a.OK() {
			t.Fatalf("status %d is taken for a success", status)
		}
		got, fault := readPair(a, noon)
		if fault != nil {
			checkFault(t, fault)
			return
		}
		access, jwt := got.Values[fieldAccessToken].Reveal(), got.Values[fieldJWT].Reveal()
		if access == "" || jwt == "" || !exchange.HeaderText(access+jwt) || got.Values[fieldAuthorization].Reveal() != "Bearer "+access {
			t.Errorf("got an unusable pair: %q %q", access, jwt)
		}
		if !got.ExpiresAt.IsZero() && !got.ExpiresAt.After(noon) {
			t.Errorf("expires %v", got.ExpiresAt)
		}
	})
}

// FuzzApoiar feeds any answer to a Termo, stored or new, with or without a known
// token.
func FuzzApoiar(f *testing.F) {
	for _, a := range recorded(f, "apoiar") {
		f.Add(a.Status, a.Header.Get("Content-Type"), a.Header.Get("ETag"), a.Header.Get("Expires"), a.Body, false, false)
	}
	const uuid = "ab87df0b-6d08-3d78-13d2-d474b90b05f3"
	f.Add(304, "", uuid, "Tue, 10 Mar 2026 14:00:00 GMT", []byte{}, true, true)
	f.Fuzz(func(t *testing.T, status int, contentType, etag, expires string, body []byte, stored, known bool) {
		a := &exchange.Answer{Status: status, Header: http.Header{"Content-Type": {contentType}, "Etag": {etag}, "Expires": {expires}}, Body: body, ReceivedAt: noon}
		q := asked{at: noon, session: "sessao", signed: document{file: []byte("x"), content: "c", signedOn: "20260309", lastDay: "20270309", stored: stored}}
		if known {
			q.previous = q.credential(uuid, noon.Add(-1), source200)
		}
		got, fault := readApoiar(a, q)
		if fault != nil {
			checkFault(t, fault)
			if fault.SeedSpent && !stored {
				t.Error("a Termo that was signed just now is spent")
			}
			return
		}
		if status != 200 && status != 304 {
			t.Fatalf("status %d is taken for a success", status)
		}
		if token := got.Values[fieldToken].Reveal(); token == "" || !exchange.HeaderText(token) {
			t.Errorf("token %q", token)
		}
		if !got.ExpiresAt.After(noon) || got.ExpiresAt.Year() > 9000 || got.Seed[seedFile].IsZero() {
			t.Errorf("expires %v", got.ExpiresAt)
		}
	})
}

// FuzzDates parses any text as either form of date.
func FuzzDates(f *testing.F) {
	for _, text := range []string{
		"2026-03-11T00:00:01", "2022-08-12T16:38:02.4163946-03:00", "Sat, 15 Oct 2022 00:00:01 GMT", "sab, 15 out 2022 21:10:49 GMT",
		"sáb, 31 fev 2026 00:00:00 GMT", "dom, 1 dez 2026 24:00:00 GMT", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, read := range []func(string) (at timeOf, ok bool){parseLocal, parseExpires} {
			if at, ok := read(text); ok && (at.Year() < 1990 || at.Year() > 9000) {
				t.Errorf("%q is read as %v", text, at)
			}
		}
	})
}

// FuzzCode parses any text as a code, and any as an etag.
func FuzzCode(f *testing.F) {
	for _, text := range []string{"[AcessoNegado-AUTENTICAPROCURADOR-013]", "ICGERENCIADOR-44", `W/"autenticar_procurador_token:ab87df0b-6d08-3d78-13d2-d474b90b05f3"`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if c, ok := parseCode(text); ok && (len(c.number) != 3 || c.module != moduleTermo && c.module != moduleManager) {
			t.Errorf("%q is read as %v", text, c)
		}
		if token, ok := etagToken(text); ok && !isUUID(token) {
			t.Errorf("%q is read as %q", text, token)
		}
	})
}
