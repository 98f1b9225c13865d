package guide

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/internal/needs"
	arqged "github.com/vigented/vigente/providers/arqged/emulator"
	portal "github.com/vigented/vigente/providers/http/emulator"
	integracontador "github.com/vigented/vigente/providers/integracontador/emulator"
	oauth2 "github.com/vigented/vigente/providers/oauth2/emulator"
	senhasegura "github.com/vigented/vigente/providers/senhasegura/emulator"
	tss "github.com/vigented/vigente/providers/tss/emulator"
	"software.sslmate.com/src/go-pkcs12"
)

// passage is a block of the guide that something executes.
type passage struct {
	line           int
	language, text string
	// what is the marker on the line before: save, run, shows, box, first-run or
	// machines.
	// with is its argument.
	what, with string
	named      bool // the text above names the file to save
}

var marker = regexp.MustCompile(`^<!-- ([a-z-]+)(?::? +(.*?))? *-->$`)

// passages parses a guide. A command block without a marker, and a marker
// without a block, are faults.
func passages(t testing.TB, file string) []passage {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []passage
	var next []string // the marker on the line before
	inside := false
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && inside:
			inside = false
		case fence:
			inside = true
			p := passage{line: i + 1, language: language}
			if next != nil {
				p.what, p.with = next[1], next[2]
				p.named = i > 2 && lines[i-3] == "`"+p.with+"`:"
			} else if language == "sh" {
				t.Errorf("%s:%d: command block without a marker: nothing executes it", file, i+1)
			}
			all = append(all, p)
		case inside:
			all[len(all)-1].text += line + "\n"
			continue
		case next != nil:
			t.Errorf("%s:%d: marker without a block", file, i)
		}
		next = marker.FindStringSubmatch(line)
	}
	return all
}

// TestGuideMarksEveryCommand checks that every command block in both languages
// is executed, by this package or by a script of systemd/test.
func TestGuideMarksEveryCommand(t *testing.T) {
	t.Parallel()
	scripts := map[string]string{"box": "first-run.sh", "first-run": "first-run.sh", "machines": "machines.sh"}
	var markers [2][]string
	for i, file := range []string{"../../docs/guide.md", "../../docs/guide.pt-BR.md"} {
		for _, p := range passages(t, file) {
			if p.what == "" {
				continue
			}
			markers[i] = append(markers[i], p.what+" "+p.with)
			switch p.what {
			case "run":
				if p.with != "" && !strings.HasPrefix(p.with, "exit ") {
					t.Errorf("%s:%d: got run %q, want only \"exit N\"", file, p.line, p.with)
				}
			case "save":
				if !p.named {
					t.Errorf("%s:%d: the text above does not name the file (want `%s`:)", file, p.line, p.with)
				}
			case "shows":
			case "box", "first-run", "machines":
				script, err := os.ReadFile("../../systemd/test/" + scripts[p.what])
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(string(script), "^<!-- "+p.what) {
					t.Errorf("%s:%d: %s does not execute %s", file, p.line, scripts[p.what], p.what)
				}
			default:
				t.Errorf("%s:%d: nothing executes a block marked %s", file, p.line, p.what)
			}
			if (p.what == "save" || p.what == "shows") == (p.language == "sh") {
				t.Errorf("%s:%d: a %s block cannot be marked %s", file, p.line, p.language, p.what)
			}
		}
	}
	if len(markers[0]) < 30 || !slices.Equal(markers[0], markers[1]) {
		t.Errorf("the guides' markers differ:\n%q\n%q", markers[0], markers[1])
	}
}

// reader types the guide into a shell, on a machine that is simulated in a
// folder.
type reader struct {
	*e2etest.World
	root string
	sed  *strings.Replacer // maps paths in the guide to this machine
}

// guideSecret is the value of every secret on this machine, as the reader
// pastes it.
const guideSecret = "5f4dcc3b5aa765d61d8327deb882cf99"

// guideBackends returns the backends in the guide by address.
func guideBackends() map[string]http.Handler {
	serpro := integracontador.New(integracontador.Settings{
		Keys: []integracontador.Key{{ConsumerKey: "djaR21PGoYp1iyK2n2ACOH9REdUb", ConsumerSecret: guideSecret}},
	}, nil)
	client := oauth2.Settings{Clients: []oauth2.Client{{ID: oauth2.PresetClient, Secret: guideSecret}}}
	bling := oauth2.New(client, nil)
	bling.Plant(guideSecret, oauth2.PresetClient, "")
	return map[string]http.Handler{
		"https://cdpj.partners.bancointer.com.br": oauth2.New(client, nil),
		"https://api.bling.com.br":                bling,
		"https://portal.example.com.br": portal.New(portal.Settings{
			Users: []portal.User{{Name: "integracao", Password: guideSecret}},
		}, nil),
		"http://tss.example.com.br:1322": tss.New(tss.Options{}),
		"https://api-rest.arquivar.com": arqged.New(arqged.Settings{
			Users: []arqged.User{{Name: "integracao", Password: guideSecret}}, Keys: []string{guideSecret},
		}, nil),
		"https://cofre.example.com.br": senhasegura.New(senhasegura.Settings{Applications: []senhasegura.Application{
			{Name: "new", ClientID: "3ca8a98d907543812334f7f5dbafca6505e3319fb", ClientSecret: guideSecret},
			{
				Name: "old", ConsumerKey: "000000000a1b2c3d4e5f60718293a4b5c6d7e8f90", ConsumerSecret: guideSecret,
				TokenKey: "fffffffff0f1e2d3c4b5a69788796a5b4c3d2e1f0", TokenSecret: guideSecret,
			},
		}}, nil),
		"https://autenticacao.sapi.serpro.gov.br": serpro,
		"https://gateway.apiserpro.serpro.gov.br": serpro,
	}
}

// newReader sets up the machine: the packaged configuration, an AppServer,
// folders of other programs.
func newReader(t *testing.T) *reader {
	t.Helper()
	w := e2etest.NewWorld(t, "")
	r := &reader{World: w, root: w.Dir}
	w.Dir = filepath.Join(r.root, "etc/vigente")
	own := strconv.Itoa(os.Getgid())
	from := []string{
		"0.0.0.0:9847", w.Listen, "127.0.0.1:9847", w.Listen, "IP:127.0.0.1", "IP:" + strings.Split(w.Listen, ":")[0], "/dev/stdin", filepath.Join(r.root, "root/pasted"),
		"-g vigente ", "-g " + own + " ", "chgrp vigente ", "chgrp " + own + " ", `group = "totvs"`, `group = "` + own + `"`,
		// The default minimum interval is half a minute; the test does not wait
		// that long.
		"[daemon]\n", "[renewal]\nmin_interval = \"1s\"\n[daemon]\n",
	}
	for address, backend := range guideBackends() {
		from = append(from, address, e2etest.Serve(t, backend))
	}
	for _, top := range []string{"/etc/", "/totvs/"} {
		from = append(from, top, r.root+top)
	}
	r.sed = strings.NewReplacer(from...)
	packaged, alerts := content(t, "../../systemd/config.toml"), content(t, "../../monitoring/alerts.yml")
	for name, text := range map[string]string{
		"/etc/vigente/config.toml":    r.sed.Replace(packaged + "\n[daemon]\nlisten = \"0.0.0.0:9847\"\n"),
		"/etc/vigente/conf.d/.keep":   "",
		"/etc/vigente/secrets/.keep":  "",
		"/etc/erp/.keep":              "",
		"/etc/fiscal/.keep":           "",
		"/etc/prometheus/vigente.yml": alerts,
		"/root/pasted":                guideSecret + "\n",
		"/root/escritorio.p12":        "",
		"/root/cliente.p12":           "",

		"/totvs/tss/bin/appserver/appserver.ini": e2etest.IniBefore,
	} {
		r.save(name, text)
	}
	r.certify()
	w.Environ = append(w.Environ, "STATE_DIRECTORY="+filepath.Join(r.root, "state"), "RUNTIME_DIRECTORY="+r.root)
	return r
}

func content(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// save replaces one of the guide's files.
func (r *reader) save(name, text string) {
	r.T.Helper()
	name = filepath.Join(r.root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		r.T.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		r.T.Fatal(err)
	}
}

// certify creates the certificates mentioned in the guide.
func (r *reader) certify() {
	r.T.Helper()
	authority, err := integracontador.NewAuthority()
	if err != nil {
		r.T.Fatal(err)
	}
	for name, of := range map[string]integracontador.Issue{
		"/root/escritorio.p12": {Name: "ESCRITORIO CONTABIL LTDA", Number: "12345678000195"},
		"/root/cliente.p12":    {Name: "FULANO DE TAL", Number: "52998224725"},
	} {
		id, err := authority.Issue(of)
		if err != nil {
			r.T.Fatal(err)
		}
		store, err := pkcs12.Modern.Encode(id.Key, id.Certificate, nil, guideSecret)
		if err != nil {
			r.T.Fatal(err)
		}
		r.save(name, string(store))
	}
}

// types executes a block in a shell that stops at the first failure.
func (r *reader) types(p passage) (output string) {
	r.T.Helper()
	program, err := e2etest.Binary()
	if err != nil {
		r.T.Fatal(err)
	}
	want := 0
	if text, ok := strings.CutPrefix(p.with, "exit "); ok {
		if want, err = strconv.Atoi(text); err != nil {
			r.T.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(r.T.Context(), 2*e2etest.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-e", "-o", "pipefail", "-c", r.sed.Replace(p.text))
	cmd.Dir = filepath.Join(r.root, "root")
	cmd.Env = append([]string{
		"PATH=" + filepath.Dir(program) + ":" + os.Getenv("PATH"), "HOME=" + r.root, "VIGENTE_CONFIG=" + r.Path("config.toml"),
	}, r.Environ...)
	out, err := cmd.CombinedOutput()
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		r.T.Fatal(err)
	}
	if code != want {
		r.T.Fatalf("commands at docs/guide.md:%d: got exit code %d, want %d:\n%s\n%s", p.line, code, want, p.text, out)
	}
	return string(out)
}

// shownBy reports whether an output ends as the guide shows it, ignoring white
// space. An ellipsis in the guide matches anything.
func (p passage) shownBy(output string) bool {
	blanks := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	want := strings.ReplaceAll(regexp.QuoteMeta(blanks(p.text)), "…", ".+")
	return regexp.MustCompile(want + "$").MatchString(blanks(output))
}

// TestGuideIsSo saves the guide's files and runs its commands, in order, on a
// machine with a running daemon and emulated backends. In the end everything it
// configures is valid and delivered.
func TestGuideIsSo(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "openssl", "promtool"} {
		needs.Tool(t, tool)
	}
	r := newReader(t)
	r.Start()
	said := "" // output of the block before
	for _, p := range passages(t, "../../docs/guide.md") {
		switch p.what {
		case "shows":
			if !p.shownBy(strings.ReplaceAll(said, r.root, "")) {
				t.Errorf("docs/guide.md:%d shows\n%s\nbut the output is\n%s", p.line, p.text, said)
			}
		case "save":
			r.save(p.with, r.sed.Replace(p.text))
		case "run":
			said = r.types(p)
		}
	}
	// The last reload changed a sink, which is delivered a moment later.
	r.Eventually("everything is delivered", func() bool { code, _, _ := r.Run("status", "--check"); return code == 0 })
	states := r.Status().States()
	for name, want := range map[string]string{
		"loja": "valid", "ged": "valid", "erp": "valid", "legado": "valid", "sessao": "valid", "cliente": "valid",
		"pix": "valid", "pedidos": "valid", "portal-login": "valid", "portal-branch": "valid", "cloud": "valid",
	} {
		if states[name] != want {
			t.Errorf("%s: got state %q, want %q", name, states[name], want)
		}
	}
	if code, _, errs := r.Run("status", "--check"); code != 0 || len(states) < 10 {
		t.Errorf("status --check: got exit code %d, want 0: %s; states %v", code, errs, states)
	}
}
