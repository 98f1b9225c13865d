package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/daemon/engine"
)

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
