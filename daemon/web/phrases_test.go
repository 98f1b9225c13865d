package web

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/daemon/view"
	"github.com/vigented/vigente/providers/exchange"
)

// source returns the text of the program, tests aside, with literals that a +
// joins put together.
func source(t testing.TB) string {
	t.Helper()
	var all strings.Builder
	for _, dir := range []string{"providers", "sinks", "daemon", "internal", "credential"} {
		err := filepath.WalkDir(filepath.Join("..", "..", dir), func(file string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") || strings.Contains(file, "/web/") {
				return err
			}
			data, err := os.ReadFile(file)
			all.Write(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	joined := regexp.MustCompile(`" ?\+\s*"`).ReplaceAllString(all.String(), "")
	return strings.ReplaceAll(joined, `\"`, `"`)
}

// joint is where the code puts a message together.
var joint = regexp.MustCompile(slot.String() + `|\)?: | ?\(|, or the proxy|the proxy | on the way|\)$`)

// TestPhrasesAreSaid holds the translated phrases to those of the code: a
// sentence that changes there has to change here.
func TestPhrasesAreSaid(t *testing.T) {
	text := source(t)
	for _, p := range portuguesePhrases {
		if got, want := slot.FindAllString(p.says, -1), slot.FindAllString(p.form, -1); !slices.Equal(got, want) {
			t.Errorf("%q has the places %q in Portuguese, want %q", p.form, got, want)
		}
		for _, piece := range joint.Split(p.form, -1) {
			// Short pieces may be the system's own.
			if len(piece) > 30 && !strings.Contains(text, strings.TrimSpace(piece)) {
				t.Errorf("nothing says %q", piece)
			}
		}
	}
}

func TestFailuresInPortuguese(t *testing.T) {
	for message, want := range map[string]string{
		"connect to 127.0.0.1:18099: connection refused (is the server up, and the port right?)": "conexão com 127.0.0.1:18099: conexão recusada (o servidor está no ar? a porta está certa?)",
		"connect to …: no connection in time (is a firewall in the way?)":                        "conexão com …: sem conexão a tempo (há um firewall no caminho?)",
		"call tss.example:1322: no answer in time; the request may have taken effect":            "chamada a tss.example:1322: sem resposta a tempo; a requisição pode ter tido efeito",
		"the vault refuses the probe: check that the application and its authorization are enabled, that the authorization has not expired, and that this machine's address is in its IP list (and referer in its list, if it has one)": "o cofre recusa a sondagem: confira se a aplicação e a autorização estão ativas, se a autorização não venceu, e se o endereço desta máquina está na lista de IPs dela (e referer na lista própria, se houver)",
		"not renewed, since sink till could not take the new value: search the folder …: permission denied (give the user of vigente (uid 993) permission)":                                                                             "não renovada, porque o destino till não poderia receber o valor novo: acesso à pasta …: permissão negada (libere para o usuário do vigente (uid 993))",
		"ICGERENCIADOR-022: the author has no procuração in e-CAC for this taxpayer (the taxpayer must grant it)":                                                                                                                       "ICGERENCIADOR-022: o autor não tem procuração no e-CAC para este contribuinte (o contribuinte precisa concedê-la)",
		"hook /bin/false: exit status 1 (run it by hand to see what it says; its output is not kept)":                                                                                                                                   "hook /bin/false: código de saída 1 (execute-o à mão para ver o que diz; a saída não é guardada)",
	} {
		got, tag := portuguese.failure(message)
		if got != want || tag != "pt-BR" {
			t.Errorf("%q is told as %q in %s, want %q", message, got, tag, want)
		}
	}
	for text, tag := range map[string]string{
		"": "",
		"/etc/vigente/config.toml:3: daemon.foo: unknown key (expected one of listen, state_dir)\nc.toml:9: sinks.till.path: is missing (expected a string)": "pt-BR",
		"c.toml:3: daemon.foo: unknown key (expected one of listen)\nc.toml:9: sinks.till.path: something new":                                               "en",
		"engine away: alone since 2026-11-30T12:00:00Z": "pt-BR",
		"listen on 127.0.0.1:9847 (daemon.listen): address already in use (another program has this port: stop it, or set another daemon.listen)": "pt-BR",
		view.PublicConfig(view.Config{LastError: "x"}).LastError:                                                                                  "pt-BR",
	} {
		if got := portuguese.told(text); got.Tongue != tag || (got.Text == text) != (tag != "pt-BR") {
			t.Errorf("%q is told as %q in %s, want it in %s", text, got.Text, got.Tongue, tag)
		}
	}
	for _, message := range []string{"", "something new", "connect to a.example: something new", "no answer in time; something new"} {
		if got, tag := portuguese.failure(message); got != message || message != "" && tag != "en" {
			t.Errorf("%q is told as %q in %s, want it as it is", message, got, tag)
		}
	}
	if got, tag := english.failure("no answer in time"); got != "no answer in time" || tag != "en" {
		t.Errorf("in English %q in %s is told", got, tag)
	}
}

// TestStatusesInPortuguese asks for every status that a backend may answer with.
func TestStatusesInPortuguese(t *testing.T) {
	for _, status := range []int{301, 400, 401, 403, 404, 407, 408, 429, 500, 502, 503} {
		message := exchange.StatusFault(&exchange.Answer{Status: status, Header: http.Header{}}).Message
		if _, tag := portuguese.failure(message); tag != "pt-BR" {
			t.Errorf("%d: %q has no translation", status, message)
		}
	}
}
