package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

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

// The month of a manual page does not depend on the time zone of the machine that
// builds the package.
func TestDateOfManualPagesIsUTC(t *testing.T) {
	a := &app{Process: &Process{Getenv: func(string) string { return "1796058729" }}}
	if at, err := a.manDate(); err != nil || at.Location() != time.UTC || at.Unix() != 1796058729 {
		t.Errorf("got %v in %v, %v, want the time in UTC", at, at.Location(), err)
	}
}
