package http

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/providertest"
)

const testSecret = "p4ss+word/="

func suite() providertest.Suite {
	return providertest.Suite{
		Kind:     Kind(),
		Provider: `url = "https://portal.example/api?tenant=1"`,
		Credential: `
			path = "/login"
			json = { user = "ana", password = { file = "{dir}/secret" } }
			fields = { token = "json:/data/token", user = "header:X-User" }
			expires = "json:/data/expires_in"
			errors = [{ json = "/code", is = "X12", reason = "rejected" }, { status = 418, reason = "server" }]
		`,
		Files:   map[string]string{"secret": testSecret + "\n"},
		Answers: "testdata/answers",
		Secrets: []string{testSecret},
		OneShot: true,
		Backend: func() http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var body struct{ User, Password string }
				data, _ := io.ReadAll(r.Body)
				if json.Unmarshal(data, &body) != nil || body.Password != testSecret || r.URL.RequestURI() != "/api/login?tenant=1" {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				w.Header().Set("X-User", body.User)
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"data":{"token":"t0ken","expires_in":600}}`)
			})
		},
	}
}

func TestContract(t *testing.T) { providertest.Run(t, suite()) }

func TestReadmeNamesEveryReason(t *testing.T) {
	providertest.ReadmeNamesEveryReason(t, "testdata/answers/*.http")
}

// opened binds a credential of a provider at https://portal.example.
func opened(t testing.TB, env providers.Env, provider, cred string) (providers.Binding, []section.Fault) {
	t.Helper()
	p, err := section.Parse("providers.p", provider)
	if err != nil {
		t.Fatal(err)
	}
	b := open(p, env)
	c, err := section.Parse("credentials.c", cred)
	if err != nil {
		t.Fatal(err)
	}
	bound := b.Bind(c)
	return bound, append(p.Finish(), c.Finish()...)
}

// TestRequestIsWhatIsWritten checks the whole request of each form.
func TestRequestIsWhatIsWritten(t *testing.T) {
	t.Setenv("SECRET", `a"b&c`)
	inputs := map[string]credential.Credential{"one": {Values: map[string]credential.Secret{"token": credential.NewSecret("x y/ç")}}}
	for _, c := range []struct{ name, keys, line, headers, body string }{
		{"nothing but the url", ``, "POST /api?tenant=1", "", ""},
		{"path with a query", `path = "login?a=1"`, "POST /api/login?tenant=1&a=1", "", ""},
		{"value in the path", "path = \"/u/${one.token}?t=${one.token}\"\nsecrets_in_url = true", "POST /api/u/x%20y%2F%C3%A7?tenant=1&t=x%20y%2F%C3%A7", "", ""},
		{"form", `form = { b = "${one.token}", a = { env = "SECRET" }, n = 3 }`, "POST /api?tenant=1", "Content-Type: application/x-www-form-urlencoded", "b=x+y%2F%C3%A7&a=a%22b%26c&n=3"},
		{"json", `json = { z = "$${x} ${one.token}", s = { env = "SECRET" }, n = 1_000, f = -1.50, t = true, l = [1, ["a"], {}], e = {} }`, "POST /api?tenant=1", "Content-Type: application/json", `{"z":"${x} x y/ç","s":"a\"b&c","n":1000,"f":-1.50,"t":true,"l":[1,["a"],{}],"e":{}}`},
		{"body", `body = "<t>${one.token}</t>"`, "POST /api?tenant=1", "", "<t>x y/ç</t>"},
		{"method and headers", "method = \"GET\"\nheaders = { X-Far = \"near\", Accept = \"application/json\" }", "GET /api?tenant=1", "X-Far: near\nX-Far-Too: 1\nAccept: application/json", ""},
		{"basic", `basic = { username = "ana", password = { env = "SECRET" } }`, "POST /api?tenant=1", "Authorization: Basic YW5hOmEiYiZj", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var line, body string
				var headers http.Header
				n := providertest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					data, _ := io.ReadAll(r.Body)
					line, body, headers = r.Method+" "+r.URL.RequestURI(), string(data), r.Header
					_, _ = io.WriteString(w, "t")
				}))
				b, faults := opened(t, n.Env(), "url = \"https://portal.example/api?tenant=1\"\nheaders = { x-far = \"far\", X-Far-Too = \"1\" }", c.keys+"\nfields = { token = \"text\" }")
				if len(faults) > 0 {
					t.Fatal(faults)
				}
				if _, err := b.Source.Refresh(t.Context(), credential.Request{At: time.Now(), Inputs: inputs}); err != nil {
					t.Fatal(err)
				}
				if line != c.line || body != c.body {
					t.Errorf("sent %s with %q, want %s with %q", line, body, c.line, c.body)
				}
				for want := range strings.Lines(c.headers) {
					name, value, _ := strings.Cut(strings.TrimSpace(want), ": ")
					if got := headers.Get(name); got != value {
						t.Errorf("%s: %q, want %q", name, got, value)
					}
				}
			})
		})
	}
}

func TestHeadersThatCannotCarryAValue(t *testing.T) {
	n := providertest.Serve(t, http.NotFoundHandler())
	b, faults := opened(t, n.Env(), `url = "https://portal.example"`, "headers = { X-T = \"${one.token}\" }\nfields = { token = \"text\" }")
	if len(faults) > 0 || len(b.Needs) != 1 {
		t.Fatal(faults, b.Needs)
	}
	inputs := map[string]credential.Credential{"one": {Values: map[string]credential.Secret{"token": credential.NewSecret("canary-ç")}}}
	_, err := b.Source.Refresh(t.Context(), credential.Request{Inputs: inputs})
	if f := credential.AsFault(err); err == nil || f.Reason != credential.ReasonInvalidRequest || n.Calls() > 0 || strings.Contains(f.Message, "canary") {
		t.Errorf("got %v after %d calls, want invalid_request without a call", err, n.Calls())
	}
}

func TestSources(t *testing.T) {
	nested := `{"a":{"b/c":["x",{"n":1.50,"t":true}]},"s":"{\"t\":\"in\"}","":"empty key","o":{},"z":null,"e":""}`
	latin := "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><s:a xmlns:s=\"u\"><b id=\"7\">caf\xe9</b></s:a>"
	for _, c := range []struct{ source, body, want string }{
		{"json:/a/b~1c/0", nested, "x"},
		{"json:/a/b~1c/1/n", nested, "1.50"},
		{"json:/a/b~1c/1/t", nested, "true"},
		{"json:/s /t", nested, "in"},
		{"json:/s json:/t", nested, "in"},
		{"json:/", nested, "empty key"},
		{"json:", `"bare"`, "bare"},
		{"json:/o", nested, ""},
		{"json:/z", nested, ""},
		{"json:/e", nested, ""},
		{"json:/a/b~1c/9", nested, ""},
		{"json:/a/b~1c/x", nested, ""},
		{"json:/s/t", nested, ""},
		{"json:/a", "{", ""},
		{"header:x-a", "", "head"},
		{"header:x-none", "", ""},
		{"cookie:SID", "", "c1"},
		{"cookie:sid", "", ""},
		{"text", " \r\n t k \n", "t k"},
		{"text", " ", ""},
		{"regexp:token=(\\w+)", "a token=abc;", "abc"},
		{"regexp:token=(\\w*)", "a token=;", ""},
		{"xml:/a/b", latin, "café"},
		{"xml:/a/@id", latin, ""},
		{"xml:/a/b/@id", latin, "7"},
		{"xml:/a/c", latin, ""},
		{"xml:/a/b", "<a><b>x</b>", ""},
	} {
		p, err := sourceOf(c.source)
		if err != nil {
			t.Errorf("%s: %v", c.source, err)
			continue
		}
		a := &exchange.Answer{Status: 200, Body: []byte(c.body), Header: http.Header{"X-A": {"head"}, "Set-Cookie": {"SID=c1; HttpOnly"}}}
		if got, ok := p.find(a); got != c.want && ok || ok != (c.want != "") {
			t.Errorf("%s of %s: got %q, %v, want %q", c.source, c.body, got, ok, c.want)
		}
	}
	for _, wrong := range []string{"", "json:a", "json", "header:", "regexp:(", "regexp:a", "regexp:(a)(b)", "xml:a", "xml:/", "body", "Text"} {
		if wrong == "json" {
			continue // the whole document
		}
		if _, err := sourceOf(wrong); err == nil {
			t.Errorf("%q parsed as a source, want an error", wrong)
		}
	}
}

func TestEnds(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	sampa := time.FixedZone("", -3*60*60)
	for _, c := range []struct {
		form, value string
		want        time.Time
		unread      bool
	}{
		{"seconds", `600`, at.Add(10 * time.Minute), false},
		{"seconds", `"600.0"`, at.Add(10 * time.Minute), false},
		{"seconds", fmt.Sprint(at.Add(time.Hour).Unix()), time.Time{}, true},
		{"milliseconds", fmt.Sprint(at.Add(time.Hour).UnixMilli()), time.Time{}, true},
		{"milliseconds", "7776000000", at.Add(90 * 24 * time.Hour), false},
		{"seconds", `0`, time.Time{}, true},
		{"seconds", `"600s"`, time.Time{}, true},
		{"seconds", `{}`, time.Time{}, true},
		{"seconds", `""`, time.Time{}, true},
		{"seconds", `null`, time.Time{}, false},
		{"milliseconds", `600000`, at.Add(10 * time.Minute), false},
		{"epoch", `1772370000`, at.Add(time.Hour), false},
		{"epoch", `"x"`, time.Time{}, true},
		{"rfc3339", `"2026-03-01T10:00:00-03:00"`, at.Add(time.Hour), false},
		{"rfc3339", `"2026-03-01"`, time.Time{}, true},
		{"02/01/2006 15:04", `"01/03/2026 10:00"`, at.Add(time.Hour), false},
		{"jwt", `"e30.eyJleHAiOjE3NzIzNzAwMDB9.c"`, at.Add(time.Hour), false},
		{"jwt", `"opaque"`, time.Time{}, true},
	} {
		p, err := sourceOf("json:/e")
		if err != nil {
			t.Fatal(err)
		}
		r := answers{end: p, endAt: "json:/e", endForm: c.form, zone: sampa}
		got := r.readEnd(&exchange.Answer{Status: 200, Body: []byte(`{"e":` + c.value + `}`)}, at)
		if !got.At.Equal(c.want) || (got.Unread != "") != c.unread {
			t.Errorf("%s of %s: got %v, unread %q, want %v", c.form, c.value, got.At, got.Unread, c.want)
		}
	}
}

func TestRows(t *testing.T) {
	_, faults := opened(t, providertest.Serve(t, http.NotFoundHandler()).Env(), `url = "https://portal.example"`, `fields = { token = "text" }`)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	s, err := section.Parse("credentials.c", `errors = [
		{ status = 429, reason = "rejected" },
		{ status = 400, json = "/a", is = "1", reason = "rejected" },
		{ json = "/wait", reason = "throttled" },
	]`)
	if err != nil {
		t.Fatal(err)
	}
	r := answers{rows: readErrors(s)}
	for _, c := range []struct {
		status int
		body   string
		want   credential.Reason
	}{
		{429, `{}`, credential.ReasonRejected},
		{400, `{"a":1}`, credential.ReasonRejected},
		{400, `{"a":"2"}`, credential.ReasonInvalidRequest},
		{200, `{"wait":"x"}`, credential.ReasonThrottled},
		{400, `{"a":"2","wait":3}`, credential.ReasonThrottled},
		{200, `{}`, ""},
		{400, `<html>`, credential.ReasonBadResponse},
		{503, `<html>`, credential.ReasonServer},
	} {
		f := r.classify(&exchange.Answer{Status: c.status, Body: []byte(c.body)})
		if got := reasonOf(f); got != c.want {
			t.Errorf("%d %s: got %q, want %q", c.status, c.body, got, c.want)
		}
	}
}

func reasonOf(f *credential.Fault) credential.Reason {
	if f == nil {
		return ""
	}
	return f.Reason
}

func TestFaultsOfTheConfiguration(t *testing.T) {
	env := providertest.Serve(t, http.NotFoundHandler()).Env()
	for _, c := range []struct{ keys, want string }{
		{``, "fields: is missing"},
		{`fields = {}`, "fields: is empty"},
		{`fields = { token = "body" }`, "fields.token: is not a source"},
		{`fields = { expires_at = "text" }`, "fields.expires_at: is not the name of a field"},
		{"fields = { t = \"text\" }\npath = \"/x/${a.token}\"", "path: puts a secret into the URL"},
		{"fields = { t = \"text\" }\npath = \"/x#y\"", "path: holds a blank or a #"},
		{"fields = { t = \"text\" }\nform = {}\nbody = \"x\"", "body: cannot be combined with another body"},
		{"fields = { t = \"text\" }\nmethod = \"post\"", "method: is not a method"},
		{"fields = { t = \"text\" }\nheaders = { Content-Length = \"1\" }", "headers.Content-Length: is set by vigente itself"},
		{"fields = { t = \"text\" }\nbasic = { username = \"a\", password = \"plain\" }", "basic.password: is a plain string"},
		{"fields = { t = \"text\" }\nbasic = { username = \"a:b\" }", "basic.username: holds a colon"},
		{"fields = { t = \"text\" }\nexpires = \"text\"\nexpires_form = \"soon\"", "expires_form: is not a form"},
		{"fields = { t = \"text\" }\nerrors = [{ status = 400, reason = \"lost\" }]", "errors.0.reason: \"lost\" is not a reason"},
		{"fields = { t = \"text\" }\nerrors = [{ reason = \"server\" }]", "errors.0.status: is missing"},
		{"fields = { t = \"text\" }\nnonsense = 1", "nonsense: unknown key"},
	} {
		_, faults := opened(t, env, `url = "https://portal.example"`, c.keys)
		found := false
		for _, f := range faults {
			found = found || strings.Contains(f.Key+": "+f.Message, c.want)
		}
		if !found {
			t.Errorf("%q: got %v, want %q", c.keys, faults, c.want)
		}
	}
}

// TestReadmeBlocksShowEveryKey loads both blocks of configuration in the README, and
// requires every key of the kind in one of them.
func TestReadmeBlocksShowEveryKey(t *testing.T) {
	providertest.ReadmeBlocks(t, providertest.Readme{Kind: Kind(), Env: providertest.Serve(t, http.NotFoundHandler()).Env(), Blocks: 2})
}

func FuzzSources(f *testing.F) {
	f.Add("json:/a/b", `{"a":{"b":"x"}}`)
	f.Add("xml:/a/b", "<a><b>x</b></a>")
	f.Add("regexp:t=(.*)", "t=x")
	f.Add("json:/a /b", `{"a":"{\"b\":1}"}`)
	f.Add("cookie:A", "")
	f.Fuzz(func(t *testing.T, source, body string) {
		p, err := sourceOf(source)
		if err != nil {
			return
		}
		a := &exchange.Answer{Status: 200, Body: []byte(body), Header: http.Header{}}
		got, ok := p.find(a)
		if again, same := p.find(a); again != got || same != ok {
			t.Errorf("%s finds %q and then %q", source, got, again)
		}
		if ok && got == "" {
			t.Errorf("%s finds an empty value", source)
		}
		r := answers{fields: []field{{"token", source, p}}, end: p, endAt: source, endForm: formSeconds, zone: time.UTC}
		c, fault := r.read(a, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
		if (fault == nil) != (len(c.Values) > 0) {
			t.Errorf("both or none of a credential and a fault: %v", fault)
		}
		if fault != nil && len(body) > 8 && strings.Contains(fault.Message, body) {
			t.Errorf("the fault repeats the body: %s", fault.Message)
		}
	})
}
