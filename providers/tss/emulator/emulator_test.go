package emulator_test

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/emulation"
	"github.com/vigented/vigente/providers/providertest"
	"github.com/vigented/vigente/providers/tss/emulator"
)

var _ emulation.Emulator = (*emulator.Emulator)(nil)

var acme = emulator.Identity{CNPJ: "53113791000122", IE: "111010945111", UF: "SP"}

const (
	message  = `{"empresa":{"cnpj":"53113791000122","tipopessoa":2,"ie":"111010945111","uf":"SP"}}`
	sample   = "eyJlbXByZXNhIjp7ImNucGoiOiI1MzExMzc5MTAwMDEyMiIsInRpcG9wZXNzb2EiOjIsImllIjoiMTExMDEwOTQ1MTExIiwidWYiOiJTUCJ9fQ=="
	negative = "{\n\"TOKEN\": \"\",\n\"error\": \" Mensagem JSON invalida \"\n}"
)

var positive = regexp.MustCompile(`\A\{\n"TOKEN": "([0-9a-f]{40})"\n\}\z`)

func base64Of(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// ask makes one request without a network. aborted means the connection was cut.
func ask(t testing.TB, e http.Handler, method, target string, headers ...string) (w *httptest.ResponseRecorder, aborted bool) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w = httptest.NewRecorder()
	defer func() {
		if p := recover(); p != nil {
			if p != http.ErrAbortHandler {
				panic(p)
			}
			aborted = true
		}
	}()
	e.ServeHTTP(w, r)
	return w, false
}

func renewal(param string) string { return "/rest/RestNewToken?JSON=" + url.QueryEscape(param) }

func TestSampleIsTheMessage(t *testing.T) {
	if base64Of(message) != sample {
		t.Errorf("the vendor's sample decodes to something else than %s", message)
	}
}

func TestRenewalForgetsTheOldToken(t *testing.T) {
	e := emulator.New(emulator.Options{})
	var tokens []string
	for _, target := range []string{
		renewal(sample),
		"/restnewtoken/?json=" + sample, // as the page prints it, and without case
		"/api/tss/RESTNEWTOKEN?x=1&Json=" + url.QueryEscape(sample),
	} {
		w, _ := ask(t, e, "GET", target)
		m := positive.FindStringSubmatch(w.Body.String())
		if w.Code != 200 || m == nil {
			t.Fatalf("%s: %d %q", target, w.Code, w.Body)
		}
		if e.Token(acme) != m[1] {
			t.Errorf("stored %q, answered %q", e.Token(acme), m[1])
		}
		for _, old := range append(tokens, "", "x") {
			if w, _ := ask(t, e, "POST", "/check", "CNPJ", "53.113.791/0001-22", "TOKEN", old); w.Code != 401 {
				t.Errorf("the dead token %q is taken", old)
			}
		}
		if w, _ := ask(t, e, "POST", "/check", "CNPJ", acme.CNPJ, "TOKEN", m[1]); w.Code != 200 {
			t.Errorf("valid token: got %d, want %d", w.Code, 200)
		}
		tokens = append(tokens, m[1])
	}
	if e.Renewals(acme) != 3 || e.Calls(acme) != 3 || e.Reads(acme) != 0 || e.Requests() != 3 {
		t.Errorf("%d renewals, %d calls, %d reads, %d requests", e.Renewals(acme), e.Calls(acme), e.Reads(acme), e.Requests())
	}
}

func TestReadingChangesNothing(t *testing.T) {
	e := emulator.New(emulator.Options{})
	if w, _ := ask(t, e, "GET", "/rest/RestGetToken?JSON="+url.QueryEscape(sample)); w.Body.String() != negative {
		t.Errorf("an unknown client: %d %q", w.Code, w.Body)
	}
	token := e.Renew(acme)
	for range 2 {
		w, _ := ask(t, e, "GET", "/rest/RestGetToken?JSON="+url.QueryEscape(sample))
		if w.Body.String() != "{\n\"TOKEN\": \""+token+"\"\n}" {
			t.Errorf("%d %q, the token is %q", w.Code, w.Body, token)
		}
	}
	if e.Reads(acme) != 3 || e.Renewals(acme) != 0 {
		t.Errorf("%d reads, %d renewals", e.Reads(acme), e.Renewals(acme))
	}
}

func TestRefusals(t *testing.T) {
	strict, lenient := emulator.Options{}, emulator.Options{Lenient: true}
	for _, c := range []struct {
		name   string
		opt    emulator.Options
		target string
		good   bool
	}{
		{"no parameter", strict, "/rest/RestNewToken", false},
		{"empty parameter", strict, "/rest/RestNewToken?JSON=", false},
		{"no base64", strict, renewal("%%%"), false},
		{"no JSON", strict, renewal(base64Of("hello")), false},
		{"array", strict, renewal(base64Of("[1]")), false},
		{"no empresa", strict, renewal(base64Of("{}")), false},
		{"empresa null", strict, renewal(base64Of(`{"empresa":null}`)), false},
		{"empresa no object", strict, renewal(base64Of(`{"empresa":"x"}`)), false},
		{"no cnpj", strict, renewal(base64Of(`{"empresa":{"tipopessoa":2,"ie":"1","uf":"SP"}}`)), false},
		{"empty cnpj", strict, renewal(base64Of(strings.Replace(message, "53113791000122", "", 1))), false},
		{"no uf", strict, renewal(base64Of(strings.Replace(message, `"SP"`, `""`, 1))), false},
		{"tipopessoa 3", strict, renewal(base64Of(strings.Replace(message, `a":2`, `a":3`, 1))), false},
		{"tipopessoa text", strict, renewal(base64Of(strings.Replace(message, `a":2`, `a":"2"`, 1))), false},
		{"no tipopessoa", strict, renewal(base64Of(strings.Replace(message, `"tipopessoa":2,`, ``, 1))), false},
		{"empty ie", strict, renewal(base64Of(strings.Replace(message, "111010945111", "", 1))), true},
		{"stray bits at the end", strict, renewal(strings.TrimSuffix(sample, "Q==") + "R=="), false},
		{"no padding", strict, renewal(strings.TrimRight(sample, "=")), false},
		{"no padding, lenient", lenient, renewal(strings.TrimRight(sample, "=")), true},
		{"plus as blank", strict, "/rest/RestNewToken?JSON=" + base64Of(`{">":1,"empresa":{"cnpj":"1","tipopessoa":1,"uf":"SP"}}`), false},
		{"plus as blank, lenient", lenient, "/rest/RestNewToken?JSON=" + base64Of(`{">":1,"empresa":{"cnpj":"1","tipopessoa":1,"uf":"SP"}}`), true},
	} {
		e := emulator.New(c.opt)
		before := e.Renew(acme)
		w, _ := ask(t, e, "GET", c.target)
		if got := positive.MatchString(w.Body.String()); got != c.good || w.Code != 200 || !c.good && w.Body.String() != negative {
			t.Errorf("%s: %d %q", c.name, w.Code, w.Body)
		}
		if !c.good && e.Token(acme) != before {
			t.Errorf("%s: the token has changed", c.name)
		}
	}
}

func TestInstallations(t *testing.T) {
	for _, c := range []struct {
		name         string
		opt          emulator.Options
		method, path string
		headers      []string
		status       int
		body         string
	}{
		{"other method", emulator.Options{}, "POST", renewal(sample), nil, 405, `{"errorCode":405,`},
		{"HEAD", emulator.Options{}, "HEAD", renewal(sample), nil, 405, ``},
		{"other method as 404", emulator.Options{OtherMethod: 404}, "DELETE", renewal(sample), nil, 404, `{"errorCode":404,`},
		{"another path", emulator.Options{}, "GET", "/rest/", nil, 404, `{"errorCode":404,`},
		{"negative as 400", emulator.Options{NegativeStatus: 400}, "GET", renewal(""), nil, 400, `"TOKEN": ""`},
		{"no login", emulator.Options{Username: "u", Password: "p"}, "GET", renewal(sample), nil, 401, `{"errorCode":401,`},
		{"wrong login", emulator.Options{Username: "u", Password: "p"}, "GET", renewal(sample), []string{"Authorization", "Basic " + base64Of("u:q")}, 401, ``},
		{"login", emulator.Options{Username: "u", Password: "p"}, "GET", renewal(sample), []string{"Authorization", "Basic " + base64Of("u:p")}, 200, `"TOKEN": "`},
		{"unknown fault asked for", emulator.Options{}, "GET", renewal(sample), []string{"X-Emulate", "flood"}, 400, `no fault flood`},
	} {
		w, _ := ask(t, emulator.New(c.opt), c.method, c.path, c.headers...)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.body) {
			t.Errorf("%s: %d %q", c.name, w.Code, w.Body)
		}
	}
}

// faultCase is how the server answers while a fault is set.
type faultCase struct {
	status  int
	body    string // a pattern of the whole body
	renewed bool
	cut     bool
}

func faultCases() map[string]faultCase {
	token := `[0-9a-f]{40}`
	return map[string]faultCase{
		"negative":                {200, regexp.QuoteMeta(negative), false, false},
		"negative-400":            {400, regexp.QuoteMeta(negative), false, false},
		"negative-500":            {500, regexp.QuoteMeta(negative), false, false},
		"error-cp1252-as-utf8":    {200, `(?s).*inv�lida.*`, false, false},
		"error-cp1252-unlabelled": {200, `(?s).*inv�lida.*`, false, false},
		"error-cp1252-bare":       {200, `(?s).*inv�lida.*`, false, false},
		"fault-401":               {401, `\{"errorCode":401,.*\}`, false, false},
		"fault-403":               {403, `\{"errorCode":403,.*\}`, false, false},
		"fault-404":               {404, `\{"errorCode":404,.*\}`, false, false},
		"fault-500":               {500, `\{"errorCode":500,.*\}`, false, false},
		"fault-503":               {503, `\{"errorCode":503,.*\}`, false, false},
		"fault-401-new":           {401, `\{"code":401,.*\}`, false, false},
		"fault-404-new":           {404, `\{"code":404,.*\}`, false, false},
		"fault-500-new":           {500, `\{"code":500,.*\}`, false, false},
		"throttled":               {429, `\{.*\}`, false, false},
		"throttled-date":          {429, `\{.*\}`, false, false},
		"html":                    {200, `(?s)<!DOCTYPE html>.*`, false, false},
		"html-502":                {502, `(?s)<!DOCTYPE html>.*`, false, false},
		"empty":                   {200, ``, false, false},
		"empty-500":               {500, ``, false, false},
		"redirect":                {302, ``, false, false},
		"delay":                   {200, `\{\n"TOKEN": "` + token + `"\n\}`, true, false},
		"hang":                    {200, ``, false, false},
		"hang-after":              {200, ``, true, false},
		"close-before":            {200, ``, false, true},
		"close-after":             {200, ``, true, true},
		"truncated":               {200, `\{\n"TOKEN": "[0-9a-f]*`, true, true},
		"cut-json":                {200, `\{\n"TOKEN": "[0-9a-f]*`, true, false},
		"drip":                    {200, `\{\n"TOKEN": "` + token + `"\n\}`, true, false},
		"huge":                    {200, `\{\n"TOKEN": "` + token + `",\n"padding": "x+"\n\}`, true, false},
		"compact":                 {200, `\{"TOKEN":"` + token + `"\}`, true, false},
		"bom":                     {200, "\ufeff" + `\{\n"TOKEN": "` + token + `"\n\}`, true, false},
		"padded":                  {200, `\r\n \x00\{\n"TOKEN": "` + token + `"\n\}\x00\x00  \r\n`, true, false},
		"key-title":               {200, `\{\n"Token": "` + token + `"\n\}`, true, false},
		"key-lower":               {200, `\{\n"token": "` + token + `"\n\}`, true, false},
		"both":                    {200, `\{\n"TOKEN": "` + token + `",\n"error": " Mensagem JSON invalida "\n\}`, true, false},
		"token-null":              {200, `\{\n"TOKEN": null\n\}`, true, false},
		"token-number":            {200, `\{\n"TOKEN": 42\n\}`, true, false},
		"token-empty":             {200, `\{\n"TOKEN": ""\n\}`, true, false},
		"token-39":                {200, `\{\n"TOKEN": "[0-9a-f]{39}"\n\}`, true, false},
		"token-41":                {200, `\{\n"TOKEN": "[0-9a-f]{41}"\n\}`, true, false},
		"token-upper":             {200, `\{\n"TOKEN": "[0-9A-F]{40}"\n\}`, true, false},
		"token-crlf":              {200, `\{\n"TOKEN": "` + token + `\\r\\n\[X\]"\n\}`, true, false},
		"token-semicolon":         {200, `\{\n"TOKEN": "` + token + `;"\n\}`, true, false},
		"same-token":              {200, `\{\n"TOKEN": "` + token + `"\n\}`, false, false},
		"stale-read":              {200, `\{\n"TOKEN": "` + token + `"\n\}`, true, false},
		"clock-ahead":             {200, `\{\n"TOKEN": "` + token + `"\n\}`, true, false},
		"clock-behind":            {200, `\{\n"TOKEN": "` + token + `"\n\}`, true, false},
	}
}

// TestFaults sets each fault once and checks the answer and the row. The third column of a
// line says whether the old token must be revoked.
func TestFaults(t *testing.T) {
	cases := faultCases()
	for _, f := range emulator.New(emulator.Options{}).Faults() {
		want, ok := cases[f.Name]
		if !ok || f.Help == "" {
			t.Errorf("the fault %q has no test or no help", f.Name)
			continue
		}
		delete(cases, f.Name)
		t.Run(f.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := emulator.New(emulator.Options{})
				old := e.Renew(acme)
				if err := e.SetFault(f.Name, 1); err != nil {
					t.Fatal(err)
				}
				ctx, stop := context.WithTimeout(t.Context(), time.Hour)
				defer stop()
				w := httptest.NewRecorder()
				cut := false
				func() {
					defer func() { cut = recover() == http.ErrAbortHandler }()
					e.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", renewal(sample), nil))
				}()
				if w.Code != want.status || cut != want.cut {
					t.Errorf("status %d, cut %v", w.Code, cut)
				}
				body := strings.ToValidUTF8(w.Body.String(), "�")
				if !regexp.MustCompile(`\A(?:` + want.body + `)\z`).MatchString(body) {
					t.Errorf("body %.200q is not %s", body, want.body)
				}
				if renewed := e.Token(acme) != old; renewed != want.renewed {
					t.Errorf("old token revoked: got %v, want %v", renewed, want.renewed)
				}
				if e.Calls(acme) != 1 {
					t.Errorf("%d calls counted", e.Calls(acme))
				}
				again, _ := ask(t, e, "GET", renewal(sample))
				if !positive.MatchString(again.Body.String()) {
					t.Errorf("the fault came twice: %q", again.Body)
				}
			})
		})
	}
	for name := range cases {
		t.Errorf("the fault %q is tested but not listed", name)
	}
}

func TestFaultDetails(t *testing.T) {
	e := emulator.New(emulator.Options{RetryAfter: 90 * time.Second})
	w, _ := ask(t, e, "GET", renewal(sample), "X-Emulate", "throttled")
	if w.Header().Get("Retry-After") != "90" {
		t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
	}
	w, _ = ask(t, e, "GET", renewal(sample)+"&emulate=throttled-date")
	if at, err := http.ParseTime(w.Header().Get("Retry-After")); err != nil || time.Until(at) > 91*time.Second || time.Until(at) < 60*time.Second {
		t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
	}
	for name, ahead := range map[string]time.Duration{"clock-ahead": time.Hour, "clock-behind": -time.Hour} {
		w, _ = ask(t, e, "GET", renewal(sample), "X-Emulate", name)
		if at, err := http.ParseTime(w.Header().Get("Date")); err != nil || (time.Until(at)-ahead).Abs() > time.Minute {
			t.Errorf("%s: Date %q", name, w.Header().Get("Date"))
		}
	}
	for name, want := range map[string][]string{
		"error-cp1252-as-utf8":    {"application/json; charset=utf-8"},
		"error-cp1252-unlabelled": nil,
		"error-cp1252-bare":       {"charset=cp1252"},
	} {
		w, _ = ask(t, e, "GET", renewal(sample), "X-Emulate", name)
		if got := w.Header().Values("Content-Type"); !slices.Equal(got, want) || !strings.Contains(w.Body.String(), "inv\xe1lida") {
			t.Errorf("%s: %q %q", name, got, w.Body)
		}
	}
	w, _ = ask(t, e, "GET", renewal(sample), "X-Emulate", "redirect")
	before := e.Token(acme)
	if ask(t, e, "GET", w.Header().Get("Location")); e.Token(acme) == before {
		t.Errorf("following %q renews nothing", w.Header().Get("Location"))
	}
}

func TestSameTokenAndStaleRead(t *testing.T) {
	e := emulator.New(emulator.Options{})
	first := e.Renew(acme)
	set(t, e, "same-token", -1)
	for range 2 {
		if w, _ := ask(t, e, "GET", renewal(sample)); !strings.Contains(w.Body.String(), first) {
			t.Errorf("%q, expected %q", w.Body, first)
		}
	}
	if e.Renewals(acme) != 0 {
		t.Errorf("%d renewals", e.Renewals(acme))
	}
	set(t, e, "", 0)
	second := e.Renew(acme)
	set(t, e, "stale-read", 1)
	for _, want := range []string{first, second} {
		if w, _ := ask(t, e, "GET", "/rest/RestGetToken?JSON="+url.QueryEscape(sample)); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q, expected %q", w.Body, want)
		}
	}
	if e.Token(acme) != second {
		t.Error("a stale read changed the row")
	}
}

func TestSetFault(t *testing.T) {
	e := emulator.New(emulator.Options{})
	status := func() int { w, _ := ask(t, e, "GET", renewal(sample)); return w.Code }
	if err := e.SetFault("flood", 1); err == nil || !strings.Contains(err.Error(), "flood") {
		t.Errorf("an unknown fault: %v", err)
	}
	set(t, e, "fault-500", 2)
	if a, b, c := status(), status(), status(); a != 500 || b != 500 || c != 200 {
		t.Errorf("twice: %d %d %d", a, b, c)
	}
	set(t, e, "fault-500", -1)
	for range 5 {
		if s := status(); s != 500 {
			t.Errorf("fault until cleared: got %d, want %d", s, 500)
		}
	}
	set(t, e, "fault-500", 0)
	if s := status(); s != 200 {
		t.Errorf("after clearing faults: got %d, want %d", s, 200)
	}
	set(t, e, "fault-500", 3)
	set(t, e, "fault-404", 3)
	set(t, e, "", 0)
	if s := status(); s != 200 {
		t.Errorf("after clearing all faults: got %d, want %d", s, 200)
	}
}

func TestLatencyEndsWithTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := emulator.New(emulator.Options{Latency: time.Minute})
		began := time.Now()
		if ask(t, e, "GET", renewal(sample)); time.Since(began) != time.Minute || e.Renewals(acme) != 1 {
			t.Errorf("after %v, %d renewals", time.Since(began), e.Renewals(acme))
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		began = time.Now()
		e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", renewal(sample), nil))
		if time.Since(began) != time.Second || e.Renewals(acme) != 1 {
			t.Errorf("after %v, %d renewals", time.Since(began), e.Renewals(acme))
		}
	})
}

func TestCheckTakesAHeadInTheMessage(t *testing.T) {
	e := emulator.New(emulator.Options{})
	token := e.Renew(acme)
	for body, want := range map[string]int{
		`{"cnpj":"53113791000122","token":"` + token + `"}`:                         200,
		`{"cabecalho":{"CNPJ":"53.113.791/0001-22","TOKEN":"` + token + `"},"x":1}`: 200,
		`{"cabecalho":{"CNPJ":"11222333000181","TOKEN":"` + token + `"}}`:           401,
		`{"cabecalho":{"CNPJ":"53113791000122","TOKEN":""}}`:                        401,
		`[]`: 401,
		``:   401,
	} {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/check", strings.NewReader(body)))
		if w.Code != want {
			t.Errorf("%s: %d, expected %d", body, w.Code, want)
		}
	}
}

// TestConcurrentUse is for the race detector: clients, faults and inspection at the same
// time, over connections.
func TestConcurrentUse(t *testing.T) {
	e := emulator.New(emulator.Options{})
	n := providertest.Serve(t, e)
	// Without OneShot, net/http would retry after a cut connection, which would show
	// in the counts.
	client := &http.Client{Transport: n.Transport(providers.TransportOptions{OneShot: true})}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 20 {
				req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://tss.example"+renewal(sample), nil)
				if resp, err := client.Do(req); err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
				set(t, e, []string{"truncated", "close-before", ""}[i%3], i%2)
				e.Renew(acme)
				e.Token(acme)
			}
		})
	}
	all.Wait()
	if e.Requests() != 160 || e.Calls(acme) != 160 {
		t.Errorf("%d requests, %d calls", e.Requests(), e.Calls(acme))
	}
}

func set(t testing.TB, e *emulator.Emulator, name string, times int) {
	t.Helper()
	if err := e.SetFault(name, times); err != nil {
		t.Error(err)
	}
}
