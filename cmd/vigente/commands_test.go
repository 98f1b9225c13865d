package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/internal/section"
)

// TestExitCodes lists the ways in which each command can end.
func TestExitCodes(t *testing.T) {
	good, bad := &fakeBackend{view: healthy()}, &fakeBackend{view: troubled()}
	silent := &fakeBackend{err: errSilent}
	failing := &fakeBackend{view: healthy()}
	failing.view.Credentials[0].State = engine.Failing
	broken := &load.ConfigError{Faults: []section.Fault{{File: "a.toml", Line: 3, Key: "b.c", Message: "wrong"}, {File: "a.toml", Line: 9, Key: "d", Message: "bad"}}}
	tests := []struct {
		args    string
		backend *fakeBackend // nil: no daemon runs
		openErr error
		code    int
		err     string // in stderr
	}{
		{"", nil, nil, 2, "vigente: a command is missing; see vigente --help"},
		{"nonsense", nil, nil, 2, `vigente: unknown command "nonsense" for "vigente"; see vigente --help`},
		{"status --nonsense", nil, nil, 2, "vigente: unknown flag: --nonsense; see vigente status --help"},
		{"version", nil, nil, 0, ""},
		{"version x", nil, nil, 2, "see vigente version --help"},
		{"--version", nil, nil, 0, ""},
		{"statsu", nil, nil, 2, `vigente: unknown command "statsu" for "vigente" (did you mean status?); see vigente --help`},
		{"relaod", nil, nil, 2, "(did you mean reload?)"},
		{"status --jsn", nil, nil, 2, "vigente: unknown flag: --jsn (did you mean --json?); see vigente status --help"},
		{"renew --ignore-cooldwn x", nil, nil, 2, "(did you mean --ignore-cooldown?)"},
		{"--help", nil, nil, 0, ""},

		{"check", nil, nil, 0, ""},
		{"check", nil, broken, 3, "a.toml:3: b.c: wrong\na.toml:9: d: bad\n"},
		{"check x", nil, nil, 2, ""},
		{"run", nil, broken, 3, "a.toml:3: b.c: wrong\na.toml:9: d: bad\n"},
		{"run", nil, errors.New("open state: it is locked"), 1, "vigente: open state: it is locked"},
		{"run x", nil, nil, 2, `vigente: unexpected argument "x" (expected no argument); see vigente run --help`},

		{"status", good, nil, 0, ""},
		{"status", bad, nil, 0, ""},
		{"status", nil, nil, 4, "vigente: no daemon is running"},
		{"status", silent, nil, 4, "vigente: the daemon does not answer"},
		{"status loja till", good, nil, 0, ""},
		{"status nada loja nichts", good, nil, 2, "nada, nichts"},
		{"status --check", good, nil, 0, ""},
		{"status --check", bad, nil, 5, "credential cofre: parked: the client secret was refused\n"},
		{"status --check", bad, nil, 5, "sink api: failing: the folder is not writable\n"},
		{"status --check loja", bad, nil, 5, "sink api: failing"},
		{"status --check till", bad, nil, 0, ""},
		{"status --check nada", good, nil, 2, "nada"},
		{"status --check", nil, nil, 4, ""},
		{"status l*", good, nil, 0, ""},
		{"status x*", good, nil, 2, "x*"},
		{"status --state parked", good, nil, 0, ""},
		{"status --state nonsense", good, nil, 2, `--state "nonsense" is not a state (expected one of parked, pending, `},
		{"status --provider none", good, nil, 0, ""},
		{"status --fleet none", good, nil, 0, ""},
		{"status --limit -1", good, nil, 2, "--limit -1 is less than 0"},
		{"status --limit 1", bad, nil, 0, ""},
		{"status --check", failing, nil, 5, "credential loja: failing: renewal fails\n"},
		{"status --json --check", bad, nil, 5, "sink api"},

		{"explain loja", good, nil, 0, ""},
		{"explain", good, nil, 2, "NAME is missing"},
		{"explain loja till", good, nil, 2, "till is a sink"},
		{"explain *", good, nil, 0, ""},
		{"explain --provider tss", good, nil, 0, ""},
		{"explain --provider none", good, nil, 0, ""},
		{"explain nada", good, nil, 2, "nada"},
		{"explain till", good, nil, 2, "till is a sink"},
		{"explain loja", nil, nil, 4, ""},

		{"wait loja", good, nil, 0, ""},
		{"wait loja", failing, nil, 0, ""},
		{"wait", good, nil, 2, "vigente: NAME is missing; see vigente wait --help\n"},
		{"wait nada", good, nil, 2, "nada"},
		{"wait loja", nil, nil, 4, "vigente: no daemon is running"},
		{"wait loja", silent, nil, 4, ""},
		{"wait novo --timeout 10ms", bad, nil, 5, "credential novo: pending: nothing obtained yet\nvigente: not valid and delivered within 10ms\n"},
		{"wait loja --timeout 0s", good, nil, 2, "expected more than 0"},
		{"wait loja --timeout soon", good, nil, 2, "not a duration"},

		{"renew loja", good, nil, 0, ""},
		{"renew --all", good, nil, 0, ""},
		{"renew", good, nil, 2, "NAME is missing (expected names, or --all)"},
		{"renew loja --all", good, nil, 2, "expected names, or --all without a name"},
		{"renew l?ja", good, nil, 0, ""},
		{"renew x*", good, nil, 2, "x*"},
		{"renew --provider tss", good, nil, 0, ""},
		{"renew --provider none", good, nil, 0, ""},
		{"renew --state nonsense", good, nil, 2, `--state "nonsense" is not a state`},
		{"renew nada", good, nil, 2, "nada"},
		{"renew till", good, nil, 2, "till"},
		{"renew loja", nil, nil, 4, ""},
		{"renew loja", silent, nil, 4, ""},
		{"renew loja", &fakeBackend{view: healthy(), ends: []engine.RenewResult{{Name: "loja", Failure: "refused"}}}, nil, 1, "loja: not renewed: refused\n"},
		{
			"renew loja", &fakeBackend{view: healthy(), ends: []engine.RenewResult{{Name: "loja", Failure: "not renewed, since sink till is full"}}}, nil, 1,
			"loja: not renewed: since sink till is full\n",
		},
		{
			"renew loja", &fakeBackend{view: healthy(), ends: []engine.RenewResult{{
				Name: "loja", Failure: "full", Sink: "a", Undelivered: []engine.Undelivered{{Sink: "a", Failure: "full"}, {Sink: "b", Failure: "closed"}},
			}}}, nil, 1,
			"loja: renewed, but not delivered to a: full\nloja: renewed, but not delivered to b: closed\n",
		},
		{
			"renew loja", &fakeBackend{view: healthy(), ends: []engine.RenewResult{{Name: "loja", Failure: "full", Sink: "till"}}}, nil, 1,
			"loja: renewed, but not delivered to till: full\n",
		},

		{"reload", good, nil, 0, ""},
		{"reload", nil, nil, 4, ""},
		{"reload x", good, nil, 2, ""},
		{"reload", &fakeBackend{reloadErr: broken}, nil, 3, "a.toml:3: b.c: wrong\na.toml:9: d: bad\nvigente: the new configuration was refused; still running the old one\n"},
		{"reload --json", &fakeBackend{reloadErr: broken}, nil, 3, ""},
		{"reload --accept-removals --accept-identities", good, nil, 0, ""},

		{"pause loja", good, nil, 0, ""},
		{"pause loja --for 2h", good, nil, 0, ""},
		{"pause loja --for 0s", good, nil, 2, "expected more than 0"},
		{"pause", good, nil, 2, "NAME is missing"},
		{"pause nada", good, nil, 2, "nada"},
		{"pause till", good, nil, 2, "till"},
		{"pause loja", nil, nil, 4, ""},
		{"resume l*", good, nil, 0, ""},
		{"resume nada", good, nil, 2, "nada"},
		{"resume loja", nil, nil, 4, ""},
		{"forget velha", good, nil, 0, ""},
		{"forget loja", good, nil, 1, "still in the configuration"},
		{"forget nada", good, nil, 2, "no record is kept of: nada"},
		{"forget", good, nil, 2, "NAME is missing"},
		{"forget velha", nil, nil, 4, ""},

		{"show loja", good, nil, 0, ""},
		{"show", good, nil, 2, ""},
		{"show nada", good, nil, 2, "nada"},
		{"show loja", nil, nil, 4, ""},
		{"show loja --field x", &fakeBackend{view: healthy(), valueErr: fmt.Errorf("%w field x", control.ErrUnknown)}, nil, 2, "vigente: unknown field x"},
		{"show loja", &fakeBackend{view: healthy(), valueErr: errors.New("no value yet")}, nil, 1, "vigente: no value yet"},

		{"sign loja GET http://a/", good, nil, 0, ""},
		{"sign loja GET", good, nil, 2, "URL is missing"},
		{"sign loja GET http://a/ --form x", good, nil, 2, `--form "x" has no key`},
		{"sign nada GET http://a/", good, nil, 2, "nada"},
		{"sign loja GET http://a/", nil, nil, 4, ""},
		{"sign loja GET http://a/", &fakeBackend{view: healthy(), valueErr: errors.New("no value yet")}, nil, 1, "vigente: no value yet"},
		{"sign loja GET http://a/", &fakeBackend{view: healthy(), valueErr: &control.MisuseError{Err: errors.New("signs nothing")}}, nil, 2, "vigente: signs nothing\n"},

		{"emulate", nil, nil, 2, ""},
		{"emulate nonsense", nil, nil, 2, `KIND "nonsense" is not known (expected one of arqged, exec, http, integra-contador, oauth2, senhasegura, tss)`},
		{"emulate tss --listen nonsense", nil, nil, 2, `--listen "nonsense" is not an address`},
		{"emulate tss --listen 127.0.0.1:x", nil, nil, 2, "has no port"},
		{"emulate tss --fault nonsense", nil, nil, 2, `--fault "nonsense": none of these emulators has it`},
		{"emulate tss --certificates nowhere", nil, nil, 2, "--certificates works with integra-contador only"},
		{"emulate exec http --print http://127.0.0.1:1/text", nil, nil, 2, "--print works with exec only"},
		{"emulate exec --print http://127.0.0.1:1/text", nil, nil, 69, "emulated: the emulator does not answer"},
		{"emulate tss --fault nonsense=0", nil, nil, 2, "not a number of calls"},

		{"man x y", nil, nil, 2, `unexpected argument "y" (expected FOLDER only)`},
		{"demo x", nil, nil, 2, ""},
		{"completion bash", nil, nil, 0, ""},
		{"help", nil, nil, 0, ""},
		{"help completion bash", nil, nil, 0, ""},
		{"help nonsense", nil, nil, 2, `unknown command "nonsense" for "vigente"`},
		{"completion", nil, nil, 2, "vigente: SHELL is missing"},
		{"completion tcsh", nil, nil, 2, `SHELL "tcsh" is not known (expected one of bash, fish, powershell, zsh)`},
	}
	for _, tt := range tests {
		t.Run(strings.TrimSpace(tt.args), func(t *testing.T) {
			w := newWorld(t)
			w.openErr = tt.openErr
			if tt.backend != nil {
				w.serve(t, tt.backend)
			}
			got := w.do(t.Context(), strings.Fields(tt.args)...)
			if got.code != tt.code {
				t.Errorf("exit code %d, want %d\nstdout: %s\nstderr: %s", got.code, tt.code, got.out, got.err)
			}
			if !strings.Contains(got.err, tt.err) {
				t.Errorf("stderr is %q, want %q in it", got.err, tt.err)
			}
			if got.code == 0 && got.err != "" {
				t.Errorf("stderr of a success is %q", got.err)
			}
			if got.code == 2 && strings.Count(got.err, "\n") != 1 {
				t.Errorf("a usage error takes more than a line: %q", got.err)
			}
			if got.code != 0 && got.out != "" && !strings.Contains(tt.args, "--json") {
				t.Errorf("stdout of a failure is %q", got.out)
			}
		})
	}
}

// TestJSONWhenItFails wants one document with its format from every way to fail.
func TestJSONWhenItFails(t *testing.T) {
	good, bad := &fakeBackend{view: healthy()}, &fakeBackend{view: troubled()}
	refused := &fakeBackend{view: healthy(), reloadErr: errors.New("a.toml:3: b.c: wrong"), valueErr: errors.New("no value yet")}
	failing := &fakeBackend{view: healthy(), ends: []engine.RenewResult{{Name: "loja", Failure: "full", Sink: "till"}}}
	for _, tt := range []struct {
		args    string
		backend *fakeBackend // nil: no daemon runs
		code    int
	}{
		{"status", nil, 4},
		{"status nada", good, 2},
		{"status --check", bad, 5},
		{"status --nonsense", good, 2},
		{"explain loja", nil, 4},
		{"explain nada", good, 2},
		{"explain till", good, 2},
		{"renew loja", nil, 4},
		{"renew nada", good, 2},
		{"renew loja", failing, 1},
		{"renew", good, 2},
		{"wait loja", nil, 4},
		{"wait nada", good, 2},
		{"wait novo --timeout 10ms", bad, 5},
		{"reload", nil, 4},
		{"reload", refused, 3},
		{"pause loja", nil, 4},
		{"pause nada", good, 2},
		{"pause loja", refused, 1},
		{"resume nada", good, 2},
		{"forget loja", good, 1},
		{"forget nada", good, 2},
		{"show loja", nil, 4},
		{"show loja", refused, 1},
		{"sign loja GET http://a/", refused, 1},
		{"sign nada GET http://a/", good, 2},
		{"version x", nil, 2},
		{"plan none.toml", good, 3},
	} {
		w := newWorld(t)
		if tt.backend != nil {
			w.serve(t, tt.backend)
		}
		got := w.do(t.Context(), append(strings.Fields(tt.args), "--json")...)
		var document struct{ Format int }
		if err := json.Unmarshal([]byte(got.out), &document); err != nil || document.Format != 1 || got.code != tt.code {
			t.Errorf("%s: exit code %d, want %d; %v in %q; stderr %q", tt.args, got.code, tt.code, err, got.out, got.err)
		}
	}
}

// TestManualPages wants the sections that a reader of manuals looks for.
func TestManualPagesHaveTheirSections(t *testing.T) {
	w := newWorld(t)
	page := w.do(t.Context(), "man").out
	for _, section := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "FILES", "ENVIRONMENT", "EXIT STATUS", "EXAMPLES"} {
		if !strings.Contains(page, ".SH "+section+"\n") {
			t.Errorf("vigente(1) has no %s", section)
		}
	}
	reference := w.do(t.Context(), "man", "--toml").out
	for _, key := range []string{"control_socket", "renew_before", "pin_sha256", "detail_limit"} {
		if !strings.Contains(reference, strings.ReplaceAll(key, "_", "_")) {
			t.Errorf("vigente.toml(5) does not explain %s", key)
		}
	}
	folder := t.TempDir()
	if got := w.do(t.Context(), "man", folder); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	for _, name := range []string{"vigente.1", "vigente-status.1", "vigente.toml.5"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestDeniedIsAFailure(t *testing.T) {
	if got := exitOf(control.CodeDenied); got != exitFailed {
		t.Errorf("denied exits with %d", got)
	}
}

func TestGoldenOutputs(t *testing.T) {
	for name, args := range map[string]string{
		"status.txt":       "status",
		"status-one.txt":   "status loja",
		"status.json":      "status --json",
		"status-one.json":  "status --json novo",
		"explain.txt":      "explain loja",
		"explain-sick.txt": "explain cofre",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.serve(t, &fakeBackend{view: troubled(), lastError: "a.toml:3: b.c: wrong\na.toml:9: d: bad"})
			got := w.do(t.Context(), strings.Fields(args)...)
			if got.code != 0 {
				t.Fatalf("%+v", got)
			}
			golden(t, name, got.out)
			if strings.HasSuffix(name, "json") && !json.Valid([]byte(got.out)) {
				t.Error("the output is no JSON")
			}
		})
	}
}

// TestStatusOfAFilterThatMatchesNothing must not say that nothing is configured.
func TestStatusOfAFilterThatMatchesNothing(t *testing.T) {
	w := newWorld(t)
	w.serve(t, &fakeBackend{view: healthy()})
	got := w.do(t.Context(), "status", "--state", "expired")
	if want := "Nothing matches.\n"; got.code != exitDone || got.out != want || got.err != "" {
		t.Errorf("got exit code %d, %q and %q, want 0 and %q", got.code, got.out, got.err, want)
	}
}

func TestStatusOfNothing(t *testing.T) {
	w := newWorld(t)
	w.serve(t, &fakeBackend{})
	if got := w.do(t.Context(), "status"); got.out != "Nothing is configured yet.\n" {
		t.Errorf("%+v", got)
	}
}

func TestCheckSaysWhatThereIs(t *testing.T) {
	w := newWorld(t)
	if got := w.do(t.Context(), "check"); got.out != "ok\n1 provider, 3 credentials, 0 sinks in 2 files\n" {
		t.Errorf("%+v", got)
	}
	if w.opened.ConfigPath != w.config() || w.opened.UID != 1000 || len(w.opened.Providers) == 0 {
		t.Errorf("the configuration was opened with %+v", w.opened)
	}
}

func TestValuesGoToStdoutOnly(t *testing.T) {
	w := newWorld(t)
	backend := &fakeBackend{view: healthy()}
	w.serve(t, backend)
	if got := w.do(t.Context(), "show", "loja", "--field", "token"); got.out != canary+"\n" {
		t.Errorf("%+v", got)
	}
	if want := []string{"show", "loja", "token"}; !slices.Equal(backend.asked, want) {
		t.Errorf("asked %v", backend.asked)
	}
	if got := w.do(t.Context(), "sign", "loja", "POST", "http://a/?b=c", "--form", "a=1", "--form", "a=2=3"); got.out != "Authorization: OAuth "+canary+"\n" {
		t.Errorf("%+v", got)
	}
	if want := []string{"sign", "loja", "POST", "http://a/?b=c", "1+2=3"}; !slices.Equal(backend.asked, want) {
		t.Errorf("asked %v", backend.asked)
	}
	if w.hardened != 2 {
		t.Errorf("the process was hardened %d times", w.hardened)
	}
}

func TestRenewTellsEachEnd(t *testing.T) {
	w := newWorld(t)
	backend := &fakeBackend{view: troubled(), ends: []engine.RenewResult{
		{Name: "loja", Generation: 4}, {Name: "cofre", Failure: "refused"}, {Name: "novo", Generation: 1},
	}}
	w.serve(t, backend)
	got := w.do(t.Context(), "renew", "--all")
	want := result{1, "loja: generation 4 is delivered\nnovo: generation 1 is delivered\n", "cofre: not renewed: refused\n"}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if want := []string{"cofre", "loja", "novo"}; !slices.Equal(backend.asked, want) {
		t.Errorf("renewed %v", backend.asked)
	}
}

func TestProgressBar(t *testing.T) {
	var out, errs, bar strings.Builder
	p := &progress{out: &printer{to: &out}, err: &printer{to: &errs}, bar: &printer{to: &bar}}
	p.Begin(3)
	p.End(engine.RenewResult{Name: "a", Generation: 1})
	p.End(engine.RenewResult{Name: "b", Failure: "refused"})
	p.End(engine.RenewResult{Name: "c", Generation: 1})
	const clear = "\r\x1b[K"
	cells := func(full int) string { return strings.Repeat("█", full) + strings.Repeat("░", 30-full) }
	want := "\r" + cells(0) + " 0 of 3, 0 failed" + clear + "\r" + cells(10) + " 1 of 3, 0 failed" + clear + "\r" + cells(20) + " 2 of 3, 1 failed" + clear
	if bar.String() != want {
		t.Errorf("the bar is %q, want %q", bar.String(), want)
	}
	if p.failed != 1 || strings.Count(out.String(), "\n") != 2 || strings.Count(errs.String(), "\n") != 1 {
		t.Errorf("%+v %q %q", p, out.String(), errs.String())
	}
	for columns, want := range map[int]string{
		10: "\r0 of 14, 0", 21: "\r░░░ 0 of 14, 0 failed", 100: "\r" + strings.Repeat("░", 30) + " 0 of 14, 0 failed",
	} {
		bar.Reset()
		(&progress{bar: &printer{to: &bar}, width: columns}).Begin(14)
		if bar.String() != want {
			t.Errorf("on %d columns the bar is %q, want %q", columns, bar.String(), want)
		}
	}
	bar.Reset()
	none := &progress{out: &printer{to: &out}, err: &printer{to: &errs}, bar: &printer{to: &bar}}
	none.Begin(0) // nothing to divide by
}

func TestManualPages(t *testing.T) {
	w := newWorld(t)
	got := w.do(t.Context(), "man")
	if got.code != 0 || !strings.Contains(got.out, `.TH "VIGENTE" "1"`) {
		t.Errorf("%d %.200s %s", got.code, got.out, got.err)
	}
	dir := filepath.Join(w.dir, "man1")
	if got := w.do(t.Context(), "man", dir); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	page, err := os.ReadFile(filepath.Join(dir, "vigente-renew.1"))
	if err != nil || !strings.Contains(string(page), "VIGENTE") || !strings.Contains(string(page), "EXAMPLE") {
		t.Errorf("%v %.200s", err, page)
	}
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	root := (&app{Process: &Process{Getenv: func(string) string { return "" }}}).root()
	documented := []string{
		"init", "run", "check", "plan", "status", "renew", "reload", "pause", "resume", "forget", "show", "wait", "explain", "sign", "demo", "emulate", "version", "man",
	}
	for _, command := range root.Commands() {
		if command.Short == "" || command.Example == "" || strings.HasSuffix(command.Short, ".") {
			t.Errorf("%s: short %q, example %q", command.Name(), command.Short, command.Example)
		}
		if !strings.Contains(command.Example, "vigente "+command.Name()) {
			t.Errorf("the example of %s does not use it: %s", command.Name(), command.Example)
		}
		documented = slices.DeleteFunc(documented, func(name string) bool { return name == command.Name() })
	}
	if len(documented) > 0 {
		t.Errorf("there is no command %v", documented)
	}
}

func TestCompletionOffersNames(t *testing.T) {
	w := newWorld(t)
	complete := func(args string) string {
		var out strings.Builder
		p := w.Process
		p.Args = append([]string{"__complete", "--config", w.config()}, append(strings.Fields(args), "")...)
		p.Stdout, p.Stderr = &out, &strings.Builder{}
		if code := Main(t.Context(), &p); code != 0 {
			t.Errorf("%s: exit code %d", args, code)
		}
		return out.String()
	}
	w.write(t, "[daemon]\ncontrol_socket = \"none.sock\"\n[credentials.a]\nprovider = \"p\"\n[credentials.b]\nprovider = \"p\"\n[sinks.a]\ntype = \"file\"\n[sinks.z]\ntype = \"ini\"\n")
	for args, want := range map[string]string{
		"status": "a\tof p\nb\tof p\nz\tsink, ini\n:4\n", "renew": "a\tof p\nb\tof p\n:4\n", "show": "a\tof p\nb\tof p\n:4\n",
	} {
		if got := complete(args); got != want {
			t.Errorf("without a daemon, %s: %q, want %q", args, got, want)
		}
	}
	w.write(t, "[daemon]\nstate_dir = \"state\"\ncontrol_socket = \"c.sock\"\n[credentials.old]\nprovider = \"p\"\n")
	w.serve(t, &fakeBackend{view: troubled()})
	const credentials = "cofre\tparked\nloja\tvalid\nnovo\tpending\n"
	for args, want := range map[string]string{
		"status":            credentials + "api\tsink, failing\ntill\tsink, delivered\n:4\n",
		"wait":              credentials + "api\tsink, failing\ntill\tsink, delivered\n:4\n",
		"renew loja":        "cofre\tparked\nnovo\tpending\n:4\n",
		"show":              credentials + ":4\n",
		"explain":           credentials + ":4\n",
		"sign":              credentials + ":4\n",
		"show loja":         ":4\n",
		"show loja --field": "token\nexpires_at\n:4\n",
		"status --state":    "parked\npending\nhandover\nexpired\noverdue\nfailing\nvalid\nbehind\ndelivered\n:4\n",
		"emulate":           "arqged\nexec\nhttp\nintegra-contador\noauth2\nsenhasegura\ntss\n:4\n",
		"plan":              "toml\n:8\n",
		"init --sink":       "env\nfile\nini\nnone\n:4\n",
		"completion":        "bash\tGenerate the autocompletion script for bash\nfish\tGenerate the autocompletion script for fish\npowershell\tGenerate the autocompletion script for powershell\nzsh\tGenerate the autocompletion script for zsh\n:4\n",
	} {
		if got := complete(args); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
}

// fullDisk fails every write.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestOutputThatIsLostIsAFailure(t *testing.T) {
	w := newWorld(t)
	w.serve(t, &fakeBackend{view: healthy()})
	for _, args := range []string{"show loja", "status", "status --json", "sign loja GET http://a/", "version", "check", "man", "explain loja", "completion bash"} {
		var errs strings.Builder
		p := w.Process
		p.Args, p.Stdout, p.Stderr = append(strings.Fields(args), "--config", w.config()), fullDisk{}, &errs
		if code := Main(t.Context(), &p); code != exitFailed || !strings.Contains(errs.String(), "no space left on device") {
			t.Errorf("%s: %d %q", args, code, errs.String())
		}
	}
}

func TestTheSocketIsFoundInABrokenConfiguration(t *testing.T) {
	w := newWorld(t)
	w.serve(t, &fakeBackend{view: healthy()})
	w.write(t, "nonsense = 1\n[daemon]\nstate_key = { file = \"/nonexistent\" }\ncontrol_socket = \"c.sock\"\n[providers.x]\n")
	if got := w.do(t.Context(), "status"); got.code != 0 {
		t.Errorf("%+v", got)
	}
}

// A configuration that is gone or empty says nothing about a running daemon.
func TestASocketThatIsOnlyGuessedIsToldAsSuch(t *testing.T) {
	const told = "because the configuration could not be read: "
	w := newWorld(t)
	w.write(t, "")
	if got := w.do(t.Context(), "status"); got.code != exitUnreachable || !strings.Contains(got.err, told+w.config()+":1: file: is empty") {
		t.Errorf("%+v", got)
	}
	w.write(t, "[daemon]\nstate_dir = \"state\"\n")
	if got := w.do(t.Context(), "status"); got.code != exitUnreachable || strings.Contains(got.err, told) {
		t.Errorf("%+v", got)
	}
}

func TestWhereTheConfigurationIs(t *testing.T) {
	env := map[string]string{}
	a := &app{Process: &Process{Getenv: func(name string) string { return env[name] }}}
	if got := a.configPath(); got != "/etc/vigente/config.toml" {
		t.Error(got)
	}
	env["VIGENTE_CONFIG"] = "/env.toml"
	if got := a.configPath(); got != "/env.toml" {
		t.Error(got)
	}
	a.configFile = "/flag.toml"
	if got := a.configPath(); got != "/flag.toml" {
		t.Error(got)
	}
}

func TestPaintAndTables(t *testing.T) {
	tab := table{heads: []string{"A", "LONGER"}, rows: []row{
		{cells: []cell{{"ção", "bad"}, {text: "x"}}, notes: []string{"note"}},
		{cells: []cell{{text: "b"}, {text: "y"}}},
	}}
	var plain, coloured strings.Builder
	tab.write(&plain, paint{})
	if want := "A    LONGER\nção  x\n  note\nb    y\n"; plain.String() != want {
		t.Errorf("%q, want %q", plain.String(), want)
	}
	tab.write(&coloured, paint{on: true})
	if want := "\x1b[1mA\x1b[0m    \x1b[1mLONGER\x1b[0m\n\x1b[31mção\x1b[0m  x\n  note\nb    y\n"; coloured.String() != want {
		t.Errorf("%q, want %q", coloured.String(), want)
	}
	a := &app{Process: &Process{Getenv: func(string) string { return "" }}}
	if a.colours(&plain) || a.isTerminal(&plain) {
		t.Error("a buffer counts as a terminal")
	}
}
