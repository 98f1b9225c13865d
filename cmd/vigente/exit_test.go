package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/internal/section"
)

// exitCase is one way in which a command can end.
type exitCase struct {
	args    string
	backend *fakeBackend // nil: no daemon runs
	openErr error
	code    int
	err     string // in stderr
}

func (tt exitCase) check(t *testing.T) {
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
}

func checkExits(t *testing.T, cases []exitCase) {
	t.Helper()
	for _, tt := range cases {
		t.Run(strings.TrimSpace(tt.args), tt.check)
	}
}

// brokenConfig is what a configuration with two faults returns.
func brokenConfig() error {
	return &load.ConfigError{Faults: []section.Fault{{File: "a.toml", Line: 3, Key: "b.c", Message: "wrong"}, {File: "a.toml", Line: 9, Key: "d", Message: "bad"}}}
}

func TestExitCodesWithoutADaemon(t *testing.T) {
	broken := brokenConfig()
	checkExits(t, []exitCase{
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

		{"man x y", nil, nil, 2, `unexpected argument "y" (expected FOLDER only)`},
		{"demo x", nil, nil, 2, ""},
		{"completion bash", nil, nil, 0, ""},
		{"help", nil, nil, 0, ""},
		{"help completion bash", nil, nil, 0, ""},
		{"help nonsense", nil, nil, 2, `unknown command "nonsense" for "vigente"`},
		{"completion", nil, nil, 2, "vigente: SHELL is missing"},
		{"completion tcsh", nil, nil, 2, `SHELL "tcsh" is not known (expected one of bash, fish, powershell, zsh)`},
	})
}

func TestExitCodesOfLooking(t *testing.T) {
	good, bad := &fakeBackend{view: healthy()}, &fakeBackend{view: troubled()}
	silent := &fakeBackend{err: errSilent}
	failing := &fakeBackend{view: healthy()}
	failing.view.Credentials[0].State = engine.Failing
	checkExits(t, []exitCase{
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
	})
}

func TestExitCodesOfChanging(t *testing.T) {
	good, broken := &fakeBackend{view: healthy()}, brokenConfig()
	silent := &fakeBackend{err: errSilent}
	checkExits(t, []exitCase{
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
	})
}

func TestExitCodesOfValues(t *testing.T) {
	good := &fakeBackend{view: healthy()}
	checkExits(t, []exitCase{
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
	})
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

func TestDeniedIsAFailure(t *testing.T) {
	if got := exitOf(control.CodeDenied); got != exitFailed {
		t.Errorf("denied exits with %d", got)
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
