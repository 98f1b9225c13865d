package integracontador

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/providertest"
)

func jwtUntil(end time.Time) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"RS256"}`)) + "." + part(fmt.Appendf(nil, `{"exp":%d}`, end.Unix())) + ".c2ln"
}

// opened reads both sections and returns the faults, the warnings and the
// binding of the credential.
func opened(t *testing.T, provider, cred string) (faults, warnings []string, b providers.Binding) {
	t.Helper()
	dir := t.TempDir()
	all := files(t)
	all["empty"] = "\n"
	all["two"] = "a\nb\n"
	all["ec.pem"] = ecPEM(t)
	for name, content := range all {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n := providertest.Serve(t, nil)
	env := n.Env()
	env.Warn = func(text string) { warnings = append(warnings, text) }
	s := parse(t, "providers.test", dir, provider)
	backend := Kind().Open(s, env)
	for _, f := range s.Finish() {
		faults = append(faults, f.Error())
	}
	c := parse(t, "credentials.test", dir, cred)
	b = backend.Bind(c)
	for _, f := range c.Finish() {
		faults = append(faults, f.Error())
	}
	return faults, warnings, b
}

// with replaces the line of a key, or adds it.
func with(text, key, line string) string {
	var out []string
	done := false
	for l := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(l), key+" =") {
			l, done = line+"\n", true
		}
		out = append(out, l)
	}
	if !done {
		out = append(out, line+"\n")
	}
	return strings.Join(out, "")
}

func TestConfigurationFaults(t *testing.T) {
	author := func(number, name, file string) string {
		return `author = { numero = "` + number + `", nome = "` + name + `", certificate = { file = "{dir}/` + file + `" } }`
	}
	for _, c := range []struct{ name, section, key, line, want string }{
		{"auth_url missing", "p", "auth_url", "", "auth_url: is missing"},
		{"auth_url without its end", "p", "auth_url", `auth_url = "https://a.example"`, "auth_url: does not end in /authenticate"},
		{"auth_url plain", "p", "auth_url", `auth_url = "http://a.example/authenticate"`, "auth_url: is not encrypted"},
		{"api_url missing", "p", "api_url", "", "api_url: is missing"},
		{"api_url with its end", "p", "api_url", `api_url = "https://a.example/v1/Apoiar/"`, "api_url: ends in /Apoiar"},
		{"key missing", "p", "consumer_key", "", "consumer_key: is missing"},
		{"key empty", "p", "consumer_key", `consumer_key = ""`, "consumer_key: is empty"},
		{"key a number", "p", "consumer_key", `consumer_key = 5`, "consumer_key: "},
		{"key with a colon", "p", "consumer_key", `consumer_key = "a:b"`, "consumer_key: holds a colon"},
		{"secret in plain", "p", "consumer_secret", `consumer_secret = "x"`, "consumer_secret: is a plain string"},
		{"secret of two lines", "p", "consumer_secret", `consumer_secret = { file = "{dir}/two" }`, "consumer_secret: contains a line break"},
		{"certificate missing", "p", "certificate", "", "certificate: is missing"},
		{"certificate empty", "p", "certificate", "certificate = {}", "certificate.file: "},
		{"certificate a string", "p", "certificate", `certificate = "x"`, "certificate: "},
		{"certificate of another", "p", "certificate", `certificate = { file = "{dir}/company.pem" }`, "certificate.file: belongs to 11222333000181, not to 12345678000195"},
		{"certificate of the author", "p", "certificate", `certificate = { file = "{dir}/author.pem" }`, "certificate.file: belongs to 52998224725"},
		{"contratante missing", "p", "contratante", "", "contratante: is missing"},
		{"contratante a person", "p", "contratante", `contratante = { numero = "529.982.247-25", nome = "X" }`, "contratante.numero: is not a CNPJ"},
		{"contratante without a number", "p", "contratante", `contratante = { nome = "X" }`, "contratante.numero: is missing"},
		{"contratante without a name", "p", "contratante", `contratante = { numero = "12345678000195" }`, "contratante.nome: is missing"},
		{"contratante invisible", "p", "contratante", "contratante = { numero = \"12345678000195\", nome = \"\u200b\" }", "contratante.nome: holds nothing that can be seen"},
		{"contratante a string", "p", "contratante", `contratante = "x"`, "contratante: "},
		{"certificate in tls", "p", "tls", `tls = { certificate = { file = "{dir}/contratante.pem" } }`, "tls.certificate: belongs to another kind"},
		{"unknown key", "p", "url", `url = "https://a.example"`, "url: unknown key"},
		{"session missing", "c", "session", "", "session: is missing"},
		{"author missing", "c", "author", "", "author: is missing"},
		{"author a string", "c", "author", `author = "x"`, "author: "},
		{"author wrong digit", "c", "author", author("529.982.247-26", "X", "author.pem"), "author.numero: is not a CPF"},
		{"author wrong CNPJ", "c", "author", author("11.222.333/0001-82", "X", "company.pem"), "author.numero: is not a CNPJ"},
		{"author without a name", "c", "author", author(testAuthor, "", "author.pem"), "author.nome: "},
		{"author with another certificate", "c", "author", author(testAuthor, "X", "company.pem"), "author.certificate.file: belongs to 11222333000181, not to 52998224725"},
		{"author without a certificate", "c", "author", `author = { numero = "52998224725", nome = "X" }`, "author.certificate: is missing"},
		{"author is the contratante", "c", "author", author(testContratante, "X", "contratante.pem"), "author.numero: is the contratante, who needs no procurador token"},
		{"author with EC", "c", "author", author(testAuthor, "X", "ec.pem"), "author.certificate.file: holds no RSA key"},
		{"no days", "c", "term_days", "term_days = 0", "term_days: is 0"},
		{"too many days", "c", "term_days", "term_days = 2000", "term_days: is 2000"},
		{"unknown key of a credential", "c", "scope", `scope = "x"`, "scope: unknown key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			provider, cred := testProvider, testCredential
			if c.section == "p" {
				provider = with(provider, c.key, c.line)
			} else {
				cred = with(cred, c.key, c.line)
			}
			faults, _, _ := opened(t, provider, cred)
			if len(faults) != 1 || !strings.Contains(faults[0], c.want) {
				t.Errorf("faults %q, want one with %q", faults, c.want)
			}
			for _, f := range faults {
				if strings.Contains(f, testSecret) {
					t.Error("a fault shows the secret")
				}
			}
		})
	}
}

func ecPEM(t testing.TB) string {
	t.Helper()
	return ecIdentity(t)
}

func TestConfigurationWarnings(t *testing.T) {
	for name, c := range map[string]struct {
		provider string
		want     string
	}{
		"ordinary":        {testProvider, ""},
		"nobody's":        {with(testProvider, "certificate", `certificate = { file = "{dir}/bare.pem" }`), "names no CPF or CNPJ"},
		"pin for two":     {with(testProvider, "tls", `tls = { pin_sha256 = "`+strings.Repeat("00", 32)+`" }`), "pin_sha256"},
		"pin for one":     {with(with(testProvider, "api_url", `api_url = "https://autenticacao.example/v1"`), "tls", `tls = { pin_sha256 = "`+strings.Repeat("00", 32)+`" }`), ""},
		"name for two":    {with(testProvider, "tls", `tls = { server_name = "x" }`), "server_name"},
		"CA for two":      {with(testProvider, "tls", `tls = { insecure_skip_verify = true }`), "insecure_skip_verify"},
		"loopback plain":  {with(testProvider, "auth_url", `auth_url = "http://127.0.0.1:1/authenticate"`), ""},
		"key from a file": {with(testProvider, "consumer_key", `consumer_key = { file = "{dir}/secret" }`), ""},
	} {
		faults, warnings, b := opened(t, c.provider, testCredential)
		if len(faults) > 0 || b.Source == nil {
			t.Errorf("%s: faults %q", name, faults)
		}
		if (c.want == "") != (len(warnings) == 0) || !strings.Contains(strings.Join(warnings, "\n"), c.want) {
			t.Errorf("%s: warnings %q, want %q", name, warnings, c.want)
		}
	}
}

func TestBindings(t *testing.T) {
	_, _, author := opened(t, testProvider, testCredential)
	if author.Identity != testContratante+" "+testAuthor || fmt.Sprint(author.Needs, author.NeedsFields, author.Fields) != "[sessao] [access_token jwt_token] [token]" {
		t.Errorf("binding %+v", author)
	}
	_, _, pair := opened(t, testProvider, "")
	if fmt.Sprint(pair.Fields) != "[access_token jwt_token authorization]" || len(pair.Needs) > 0 || strings.Contains(pair.Identity, testKey) {
		t.Errorf("binding %+v", pair)
	}
	_, _, same := opened(t, with(testProvider, "auth_url", `auth_url = "https://AUTENTICACAO.example:443/authenticate"`), "")
	_, _, other := opened(t, with(testProvider, "consumer_key", `consumer_key = "other"`), "")
	if same.Identity != pair.Identity || other.Identity == pair.Identity {
		t.Error("the identity is not that of auth_url and consumer_key")
	}
	_, _, alpha := opened(t, testProvider, `
		session = "sessao"
		author = { numero = "11.222.333/0001-81", nome = "CLIENTE", certificate = { file = "{dir}/company.pem" } }
	`)
	p := alpha.Source.(*procurador)
	if p.author.tipo() != 2 || p.tag() != "2112223330001812112223330001"+"8181" || p.days != 365 {
		t.Errorf("%+v, tag %s", p.author, p.tag())
	}
}

// TestPasswordOutOfReach is a check without access to systemd credentials: the
// certificate cannot be opened, and that is not a fault.
func TestPasswordOutOfReach(t *testing.T) {
	c := certificate{}
	if f := c.ready(noon); f == nil || f.Reason.Parks() {
		t.Errorf("%v", f)
	}
}

// What refers to a credential with faults, and what it refers to, is checked in
// the same run.
func TestFieldsAndNeedsAreToldInSpiteOfFaults(t *testing.T) {
	faults, _, b := opened(t, testProvider, testCredential+"\nterm_days = 0")
	if len(faults) == 0 || !slices.Equal(b.Fields, []string{fieldToken}) || len(b.Needs) != 1 || b.Source != nil {
		t.Errorf("%v %+v", faults, b)
	}
	faults, _, b = opened(t, testProvider, "term_days = 1")
	if len(faults) == 0 || len(b.Needs) != 0 {
		t.Errorf("without a session: %v %+v", faults, b)
	}
}
