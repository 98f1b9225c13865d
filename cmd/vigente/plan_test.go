package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/control"
)

// everything is a difference with each thing that can be said.
func everything() control.Difference {
	in := func(d time.Duration) *time.Time { i := at.Add(d); return &i }
	return control.Difference{
		Format: 1, At: at,
		Restart: []control.SettingChange{
			{Key: "daemon.state_dir", Was: "/a", Is: "/b", Refused: true}, {Key: "log.format", Was: "auto", Is: "json"},
		},
		Settings:  []control.SettingChange{{Key: "daemon.listen", Was: "127.0.0.1:9847", Is: ""}},
		Providers: []control.ProviderChange{{Name: "tss", Action: control.Changed, Keys: []string{"rate", "tls.ca_file"}}, {Name: "old", Action: control.Removed}},
		Credentials: []control.CredentialChange{
			{Name: "novo", Action: control.Added, Renewed: "new", NextIs: in(0)},
			{Name: "loja", Action: control.Kept, Renewed: "inputs", NextIs: in(20 * time.Second), NextWas: in(time.Hour), Why: "the minimum interval between two calls"},
			{Name: "filial", Action: control.Changed, Keys: []string{"ie"}, Renewed: "identity", Why: "waits for a credential that it depends on"},
			{Name: "cofre", Action: control.Changed, Keys: []string{"max_age"}, NextWas: in(time.Hour), NextIs: in(2 * time.Hour), Why: "renewed by age, because the server states no expiry"},
			{Name: "ged", Action: control.Changed, Keys: []string{"timeout"}, NextWas: in(time.Hour), NextIs: in(time.Hour)},
			{Name: "sem", Action: control.Added, Why: "parked: something that it depends on is missing"},
			{Name: "velho", Action: control.Removed, NextWas: in(time.Hour)},
		},
		Sinks: []control.SinkChange{
			{Name: "till", Path: "/t.ini", Action: control.Kept, After: []string{"loja"}, Hook: true},
			{Name: "both", Path: "/both", Action: control.Changed, Keys: []string{"content"}, Rewritten: true, After: []string{"loja", "novo"}},
			{Name: "env", Path: "/new.env", Action: control.Changed, Keys: []string{"path"}, Rewritten: true, LeftBehind: "/old.env"},
			{Name: "mode", Path: "/m", Action: control.Changed, Keys: []string{"mode"}},
			{Name: "later", Path: "/l", Action: control.Added, Missing: []string{"parada"}},
			{Name: "bad", Path: "/b", Action: control.Added, Problem: "the folder is not there"},
			{Name: "gone", Path: "/g", Action: control.Removed, LeftBehind: "/g"},
		},
	}
}

func TestPlanInWords(t *testing.T) {
	w := newWorld(t)
	w.serve(t, &fakeBackend{difference: everything()})
	got := w.do(t.Context(), "plan", w.config())
	if got.code != 0 || got.err != "" {
		t.Fatalf("%+v", got)
	}
	golden(t, "plan.txt", got.out)
	got = w.do(t.Context(), "plan", w.config(), "--json")
	var d control.Difference
	if err := json.Unmarshal([]byte(got.out), &d); got.code != 0 || err != nil || len(d.Sinks) != 7 || strings.Contains(got.out, `\u003e`) {
		t.Errorf("%d %v %s", got.code, err, got.out)
	}
}

func TestPlanEnds(t *testing.T) {
	w := newWorld(t)
	if got := w.do(t.Context(), "plan", w.config(), "x"); got.code != 2 {
		t.Errorf("two files: %+v", got)
	}
	for _, file := range []string{w.config(), filepath.Join(w.dir, "none.toml")} {
		if got := w.do(t.Context(), "plan", file); got.code != 4 || !strings.Contains(got.err, "no daemon is running") || got.out != "" {
			t.Errorf("%s without a daemon: %+v", file, got)
		}
	}
	backend := &fakeBackend{}
	w.serve(t, backend)
	for _, args := range [][]string{{"plan", w.config()}, {"plan"}} {
		if got := w.do(t.Context(), args...); got.code != 0 || got.out != "Nothing changes.\n" {
			t.Errorf("%q: %+v", args, got)
		}
	}
	t.Chdir(w.dir)
	if got := w.do(t.Context(), "plan", "none.toml"); got.code != 3 || !strings.HasPrefix(got.err, "none.toml:1: file: does not exist") || got.out != "" {
		t.Errorf("a file that is not there: %+v", got)
	}
	if err := os.WriteFile("new.toml", []byte("include = [\"d/*.toml\", \"gone.toml\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := w.do(t.Context(), "plan", "new.toml"); got.code != 3 || !strings.HasPrefix(got.err, "new.toml:1: include: \"gone.toml\" does not exist") {
		t.Errorf("an include that is not there: %+v", got)
	}
	backend.asked, backend.difference = nil, control.Difference{Faults: []string{w.dir + "/new.toml:3: a.b: wrong", w.dir + "/d/x.toml:4: c: bad"}}
	if err := os.Mkdir("d", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"new.toml": "include = [\"d/*.toml\"]\n", "d/x.toml": "# x\n", "d/.y.toml": "# y\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := w.do(t.Context(), "plan", "new.toml")
	if want := "new.toml:3: a.b: wrong\n" + w.dir + "/d/x.toml:4: c: bad\n"; got.code != 3 || got.err != want || got.out != "" {
		t.Errorf("%+v, want %q", got, want)
	}
	if want := w.dir + "/new.toml " + w.dir + "/d/x.toml"; strings.Join(backend.asked, " ") != want {
		t.Errorf("sent %q, want %q", backend.asked, want)
	}
}
