package reload

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	senhasegura "github.com/vigented/vigente/providers/senhasegura/emulator"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

const (
	otherID     = "ffffc8a1b2c3d4e5f60718293a4b5c6d7e8f90012"
	otherSecret = "canary-ffffcc3b5aa765d61d8327deb882cf99"
)

// difference is the documented output of plan --json.
type difference struct {
	Restart, Settings []struct {
		Key     string
		Refused bool
	}
	Providers []struct {
		Name, Action string
		Keys         []string
	}
	Credentials []struct {
		Name, Action, Renewed string
		Keys                  []string
		NextIs                string `json:"next_is"`
		NextWas               string `json:"next_was"`
	}
	Sinks []struct {
		Name, Action, Path, Problem string
		Keys, After, Missing        []string
		Rewritten, Hook             bool
	}
}

// foretold returns what a plan predicts.
func (d difference) foretold() e2etest.Planned {
	p := e2etest.Planned{Next: map[string]string{}}
	for _, c := range d.Credentials {
		switch {
		case c.Action == "removed":
		case c.Renewed != "":
			p.Renewed = append(p.Renewed, c.Name)
		default:
			p.Next[c.Name] = c.NextIs
		}
	}
	for _, s := range d.Sinks {
		if s.Rewritten || len(s.After) > 0 {
			p.Rewritten = append(p.Rewritten, s.Path)
		}
		if s.Hook {
			p.Hooks = append(p.Hooks, s.Name)
		}
	}
	return p.Sorted()
}

// planStep is one change of the configuration, and what it must do: -1 for a refusal.
type planStep struct {
	what    string
	edit    func(string) string
	renewed int // credentials
	written int // files
	says    string
}

// TestPlanForetellsWhatAReloadDoes runs plan before every change and compares
// its prediction with what the reload did: which credentials were renewed,
// which files changed, which hooks ran, and when the next attempts are due.
func TestPlanForetellsWhatAReloadDoes(t *testing.T) {
	t.Parallel()
	tills := tss.New(tss.Options{})
	vault := senhasegura.New(senhasegura.Settings{
		Lifetime:     2 * time.Hour,
		Applications: []senhasegura.Application{{ClientID: e2etest.VaultID, ClientSecret: e2etest.VaultSecret}, {ClientID: otherID, ClientSecret: otherSecret}},
	}, nil)
	w := e2etest.Furnish(t, tills, vault, `on_change = { command = ["/bin/sh", "-c", "echo $VIGENTE_SINK >> {dir}/hooks"] }
[providers.spare]
type = "senhasegura"
url = "{vault}"
client_id = "`+otherID+`"
client_secret = { file = "{dir}/other" }
[credentials.spare]
provider = "spare"
[sinks.spare]
type = "file"
path = "{dir}/out/spare.token"
content = "${spare.access_token}"
`)
	w.Write("other", otherSecret+"\n")
	w.Write("config.toml", strings.NewReplacer("{vault}", w.VaultURL(t), `min_interval = "1s"`, `min_interval = "100ms"`).Replace(w.Read("config.toml")))
	w.Start()
	w.Eventually("everything is delivered", w.Settled)
	for _, step := range planSteps(t, w) {
		step.check(t, w)
	}
}

// planSteps returns the changes, each of which builds on the ones before it.
func planSteps(t *testing.T, w *e2etest.World) []planStep {
	t.Helper()
	change := func(old, text string) func(string) string {
		return func(all string) string {
			old, text := strings.ReplaceAll(old, "{dir}", w.Dir), strings.ReplaceAll(text, "{dir}", w.Dir)
			if !strings.Contains(all, old) {
				t.Fatalf("the configuration does not contain %q", old)
			}
			return strings.Replace(all, old, text, 1)
		}
	}
	add := func(text string) func(string) string {
		return func(all string) string { return all + strings.ReplaceAll(text, "{dir}", w.Dir) }
	}
	minute := time.Now().Add(30 * time.Minute).In(saoPaulo(t)).Minute()
	w.Write("secret-again", e2etest.VaultSecret+"\n")
	spare := "\n[providers.spare]\ntype = \"senhasegura\"\nurl = \"" + w.VaultURL(t) + "\"\nclient_id = \"" + otherID + "\"\n"
	return []planStep{
		{"a comment", add("# nothing\n"), 0, 0, ""},
		{"the level of the log", change(`level = "debug"`, `level = "info"`), 0, 0, "log.level"},
		{"the life of a policy", change(`max_age = "1h"`, `max_age = "2h"`), 0, 0, "max_age"},
		{"a sink of its expiry", add("[sinks.until]\ntype = \"file\"\npath = \"{dir}/out/until\"\ncontent = \"${loja.expires_at} ${loja.generation}\"\n"), 0, 1, "until"},
		{"the life again", change(`max_age = "2h"`, `max_age = "3h"`), 0, 1, "max_age"},
		{"a margin", change("[credentials.vault]\n", "[credentials.vault]\nrenew_before = \"50%\"\n"), 0, 0, "renew_before"},
		{"the jitter of all", change("[renewal]\n", "[renewal]\njitter = \"0%\"\n"), 0, 0, "jitter"},
		{"a time-out", change(`timeout = "3s"`, `timeout = "4s"`), 0, 0, "timeout"},
		{"a schedule", change("[credentials.vault]\n", fmt.Sprintf("[credentials.vault]\nschedule = \"%d * * * *\"\n", minute)), 0, 0, "schedule"},
		{"its zone", change("[credentials.vault]\n", "[credentials.vault]\ntimezone = \"UTC\"\n"), 0, 0, "schedule"},
		{"no schedule", change(fmt.Sprintf("schedule = \"%d * * * *\"\n", minute), ""), 0, 0, "schedule"},
		{"the same secret elsewhere", change("{dir}/secret", "{dir}/secret-again"), 0, 0, ""},
		{"how a secret is sent", change("client_secret =", "auth_style = \"body\"\nclient_secret ="), 1, 2, "auth_style"},
		{"a rate", change("type = \"tss\"\n", "type = \"tss\"\nrate = \"90/s\"\n"), 0, 0, "rate"},
		{"a concurrency", change("type = \"tss\"\n", "type = \"tss\"\nconcurrency = 3\n"), 0, 0, "concurrency"},
		{"a key of a provider", change("type = \"tss\"\n", "type = \"tss\"\ntoken_pattern = \"^[0-9A-Fa-f]{4,80}$\"\n"), 1, 3, "token_pattern"},
		{"another branch", change(`ie = "111010945111"`, `ie = "110042490114"`), 1, 3, "identity"},
		{"and back", change(`ie = "110042490114"`, `ie = "111010945111"`), 0, 3, "ie"},
		{"a credential without a sink", add("[credentials.second]\nprovider = \"tss\"\ncnpj = \"11.222.333/0001-81\"\nuf = \"SP\"\n"), 1, 0, "second"},
		{"a sink of two", add("[sinks.two]\ntype = \"file\"\npath = \"{dir}/out/two\"\ncontent = \"${second.token} ${spare.access_token}\"\n"), 0, 1, "two"},
		{"its text", change("${second.token} ${spare", "${second.token},${spare"), 0, 1, "content"},
		{"its mode", change("[sinks.two]\n", "[sinks.two]\nmode = \"0640\"\n"), 0, 0, "mode"},
		{"its path", change("{dir}/out/two", "{dir}/out/two.new"), 0, 1, "path"},
		{"a command for it", change("[sinks.two]\n", "[sinks.two]\non_change = { command = [\"/bin/sh\", \"-c\", \"echo $VIGENTE_SINK >> {dir}/hooks\"] }\n"), 0, 0, "on_change"},
		{"its text with a command", change("${second.token},${spare", "${second.token};${spare"), 0, 1, "content"},
		{"how it is guarded", change("[sinks.two]\n", "[sinks.two]\nenforce = true\n"), 0, 0, ""},
		{"who reads a file", change("type = \"env\"\n", "type = \"env\"\nstyle = \"docker\"\n"), 0, 0, "style"},
		{"one more variable", change("{ VAULT_TOKEN =", "{ MORE = \"${vault.generation}\", VAULT_TOKEN ="), 0, 1, "values.MORE"},
		{"one variable less", change("MORE = \"${vault.generation}\", ", ""), 0, 0, "values.MORE"},
		{"another key of a section", change("{ TOKEN =", "{ ONLINEPORT ="), 0, 1, "values.ONLINEPORT"},
		{"another provider of the same backend", func(all string) string {
			all = change("[credentials.spare]\nprovider = \"spare\"\n", "[credentials.spare]\nprovider = \"moved\"\n")(all)
			return strings.Replace(all, "[providers.spare]", "[providers.moved]", 1)
		}, 0, 0, "moved"},
		{"the old name beside it", add(spare + "scope_less = false\n"), -1, -1, "unknown key"},
		{"a folder that is not there", change("{dir}/out/two.new", "{dir}/nowhere/two"), 0, 0, "nowhere"},
		{"the folder again", change("{dir}/nowhere/two", "{dir}/out/two.new"), 0, 0, "two.new"},
		{"a credential fewer", func(all string) string {
			_, rest, _ := strings.Cut(all, "[sinks.two]\n")
			return strings.Replace(strings.Replace(all, "[sinks.two]\n"+rest, "", 1),
				"[credentials.second]\nprovider = \"tss\"\ncnpj = \"11.222.333/0001-81\"\nuf = \"SP\"\n", "", 1)
		}, 0, 0, "removed"},
		{"a name", func(all string) string {
			return strings.NewReplacer("[credentials.spare]", "[credentials.other]", "${spare.", "${other.").Replace(all)
		}, 1, 1, "other"},
		{"another account", change("client_id = \""+e2etest.VaultID+"\"\nauth_style = \"body\"\nclient_secret = { file = \"{dir}/secret-again\" }",
			"client_id = \""+otherID+"\"\nscope_of_it = \"\"\nclient_secret = { file = \"{dir}/other\" }"), -1, -1, "scope_of_it"},
		{"the state's folder", change("{dir}/state\"", "{dir}/state2\""), -1, -1, "state_dir"},
		{"trust in anybody", change("[providers.moved]\n", "[providers.moved]\ntls = { insecure_skip_verify = true }\n"), 1, 1, "tls.insecure_skip_verify"},
	}
}

func (step planStep) check(t *testing.T, w *e2etest.World) {
	t.Helper()
	begun := time.Now()
	before, logged := w.Traces(), len(w.Daemon.Log.String())
	current := w.Read("config.toml")
	next := step.edit(current)
	w.Write("new.toml", next)
	code, out, errs := w.Run("plan", w.Path("new.toml"), "--json")
	if strings.Contains(out+errs, "canary") {
		t.Fatalf("%s: the plan shows a secret:\n%s", step.what, out+errs)
	}
	if !strings.Contains(out+errs, step.says) {
		t.Errorf("%s: the plan does not mention %q:\n%s%s", step.what, step.says, out, errs)
	}
	if _, text, _ := w.Run("plan", w.Path("new.toml")); (text == "Nothing changes.\n") != (step.says == "" && step.what != "how it is guarded") {
		t.Errorf("%s: got as text:\n%s", step.what, text)
	}
	if now := w.Traces().Since(before); len(now.Renewed)+len(now.Rewritten)+len(now.Hooks) > 0 {
		t.Fatalf("%s: the plan itself changed %+v", step.what, now)
	}
	var d difference
	if code == 0 {
		if err := json.Unmarshal([]byte(out), &d); err != nil {
			t.Fatalf("%s: %v\n%s", step.what, err, out)
		}
	}
	if err := os.Rename(w.Path("new.toml"), w.Path("config.toml")); err != nil {
		t.Fatal(err)
	}
	reloaded, _, complaint := w.Run("reload")
	if step.renewed < 0 { // refused: the plan has said so
		refused := len(d.Restart) > 0 && d.Restart[0].Refused
		if reloaded != 3 || code == 0 != refused || code != 0 && code != 3 {
			t.Errorf("%s: exit codes: plan %d (%s), reload %d (%s)", step.what, code, errs, reloaded, complaint)
		}
		w.Write("config.toml", current)
		if code, _, errs := w.Run("reload"); code != 0 {
			t.Fatalf("%s: reload after restoring: %s", step.what, errs)
		}
		return
	}
	if code != 0 || reloaded != 0 {
		t.Fatalf("%s: exit codes: plan %d (%s), reload %d (%s)", step.what, code, errs, reloaded, complaint)
	}
	want := d.foretold()
	if len(want.Renewed) != step.renewed || len(want.Rewritten) != step.written {
		t.Errorf("%s: predicted %+v, want %d renewed and %d written", step.what, want, step.renewed, step.written)
	}
	w.Eventually(step.what+" has settled", w.Settled)
	got := w.Traces().Since(before)
	if !slices.Equal(got.Renewed, want.Renewed) || !slices.Equal(got.Rewritten, want.Rewritten) || !slices.Equal(got.Hooks, want.Hooks) {
		t.Errorf("%s: predicted %+v, but got %+v", step.what, want, got)
	}
	if said := willRenew(t, w.Daemon.Log.String()[logged:]); !slices.Equal(said, want.Renewed) {
		t.Errorf("%s: the log predicts renewals of %v, want %v", step.what, said, want.Renewed)
	}
	if step.says == "identity" && !strings.Contains(w.Daemon.Log.String(), "identity changed") {
		t.Errorf("%s: the log does not report the changed identity", step.what)
	}
	for _, c := range w.Status().Credentials {
		if at := want.Next[c.Name]; at != "" && seconds(t, at) != seconds(t, c.NextAttemptAt) {
			t.Errorf("%s: next attempt of %s: predicted %s, got %s", step.what, c.Name, at, c.NextAttemptAt)
		}
	}
	for _, s := range d.Sinks {
		if state := w.Status().States()[s.Name]; s.Problem != "" && state != "failing" {
			t.Errorf("%s: %s was predicted to fail (%s), but is %s", step.what, s.Name, s.Problem, state)
		}
	}
	t.Logf("%s: %s", step.what, time.Since(begun).Round(time.Millisecond))
}

func saoPaulo(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("America/Sao_Paulo")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func seconds(t *testing.T, text string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.Unix()
}

// willRenew returns the credentials that reloads will renew according to the
// log.
func willRenew(t *testing.T, log string) (names []string) {
	t.Helper()
	for line := range strings.Lines(log) {
		var said struct {
			Msg       string   `json:"msg"`
			WillRenew []string `json:"will_renew"`
		}
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		if said.Msg == "configuration loaded" {
			names = append(names, said.WillRenew...)
		}
	}
	return names
}
