package tss

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
)

// opened is the result of a configuration.
type opened struct {
	binding  providers.Binding
	faults   []string
	warnings []string
	asked    []providers.TransportOptions
}

// configure opens a provider and, if that succeeds, binds a credential.
func configure(t testing.TB, provider, cred string) opened {
	t.Helper()
	var o opened
	env := providers.Env{
		Transport: func(opt providers.TransportOptions) http.RoundTripper {
			o.asked = append(o.asked, opt)
			return http.DefaultTransport
		},
		Warn: func(m string) { o.warnings = append(o.warnings, m) },
	}
	note := func(s *section.Section) {
		for _, f := range s.Finish() {
			o.faults = append(o.faults, f.Key+": "+f.Message)
		}
	}
	s, err := section.Parse("providers.online", provider)
	if err != nil {
		t.Fatal(err)
	}
	backend := Kind().Open(s, env)
	note(s)
	if backend == nil {
		return o
	}
	c, err := section.Parse("credentials.loja", cred)
	if err != nil {
		t.Fatal(err)
	}
	o.binding = backend.Bind(c)
	note(c)
	return o
}

const goodURL = `url = "https://tss.example/rest/RestNewToken"`

func TestFaults(t *testing.T) {
	t.Setenv("TSS_TEST_PASSWORD", "CANARY")
	const password = "\npassword = { env = \"TSS_TEST_PASSWORD\" }"
	for _, c := range []struct{ provider, credential, fault string }{
		{``, ``, "providers.online.url: is missing"},
		{`url = ""`, ``, "providers.online.url: is empty"},
		{`url = "https://u:CANARY@tss.example/"`, ``, "providers.online.url: contains a user name"},
		{`url = "https://tss.example/rest/RestNewToken?JSON=CANARY"`, ``, "providers.online.url: contains a query"},
		{`url = "https://tss.example/rest/RestGetToken"`, ``, "providers.online.url: is that of RestGetToken"},
		{`url = "https://tss.example/rest/restgettoken/"`, ``, "providers.online.url: is that of RestGetToken"},
		{goodURL + "\nread_url = \"https://tss.example/rest/RESTNEWTOKEN\"", ``, "providers.online.read_url: is that of RestNewToken"},
		{"url = \"https://tss.example/x\"\nread_url = \"https://TSS.example:443/x/\"", ``, "providers.online.read_url: is that of RestNewToken"},
		{goodURL + "\nread_url = \"tss.example\"", ``, "providers.online.read_url: has no scheme"},
		{goodURL + "\nusername = \"u\"", ``, "providers.online.password: is missing"},
		{goodURL + password, ``, "providers.online.username: is missing"},
		{goodURL + "\nusername = \"u\"\npassword = \"CANARY\"", ``, "providers.online.password: is a plain string"},
		{goodURL + "\ntoken_pattern = \"[\"", ``, "providers.online.token_pattern: is not a valid regular expression"},
		{goodURL + "\ntoken_pattern = \"a)(?:b\"", ``, "providers.online.token_pattern: is not a valid regular expression"},
		{goodURL + "\ntoken_pattern = \".*\"", ``, "providers.online.token_pattern: matches the empty token"},
		{goodURL + "\ntls = { pin_sha256 = \"x\" }", ``, "providers.online.tls.pin_sha256: is not a SHA-256 digest"},
		{goodURL + "\ntls = { server_name = \"a b\" }", ``, "providers.online.tls.server_name: is not a host name"},
		{goodURL + "\nuser = \"u\"", credentialText, "providers.online.user: unknown key"},
		{goodURL, ``, "credentials.loja.cnpj: is missing"},
		{goodURL, `cnpj = "53113791000122"`, "credentials.loja.uf: is missing"},
		{goodURL, "cnpj = \"53113791000123\"\nuf = \"SP\"", "credentials.loja.cnpj: is not a CNPJ: its check digits"},
		{goodURL, "cnpj = \"53113791000122\"\nuf = \"XX\"", "credentials.loja.uf: is not a Brazilian state"},
		{goodURL, "cnpj = \"53113791000122\"\nuf = \"SP\"\ntipopessoa = 3", "credentials.loja.tipopessoa: is 3"},
		{goodURL, "cnpj = \"53113791000122\"\nuf = \"SP\"\ntipopessoa = 0", "credentials.loja.tipopessoa: is 0"},
		{goodURL, "cnpj = \"53113791000122\"\nuf = \"SP\"\ntipopessoa = \"2\"", "credentials.loja.tipopessoa: "},
		{goodURL, "cnpj = \"53113791000122\"\nuf = \"SP\"\ntipopessoa = 1", "credentials.loja.cnpj: is not a CPF"},
		{goodURL, "cnpj = \"52998224725\"\nuf = \"SP\"\ntipopessoa = 2", "credentials.loja.cnpj: is not a CNPJ"},
		{goodURL, "cnpj = \"53113791000122\"\nuf = \"SP\"\nie = \"a\\\"b\"", "credentials.loja.ie: holds characters"},
		{goodURL, "cnpj = \"53113791000122\"\nuf = \"SP\"\nie = \"a\\nb\"", "credentials.loja.ie: holds characters"},
		{goodURL, "cnpj = \"53113791000122\"\nuf = \"SP\"\nie = 5", "credentials.loja.ie: "},
		{goodURL, credentialText + "\nscope = \"x\"", "credentials.loja.scope: unknown key"},
	} {
		if strings.HasPrefix(c.fault, "providers.") && c.credential == "" {
			c.credential = credentialText
		}
		o := configure(t, c.provider, c.credential)
		all := strings.Join(o.faults, "\n")
		if len(o.faults) != 1 && c.fault != "credentials.loja.cnpj: is missing" || !strings.Contains(all, c.fault) {
			t.Errorf("%s\n%s\ngives %q, expected %q", c.provider, c.credential, all, c.fault)
		}
		if strings.Contains(all, "CANARY") {
			t.Errorf("a fault repeats a value: %s", all)
		}
	}
}

// TestAllFaultsAtOnce: one pass reports everything.
func TestAllFaultsAtOnce(t *testing.T) {
	o := configure(t, "url = \"x\"\nread_url = \"y\"\nusername = \"u\"\ntoken_pattern = \"[\"\ntls = { pin_sha256 = \"z\" }", "")
	if len(o.faults) != 7 { // including the two keys that the empty credential lacks
		t.Errorf("%d faults: %q", len(o.faults), o.faults)
	}
	o = configure(t, goodURL, "cnpj = \"1\"\ntipopessoa = 3\nie = \"\\t\"\nuf = \"S\"")
	if len(o.faults) != 3 {
		t.Errorf("%d faults: %q", len(o.faults), o.faults)
	}
}

func TestIdentity(t *testing.T) {
	identity := func(url, cred string) string {
		o := configure(t, `url = "`+url+`"`, cred)
		if len(o.faults) > 0 || o.binding.Identity == "" {
			t.Fatalf("%q, %q", o.faults, o.binding.Identity)
		}
		return o.binding.Identity
	}
	const url = "https://tss.example/rest/RestNewToken"
	base := identity(url, credentialText)
	if base != "https://tss.example/rest/RestNewToken 53113791000122 111010945111 SP" {
		t.Errorf("identity: got %q, want %q", base, "https://tss.example/rest/RestNewToken 53113791000122 111010945111 SP")
	}
	for name, same := range map[string]string{
		"without the mask":       identity(url, "cnpj = \"53113791000122\"\nie = \"111010945111\"\nuf = \"SP\""),
		"with a mask on ie":      identity(url, "cnpj = \"53.113.791/0001-22\"\nie = \"111.010.945.111\"\nuf = \" sp\""),
		"with the default port":  identity("https://TSS.example:443/rest/RestNewToken/", credentialText),
		"with tipopessoa stated": identity(url, "cnpj = \"53113791000122\"\ntipopessoa = 2\nie = \"111010945111\"\nuf = \"SP\""),
	} {
		if same != base {
			t.Errorf("identity %s: got %q, want %q", name, same, base)
		}
	}
	seen := map[string]string{base: "the base"}
	for name, other := range map[string]string{
		"another host":   identity("https://tss2.example/rest/RestNewToken", credentialText),
		"another path":   identity("https://tss.example/RestNewToken", credentialText),
		"plain http":     identity("http://tss.example/rest/RestNewToken", credentialText),
		"another cnpj":   identity(url, "cnpj = \"11222333000181\"\nie = \"111010945111\"\nuf = \"SP\""),
		"another ie":     identity(url, "cnpj = \"53113791000122\"\nie = \"111010945112\"\nuf = \"SP\""),
		"no ie":          identity(url, "cnpj = \"53113791000122\"\nuf = \"SP\""),
		"another uf":     identity(url, "cnpj = \"53113791000122\"\nie = \"111010945111\"\nuf = \"RJ\""),
		"letters in it":  identity(url, "cnpj = \"12.abc.345/01DE-35\"\nie = \"isento\"\nuf = \"RJ\""),
		"natural person": identity(url, "cnpj = \"529.982.247-25\"\nie = \"isento\"\nuf = \"RJ\""),
	} {
		if seen[other] != "" {
			t.Errorf("%s is the same client as %s: %q", name, seen[other], other)
		}
		seen[other] = name
	}
}

func TestWarnings(t *testing.T) {
	t.Setenv("TSS_TEST_PASSWORD", "CANARY")
	const login = "\nusername = { env = \"TSS_TEST_PASSWORD\" }\npassword = { env = \"TSS_TEST_PASSWORD\" }"
	for _, c := range []struct{ provider, warning string }{
		{goodURL, ""},
		{goodURL + login, ""},
		{`url = "http://tss.example/RestNewToken"`, ""},
		{`url = "http://127.0.0.1/RestNewToken"` + login, ""},
		{`url = "http://tss.example/RestNewToken"` + login, "password travels to tss.example in clear"},
		{goodURL + "\nread_url = \"http://tss.example/RestGetToken\"" + login, "password travels to tss.example in clear"},
		{`url = "http://127.0.0.1/RestNewToken"` + "\ntls = { server_name = \"x\" }", "tls has no effect on 127.0.0.1"},
		{goodURL + "\ntls = { insecure_skip_verify = true }", "insecure_skip_verify is on"},
	} {
		o := configure(t, c.provider, credentialText)
		all := strings.Join(o.warnings, "\n")
		if len(o.faults) > 0 || (c.warning == "") != (all == "") || !strings.Contains(all, c.warning) || len(o.warnings) > 1 || strings.Contains(all, "CANARY") {
			t.Errorf("%s: warnings %q, faults %q", c.provider, all, o.faults)
		}
		if len(o.asked) != 1 || !o.asked[0].OneShot {
			t.Errorf("%s: asked for transports %+v", c.provider, o.asked)
		}
	}
}

func TestTokenPattern(t *testing.T) {
	forty := strings.Repeat("aB", 20)
	for _, c := range []struct {
		pattern, token string
		good           bool
	}{
		{"", forty, true},
		{"", forty[1:], false},
		{"", forty + "0", false},
		{"", forty + "\n", false},
		{"", forty[1:] + "g", false},
		{"^[0-9A-Fa-f]{40}$", forty, true},
		{"[0-9A-F]{4}", "AB12", true},
		{"[0-9A-F]{4}", "AB123", false},
		{"[0-9A-F]{4}", "xAB12", false},
		{"a|b", "ab", false},
		{"(?m)^[a-z]+$", "ab\ncd", false},
		{"(?s).+", "a b", false},
		{"(?s).+", "a\x00b", false},
		{"(?s).+", "a;b", false},
		{"(?s).+", `a"b`, false},
		{"(?s).+", "a'b", false},
		{"(?s).+", "a`b", false},
		{"(?s).+", "añb", false},
		{"(?s).+", "a\x7fb", false},
		{"(?s).+", "a[b]=c/d+e.f-g_h", true},
	} {
		text := goodURL
		if c.pattern != "" {
			text += "\ntoken_pattern = '" + c.pattern + "'"
		}
		o := configure(t, text, credentialText)
		if len(o.faults) > 0 {
			t.Fatal(o.faults)
		}
		body := `{"TOKEN":` + quote(t, c.token) + `}`
		token, f := classify(&exchange.Answer{Status: 200, Body: []byte(body)}, o.binding.Source.(*source).backend.pattern)
		if (f == nil) != c.good || c.good && token.Reveal() != c.token {
			t.Errorf("%q with %q: %v", c.pattern, c.token, f)
		}
	}
	if o := configure(t, goodURL+"\ntoken_pattern = \"\"", credentialText); len(o.faults) > 0 {
		t.Errorf("an empty pattern is the default: %q", o.faults)
	}
}

func TestKind(t *testing.T) {
	o := configure(t, goodURL, credentialText)
	if Kind().Name != "tss" || len(o.binding.Fields) != 1 || o.binding.Fields[0] != "token" || len(o.binding.Needs) != 0 {
		t.Errorf("%q, %+v", Kind().Name, o.binding)
	}
}

// What a sink shows of a credential with faults is checked in the same run.
func TestFieldsAreToldInSpiteOfFaults(t *testing.T) {
	o := configure(t, goodURL, `cnpj = "1"`)
	if len(o.faults) == 0 || !slices.Equal(o.binding.Fields, []string{FieldToken}) || o.binding.Source != nil {
		t.Errorf("%v %+v", o.faults, o.binding)
	}
}
