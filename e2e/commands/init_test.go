package commands

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/internal/certtest"
)

// first is a system of vigente init, its flags, and the questions in order.
type first struct {
	system, name string
	flags        []string // without system and sink: flag, answer
	secrets      []string // files below the folder of secrets
}

var firsts = []first{
	{"tss", "store", []string{"url", "http://tss.example.com/rest/RestNewToken", "cnpj", "11.222.333/0001-81", "ie", "110042490114", "uf", "SP"}, nil},
	{"senhasegura", "vault", []string{"url", "https://vault.example.com", "client-id", `a"b\c`}, []string{"client-secret"}},
	{
		"senhasegura-oauth1", "vault",
		[]string{"url", "https://vault.example.com"},
		[]string{"consumer-key", "consumer-secret", "token-key", "token-secret"},
	},
	{
		"arqged", "ged",
		[]string{"url", "https://api-rest.arquivar.com", "username", "integração", "subscription-keys", "2"},
		[]string{"password", "subscription-keys-1", "subscription-keys-2"},
	},
	{
		"integra-contador", "session",
		[]string{
			"auth-url", "https://autenticacao.sapi.serpro.gov.br/authenticate", "api-url", "https://gateway.apiserpro.serpro.gov.br/integra-contador/v1",
			"contratante", "11222333000181", "contratante-name", "ACME LTDA",
		},
		[]string{"certificate.p12", "certificate-password", "consumer-key", "consumer-secret"},
	},
}

var firstSinks = map[string][]string{
	"file": {"path", "/run/app/token"},
	"ini":  {"path", "/opt/appserver.ini", "section", "THERE", "key", "TOKEN"},
	"env":  {"path", "/etc/app/token.env", "key", "APP_TOKEN"},
	"none": nil,
}

// identity returns a certificate with its key, with the password "x".
func identity(t *testing.T) []byte {
	t.Helper()
	c := certtest.IssueRSA(t, &x509.Certificate{Subject: pkix.Name{CommonName: "ACME LTDA:11222333000181"}, NotAfter: time.Now().Add(365 * 24 * time.Hour)}, nil)
	store, err := pkcs12.Modern.Encode(c.PrivateKey, c.Leaf, nil, "x")
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// checks creates the secrets and expects vigente check to pass.
func (f first) checks(t *testing.T, w *e2etest.World, store []byte) {
	t.Helper()
	if code, _, errs := w.Run("check"); len(f.secrets) > 0 && (code != 3 || strings.Count(errs, "does not exist") < 1) {
		t.Errorf("check without the secrets: got exit code %d with\n%s", code, errs)
	}
	for _, name := range f.secrets {
		content := "x\n"
		switch {
		case strings.HasSuffix(name, ".p12"):
			content = string(store)
		case strings.HasPrefix(name, "subscription-keys"):
			content = name + "\n" // equal secrets would cause a warning
		}
		w.Write("secrets/"+f.name+"-"+name, content)
	}
	if code, out, errs := w.Run("check"); code != 0 || !strings.HasPrefix(out, "ok\n") || errs != "" {
		t.Errorf("check: got exit code %d with %s%s\n%s", code, out, errs, w.Read("config.toml"))
	}
}

// bare returns an installation without a configuration.
func bare(t *testing.T) *e2etest.World {
	t.Helper()
	w := e2etest.NewWorld(t, "")
	if err := os.Remove(w.Path("config.toml")); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestInitWritesWhatPassesTheCheck(t *testing.T) {
	t.Parallel()
	store := identity(t)
	for _, f := range firsts {
		for sink, more := range firstSinks {
			t.Run(f.system+" "+sink, func(t *testing.T) {
				t.Parallel()
				answers := append(append([]string{"system", f.system}, f.flags...), append([]string{"sink", sink}, more...)...)
				var flags []string
				for i := 0; i < len(answers); i += 2 {
					flags = append(flags, "--"+answers[i], answers[i+1])
				}
				w := bare(t)
				code, out, errs := w.Run(append([]string{"init"}, flags...)...)
				if code != 0 || errs != "" || !strings.Contains(out, "vigente check --probe") || strings.Count(out, "install -D -m 0600 ") != len(f.secrets) {
					t.Fatalf("init: got exit code %d with\n%s%s", code, out, errs)
				}
				f.checks(t, w, store)
				byFlags := w.Read("config.toml")
				if code, _, errs := w.Run(append([]string{"init"}, flags...)...); code != 1 || !strings.Contains(errs, "never overwritten") || w.Read("config.toml") != byFlags {
					t.Errorf("init a second time: got exit code %d with %s", code, errs)
				}

				asked := bare(t)
				term := asked.OnTerminal("init")
				at := term.Sees(0, ": ")
				term.Types(f.system + "\n")
				at = term.Sees(at, "\n")
				term.Sees(at, ": ")
				term.Types("half an ans\x03")
				if term.End() == 0 {
					t.Error("Ctrl-C: got exit code 0")
				}
				wantNothing(t, asked)
				f.answers(t, asked, answers)
				if got := strings.ReplaceAll(asked.Read("config.toml"), asked.Dir, w.Dir); got != byFlags {
					t.Errorf("from questions:\n%s\nfrom flags:\n%s", got, byFlags)
				}
				f.checks(t, asked, store)
			})
		}
	}
}

// answers answers all questions on a terminal.
func (f first) answers(t *testing.T, w *e2etest.World, answers []string) {
	t.Helper()
	term := w.OnTerminal("init")
	at := 0
	for i := 0; i < len(answers); i += 2 {
		if answers[i] == "sink" && len(f.secrets) > 0 {
			at = term.Sees(at, "Folder of the files")
			at = term.Sees(at, ": ")
			term.Types("\n")
			at = term.Sees(at, "\n")
		}
		if i == 2 && f.system == "tss" {
			at = term.Sees(at, "empty for one: ")
			term.Types("\n")
			at = term.Sees(at, "\n")
		}
		at = term.Sees(at, ": ")
		if answers[i] == "system" || answers[i] == "sink" {
			term.Types("nonsense\n")
			at = term.Sees(at, `"nonsense" is not known`)
			at = term.Sees(at, "): ")
		}
		term.Types(answers[i+1] + "\n")
		at = term.Sees(at, "\n")
	}
	if code := term.End(); code != 0 || !strings.Contains(term.Screen.String(), "wrote "+w.Path("config.toml")) {
		t.Errorf("init: got exit code %d:\n%s", code, term.Screen)
	}
}

func wantNothing(t *testing.T, w *e2etest.World) {
	t.Helper()
	entries, err := os.ReadDir(w.Dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("got files %v, %v; want none", entries, err)
	}
}

func TestInitAsksAgainAndTakesNothingWrong(t *testing.T) {
	t.Parallel()
	w := bare(t)
	code, out, errs := w.Run("init", "--system", "tss", "--url", "ftp://x", "--cnpj", "11.222.333/0001-82", "--uf", "XX", "--sink", "ini", "--path", "relative", "--client-id", "y")
	for _, flag := range []string{"--url: ", "--cnpj: ", "--uf: ", "--path: ", "--client-id does not belong"} {
		if !strings.Contains(errs, flag) {
			t.Errorf("no error about %s in\n%s", flag, errs)
		}
	}
	if code != 2 || out != "" {
		t.Errorf("init: got exit code %d with %s, want 2", code, out)
	}
	if code, _, errs := w.Run("init"); code != 2 || !strings.Contains(errs, "--system is missing") {
		t.Errorf("without a terminal: got exit code %d: %s", code, errs)
	}
	if code, _, errs := w.Run("init", "--system", "tss", "--name", "Not Good", "--url", "http://x/y", "--cnpj", "11.222.333/0001-81", "--uf", "SP", "--sink", "none"); code != 2 || !strings.Contains(errs, "--name: is not a valid name") {
		t.Errorf("bad name: got exit code %d: %s", code, errs)
	}
	wantNothing(t, w)

	term := w.OnTerminal("init", "--system", "tss", "--sink", "file")
	at := term.Sees(0, "empty for one: ")
	term.Types("shops\n")
	at = term.Sees(at, "does not end in .csv")
	at = term.Sees(at, "empty for one: ")
	term.Types("\n")
	at = term.Sees(at, `without the "?": `)
	term.Types("\n")
	at = term.Sees(at, "an answer is needed")
	at = term.Sees(at, `"?": `)
	term.Types("not an address\n")
	at = term.Sees(at, "expected")
	at = term.Sees(at, `"?": `)
	term.Types("http://x/y\n")
	at = term.Sees(at, "CNPJ")
	at = term.Sees(at, ": ")
	term.Types("11.222.333/0001-82\n")
	at = term.Sees(at, "expected")
	at = term.Sees(at, ": ")
	term.Types("\x04") // end of input
	if code := term.End(); code != 1 || !strings.Contains(term.Screen.String()[at:], "nothing was written") {
		t.Errorf("init: got exit code %d:\n%s", code, term.Screen)
	}
	wantNothing(t, w)
}

func TestInitBesideAConfigurationThatIncludesIt(t *testing.T) {
	t.Parallel()
	w := e2etest.NewWorld(t, "")
	w.Write("config.toml", "include = [\"conf.d/*.toml\"]\n"+w.Read("config.toml"))
	w.Write("conf.d/first.toml", "# empty\n")
	for i, f := range firsts[:2] {
		flags := []string{"--system", f.system, "--sink", "none", "--secrets", w.Path("elsewhere")}
		for k := 0; k < len(f.flags); k += 2 {
			flags = append(flags, "--"+f.flags[k], f.flags[k+1])
		}
		if len(f.secrets) == 0 {
			flags = append(flags[:4], flags[6:]...)
		}
		name, err := e2etest.Binary()
		if err != nil {
			t.Fatal(err)
		}
		cmd := w.Command(t.Context(), append([]string{"init"}, flags...)...)
		cmd.Path = name
		cmd.Args[len(cmd.Args)-1] = w.Path("conf.d/made" + strconv.Itoa(i) + ".toml")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "vigente check --probe -c "+w.Path("config.toml")) {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	w.Write("elsewhere/vault-client-secret", "x")
	if code, out, errs := w.Run("check"); code != 0 || !strings.Contains(out, "2 providers, 2 credentials, 0 sinks in 4 files") {
		t.Errorf("check: got exit code %d with %s%s", code, out, errs)
	}
	if entries, err := filepath.Glob(w.Path("conf.d/.*")); err != nil || len(entries) > 0 {
		t.Errorf("unexpected temporary files: %v, %v", entries, err)
	}
}

// TestInitWritesAFleet writes a fleet with its table, which must pass check
// unchanged, and refuses invalid fleets.
func TestInitWritesAFleet(t *testing.T) {
	t.Parallel()
	w := bare(t)
	flags := []string{"init", "--system", "tss", "--fleet", "shops.csv", "--url", "http://tss.example.com/rest/RestNewToken", "--cnpj", "11.222.333/0001-81", "--ie", "", "--uf", "SP", "--sink", "env"}
	if code, _, errs := w.Run(append(flags, "--path", "/srv/token.env")...); code != 2 || !strings.Contains(errs, "the same file for every row") {
		t.Errorf("one file for all rows: got exit code %d: %s", code, errs)
	}
	wantNothing(t, w)
	code, out, errs := w.Run(append(flags, "--path", "/srv/{code}.env")...)
	if code != 0 || errs != "" || !strings.Contains(out, "wrote "+w.Path("shops.csv")) {
		t.Fatalf("init --fleet: got exit code %d with\n%s%s", code, out, errs)
	}
	if got := w.Read("shops.csv"); got != "code,cnpj,ie,uf\nfirst,11.222.333/0001-81,,SP\n" {
		t.Errorf("got table %q", got)
	}
	w.Write("shops.csv", w.Read("shops.csv")+"second,53.113.791/0001-22,111010945111,SP\n")
	if code, out, errs := w.Run("check"); code != 0 || !strings.Contains(out, "1 provider, 2 credentials, 2 sinks") {
		t.Errorf("check: got exit code %d with %s%s", code, out, errs)
	}
	other := bare(t)
	if code, _, errs := other.Run("init", "--system", "senhasegura", "--fleet", "shops.csv", "--url", "https://x", "--client-id", "y", "--sink", "none"); code != 2 || !strings.Contains(errs, "differs from row to row") {
		t.Errorf("no column that differs: got exit code %d: %s", code, errs)
	}
	wantNothing(t, other)
}
