package main

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/internal/section"
)

func TestCheckForPrograms(t *testing.T) {
	w := newWorld(t)
	w.warnings = []string{"c.toml:3: sinks.a.owner: there is no user"}
	got := w.do(t.Context(), "check")
	if got.code != 0 || got.err != "warning: c.toml:3: sinks.a.owner: there is no user\n" || !strings.HasPrefix(got.out, "ok\n1 provider, 3 credentials, 0 sinks in 2 files\n") {
		t.Errorf("%+v", got)
	}
	var v verdict
	got = w.do(t.Context(), "check", "--json")
	if err := json.Unmarshal([]byte(got.out), &v); err != nil || got.code != 0 || got.err != "" || !v.OK || v.Credentials != 3 || !slices.Equal(v.Warnings, w.warnings) || len(v.Files) != 2 {
		t.Errorf("%v %+v", err, got)
	}
	w.openErr = &load.ConfigError{Faults: []section.Fault{{File: "a.toml", Line: 3, Key: "b.c", Message: "wrong"}, {File: "a.toml", Line: 9, Key: "d", Message: "bad", Path: "/secret"}}}
	got = w.do(t.Context(), "check", "--json")
	v = verdict{}
	if err := json.Unmarshal([]byte(got.out), &v); err != nil || got.code != 3 || v.OK || v.Format != 1 || !slices.Equal(v.Faults, []fault{{"wrong", "a.toml", 3, "b.c", "wrong"}, {"missing", "a.toml", 9, "d", "bad"}}) {
		t.Errorf("%v %+v", err, got)
	}
	w.openErr = errors.New("something else")
	if got := w.do(t.Context(), "check", "--json"); got.code != 1 || !strings.Contains(got.out, `"error": "something else"`) {
		t.Errorf("%+v", got)
	}
	if got := w.do(t.Context(), "check", "--json", "--probe"); got.code != 2 {
		t.Errorf("%+v", got)
	}
}

func TestVersionAndExplainForPrograms(t *testing.T) {
	w := newWorld(t)
	w.serve(t, &fakeBackend{view: troubled()})
	var version struct{ Version, Revision, Go string }
	got := w.do(t.Context(), "version", "--json")
	if err := json.Unmarshal([]byte(got.out), &version); err != nil || got.code != 0 || version.Version == "" || version.Revision == "" || !strings.HasPrefix(version.Go, "go1.") {
		t.Errorf("%v %+v", err, got)
	}
	for name, golds := range map[string]string{"loja": "explain.json", "cofre": "explain-sick.json"} {
		got := w.do(t.Context(), "explain", name, "--json")
		if got.code != 0 || !json.Valid([]byte(got.out)) {
			t.Errorf("%+v", got)
		}
		golden(t, golds, got.out)
	}
}

// TestFaultsForPrograms asks commands that load the configuration themselves for
// JSON while it has two faults.
func TestFaultsForPrograms(t *testing.T) {
	w := newWorld(t)
	w.write(t, "x = 1\n[daemon]\ny = 2\n")
	for _, command := range []string{"simulate", "doctor"} {
		got := w.do(t.Context(), command, "--json")
		var f failure
		if err := json.Unmarshal([]byte(got.out), &f); err != nil {
			t.Errorf("%s: got %v of %s", command, err, got.out)
		}
		if got.code != exitConfig || f.ExitCode != exitConfig || f.OK || f.Format != 1 {
			t.Errorf("%s: got exit code %d and %+v, want 3", command, got.code, f)
		}
		if len(f.Faults) != 2 || f.Faults[0].Kind != "wrong" || f.Faults[0].Line != 1 || f.Faults[1].Key != "daemon.y" {
			t.Errorf("%s: got the faults %+v, want those of lines 1 and 3", command, f.Faults)
		}
	}
}
