package arqged

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/providertest"
)

// testAt is the time at which the recorded answers were made.
var testAt = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// login logs in at an emulator directly and returns the status.
func login(t testing.TB, e http.Handler) int {
	t.Helper()
	body, err := json.Marshal(map[string]any{"username": testUser, "password": testPassword, "tempoExpiracao": 7200, "utilizacaoUnica": false})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/Autenticacao/Login", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("SubscriptionKey", testKey1)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Code
}

// recorded reads one recorded answer.
func recorded(t testing.TB, name string) *exchange.Answer {
	t.Helper()
	return providertest.Recorded(t, "testdata/"+name+".http", testAt)
}

// answerOf returns an answer of status 200 with headers given in pairs.
func answerOf(status int, body string, headers ...string) *exchange.Answer {
	a := &exchange.Answer{Status: status, Header: http.Header{}, Body: []byte(body), ReceivedAt: testAt}
	for i := 0; i < len(headers); i += 2 {
		a.Header.Set(headers[i], headers[i+1])
	}
	return a
}

// direct calls a handler without a network.
type direct struct{ http.Handler }

// RoundTrip answers the request, or fails like an aborted connection.
func (d direct) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			if p != http.ErrAbortHandler {
				panic(p)
			}
			resp, err = nil, io.ErrUnexpectedEOF
		}
	}()
	in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), r.Body)
	in.Header = r.Header
	w := httptest.NewRecorder()
	d.ServeHTTP(w, in)
	if r.Context().Err() != nil {
		return nil, r.Context().Err()
	}
	return w.Result(), nil
}

// env provides a transport that leads to h, and notes warnings.
func env(h http.Handler, warnings *[]string) providers.Env {
	return providers.Env{
		Transport: func(providers.TransportOptions) http.RoundTripper { return direct{h} },
		Location:  time.UTC,
		Warn: func(text string) {
			if warnings != nil {
				*warnings = append(*warnings, text)
			}
		},
	}
}

// opened is one configuration, opened.
type opened struct {
	source   *source
	binding  providers.Binding
	faults   []string
	warnings []string
}

// files are the secrets of the tests.
func files(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"password": testPassword, "key1": testKey1, "key2": testKey2, "two-lines": "a\nb", "blank": "a b", "user": testUser,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// open opens both tables and returns the result.
func openAll(t testing.TB, h http.Handler, provider, cred string) opened {
	t.Helper()
	dir := files(t)
	read := func(path, text string) *section.Section {
		s, err := section.Parse(path, strings.ReplaceAll(text, "{dir}", dir))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	var o opened
	p := read("providers.ged", provider)
	b := open(p, env(h, &o.warnings))
	for _, f := range p.Finish() {
		o.faults = append(o.faults, f.Key+": "+f.Message)
	}
	if b == nil {
		return o
	}
	c := read("credentials.ged", cred)
	o.binding = b.Bind(c)
	o.source, _ = o.binding.Source.(*source)
	for _, f := range c.Finish() {
		o.faults = append(o.faults, f.Key+": "+f.Message)
	}
	return o
}

const (
	leastProvider = `
		url = "https://arqged.example"
		username = "` + testUser + `"
		password = { file = "{dir}/password" }
	`
	withKeys = leastProvider + `
		subscription_keys = [{ file = "{dir}/key1" }, { file = "{dir}/key2" }]
	`
)

// sound opens a configuration that must be valid.
func sound(t testing.TB, h http.Handler, provider, cred string) opened {
	t.Helper()
	o := openAll(t, h, provider, cred)
	if len(o.faults) > 0 || o.source == nil {
		t.Fatalf("the configuration was refused: %q", o.faults)
	}
	return o
}
