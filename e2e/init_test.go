package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// first is a system of vigente init, its flags and the questions in the order
// in which they are asked.
type first struct {
	system, name string
	flags        []string // without system and sink: flag, answer
	secrets      []string // files, below the folder of secrets
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

// identity is a certificate with its key, under the password "x".
func identity(t *testing.T) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ACME LTDA:11222333000181"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	store, err := pkcs12.Modern.Encode(key, cert, nil, "x")
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// checks puts the secrets in place and wants vigente check to be content.
func (f first) checks(t *testing.T, w *world, store []byte) {
	t.Helper()
	if code, _, errs := w.run("check"); len(f.secrets) > 0 && (code != 3 || strings.Count(errs, "does not exist") < 1) {
		t.Errorf("without the secrets check exits %d with\n%s", code, errs)
	}
	for _, name := range f.secrets {
		content := "x\n"
		switch {
		case strings.HasSuffix(name, ".p12"):
			content = string(store)
		case strings.HasPrefix(name, "subscription-keys"):
			content = name + "\n" // a pair of equal ones is warned of
		}
		w.write("secrets/"+f.name+"-"+name, content)
	}
	if code, out, errs := w.run("check"); code != 0 || !strings.HasPrefix(out, "ok\n") || errs != "" {
		t.Errorf("check exits %d with %s%s\n%s", code, out, errs, w.read("config.toml"))
	}
}

// bare is a world whose configuration is not there yet.
func bare(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, "")
	if err := os.Remove(w.path("config.toml")); err != nil {
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
				code, out, errs := w.run(append([]string{"init"}, flags...)...)
				if code != 0 || errs != "" || !strings.Contains(out, "vigente check --probe") || strings.Count(out, "install -D -m 0600 ") != len(f.secrets) {
					t.Fatalf("exits %d with\n%s%s", code, out, errs)
				}
				f.checks(t, w, store)
				byFlags := w.read("config.toml")
				if code, _, errs := w.run(append([]string{"init"}, flags...)...); code != 1 || !strings.Contains(errs, "never overwritten") || w.read("config.toml") != byFlags {
					t.Errorf("a second time it exits %d with %s", code, errs)
				}

				asked := bare(t)
				term := asked.onTerminal("init")
				at := term.sees(0, ": ")
				term.types(f.system + "\n")
				at = term.sees(at, "\n")
				term.sees(at, ": ")
				term.types("half an ans\x03")
				if term.end() == 0 {
					t.Error("Ctrl-C is a success")
				}
				wantNothing(t, asked)
				f.answers(t, asked, answers)
				if got := strings.ReplaceAll(asked.read("config.toml"), asked.dir, w.dir); got != byFlags {
					t.Errorf("by questions:\n%s\nby flags:\n%s", got, byFlags)
				}
				f.checks(t, asked, store)
			})
		}
	}
}

// answers goes through all questions on a terminal.
func (f first) answers(t *testing.T, w *world, answers []string) {
	t.Helper()
	term := w.onTerminal("init")
	at := 0
	for i := 0; i < len(answers); i += 2 {
		if answers[i] == "sink" && len(f.secrets) > 0 {
			at = term.sees(at, "Folder of the files")
			at = term.sees(at, ": ")
			term.types("\n")
			at = term.sees(at, "\n")
		}
		at = term.sees(at, ": ")
		if answers[i] == "system" || answers[i] == "sink" {
			term.types("nonsense\n")
			at = term.sees(at, `"nonsense" is not known`)
			at = term.sees(at, "): ")
		}
		term.types(answers[i+1] + "\n")
		at = term.sees(at, "\n")
	}
	if code := term.end(); code != 0 || !strings.Contains(term.screen.String(), "wrote "+w.path("config.toml")) {
		t.Errorf("exits %d:\n%s", code, term.screen)
	}
}

func wantNothing(t *testing.T, w *world) {
	t.Helper()
	entries, err := os.ReadDir(w.dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("left %v, %v", entries, err)
	}
}

func TestInitAsksAgainAndTakesNothingWrong(t *testing.T) {
	t.Parallel()
	w := bare(t)
	code, out, errs := w.run("init", "--system", "tss", "--url", "ftp://x", "--cnpj", "11.222.333/0001-82", "--uf", "XX", "--sink", "ini", "--path", "relative", "--client-id", "y")
	for _, flag := range []string{"--url: ", "--cnpj: ", "--uf: ", "--path: ", "--client-id does not belong"} {
		if !strings.Contains(errs, flag) {
			t.Errorf("nothing about %s in\n%s", flag, errs)
		}
	}
	if code != 2 || out != "" {
		t.Errorf("exits %d with %s", code, out)
	}
	if code, _, errs := w.run("init"); code != 2 || !strings.Contains(errs, "--system is missing") {
		t.Errorf("without a terminal: %d %s", code, errs)
	}
	if code, _, errs := w.run("init", "--system", "tss", "--name", "Not Good", "--url", "http://x/y", "--cnpj", "11.222.333/0001-81", "--uf", "SP", "--sink", "none"); code != 2 || !strings.Contains(errs, "--name: is no valid name") {
		t.Errorf("a bad name: %d %s", code, errs)
	}
	wantNothing(t, w)

	term := w.onTerminal("init", "--system", "tss", "--sink", "file")
	at := term.sees(0, `without the "?": `)
	term.types("\n")
	at = term.sees(at, "an answer is needed")
	at = term.sees(at, `"?": `)
	term.types("not an address\n")
	at = term.sees(at, "expected")
	at = term.sees(at, `"?": `)
	term.types("http://x/y\n")
	at = term.sees(at, "CNPJ")
	at = term.sees(at, ": ")
	term.types("11.222.333/0001-82\n")
	at = term.sees(at, "expected")
	at = term.sees(at, ": ")
	term.types("\x04") // the end of input
	if code := term.end(); code != 1 || !strings.Contains(term.screen.String()[at:], "nothing was written") {
		t.Errorf("exits %d:\n%s", code, term.screen)
	}
	wantNothing(t, w)
}

func TestInitBesideAConfigurationThatIncludesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.write("config.toml", "include = [\"conf.d/*.toml\"]\n"+w.read("config.toml"))
	w.write("conf.d/first.toml", "# empty\n")
	for i, f := range firsts[:2] {
		flags := []string{"--system", f.system, "--sink", "none", "--secrets", w.path("elsewhere")}
		for k := 0; k < len(f.flags); k += 2 {
			flags = append(flags, "--"+f.flags[k], f.flags[k+1])
		}
		if len(f.secrets) == 0 {
			flags = append(flags[:4], flags[6:]...)
		}
		name, err := binary()
		if err != nil {
			t.Fatal(err)
		}
		cmd := w.command(t.Context(), append([]string{"init"}, flags...)...)
		cmd.Path = name
		cmd.Args[len(cmd.Args)-1] = w.path("conf.d/made" + strconv.Itoa(i) + ".toml")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "vigente check --probe -c "+w.path("config.toml")) {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	w.write("elsewhere/vault-client-secret", "x")
	if code, out, errs := w.run("check"); code != 0 || !strings.Contains(out, "2 providers, 2 credentials, 0 sinks in 4 files") {
		t.Errorf("check exits %d with %s%s", code, out, errs)
	}
	if entries, err := filepath.Glob(w.path("conf.d/.*")); err != nil || len(entries) > 0 {
		t.Errorf("left over: %v, %v", entries, err)
	}
}
