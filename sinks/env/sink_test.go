package env_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/sinks"
	"github.com/vigented/vigente/sinks/env"
	"github.com/vigented/vigente/sinks/sinktest"
)

func opened(t *testing.T, path, keys string) sinks.Binding {
	t.Helper()
	return sinktest.Open(t, env.Kind(), "path = '"+path+"'\n"+keys)
}

const plainKeys = "values = { TOKEN = \"${c.token}\" }\n"

func tokens(value string) credential.Set {
	return sinktest.Token("c", value)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Error(err)
	}
}

// TestStyleIsUsed delivers a value that every style writes in its own way.
func TestStyleIsUsed(t *testing.T) {
	for keys, want := range map[string]string{
		"":                    "TOKEN=\"a\\$b\"\n",
		`style = "systemd"`:   "TOKEN=\"a\\$b\"\n",
		`style = "shell"`:     "TOKEN='a$b'\n",
		`style = "docker"`:    "TOKEN=a$b\n",
		`create_file = false`: "",
	} {
		path := filepath.Join(t.TempDir(), "app.env")
		if want == "" {
			if len(sinktest.Faults(t, env.Kind(), "path = '"+path+"'\n"+plainKeys+keys)) == 0 {
				t.Errorf("%s is taken, though the file is always created", keys)
			}
			continue
		}
		if _, err := opened(t, path, plainKeys+keys).Sink.Deliver(t.Context(), tokens("a$b")); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", keys, got, err)
		}
	}
}

// TestSaveInProgress: an editor empties the file, or has written half of it,
// and ends a moment later.
func TestSaveInProgress(t *testing.T) {
	for _, style := range []string{"systemd", "shell", "docker"} {
		for _, torn := range []string{"", "A='x\n"} {
			if style == "docker" && torn != "" {
				continue // it knows no quotes
			}
			path := filepath.Join(t.TempDir(), "app.env")
			write(t, path, torn)
			synctest.Test(t, func(t *testing.T) {
				b := opened(t, path, plainKeys+"style = '"+style+"'")
				go func() {
					time.Sleep(700 * time.Millisecond)
					write(t, path, "A='x\n'\nTOKEN=old\n")
				}()
				if changed, err := b.Sink.Deliver(t.Context(), tokens("NEW")); err != nil || !changed {
					t.Errorf("%s %q: %v, %v", style, torn, changed, err)
				}
			})
			if got, err := os.ReadFile(path); err != nil || string(got) != "A='x\n'\nTOKEN=NEW\n" {
				t.Errorf("%s %q: the file holds %q, %v", style, torn, got, err)
			}
		}
	}
}

// TestEmptyStaysEmpty: a file that stays empty is filled after all.
func TestEmptyStaysEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.env")
	write(t, path, "")
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		changed, err := opened(t, path, plainKeys).Sink.Deliver(t.Context(), tokens("NEW"))
		if err != nil || !changed || time.Since(start) < time.Second {
			t.Errorf("%v, %v after %v", changed, err, time.Since(start))
		}
	})
	if got, err := os.ReadFile(path); err != nil || string(got) != "TOKEN=NEW\n" {
		t.Errorf("the file holds %q, %v", got, err)
	}
}

func TestClaims(t *testing.T) {
	b := opened(t, "/x", "values = { B = \"${c.token}\", a = \"x ${d.token}\" }")
	if want := []sinks.Claim{{Part: "B", Key: "values.B"}, {Part: "a", Key: "values.a"}}; !slices.Equal(b.Claims, want) {
		t.Errorf("got %+v", b.Claims)
	}
	if len(b.Refs) != 2 || b.Refs[1].String() != "${d.token}" || b.Refs[1].Key != "values.a" {
		t.Errorf("got %+v", b.Refs)
	}
}

func TestConfigurationFaults(t *testing.T) {
	for _, c := range []struct{ keys, at, says string }{
		{"", "sinks.it.values", "is missing"},
		{"values = { }", "sinks.it.values", "is empty"},
		{"values = { A = \"\" }", "sinks.it.values.A", "is empty"},
		{"values = { A = 1 }", "sinks.it.values.A", "a string"},
		{"values = { \"A-B\" = \"${c.token}\" }", "sinks.it.values.A-B", "not a valid variable name"},
		{"values = { \"1A\" = \"${c.token}\" }", "sinks.it.values.1A", "not a valid variable name"},
		{"values = { A = \"${c.token\" }", "sinks.it.values.A", "not closed"},
		{"values = { A = \"\\u0007${c.token}\" }", "sinks.it.values.A", "control character"},
		{"values = { A = \"${c.token}\\n\" }\nstyle = \"docker\"", "sinks.it.values.A", "line break"},
		{"values = { A = \"${c.token}\" }\nstyle = \"csh\"", "sinks.it.style", "one of systemd, shell, docker"},
		{"values = { A = \"${c.token}\" }\nsection = \"x\"", "sinks.it.section", "unknown key"},
	} {
		faults := sinktest.Faults(t, env.Kind(), "path = \"/x\"\n"+c.keys)
		if len(faults) != 1 || faults[0].Key != c.at || !strings.Contains(faults[0].Message, c.says) {
			t.Errorf("%s\ngives %v", c.keys, faults)
		}
	}
}

// TestInspect looks at what only these files can hold.
func TestInspect(t *testing.T) {
	for _, c := range []struct {
		name, style, in string
		state           sinks.State
		found           string
	}{
		{"same, quoted", "systemd", "TOKEN='NEW'\n", sinks.Same, ""},
		{"same, escaped", "shell", "export TOKEN=N\\EW\n", sinks.Same, ""},
		{"quotes of another reader", "docker", "TOKEN='NEW'\n", sinks.Other, "'NEW'"},
		{"repeated", "systemd", "TOKEN=NEW\nTOKEN=\"a b\"\nTOKEN=c\n", sinks.Other, "a b,c"},
		{"computed", "shell", "TOKEN=NEW$X\n", sinks.Other, "NEW$X"},
		{"absent", "systemd", "#TOKEN=NEW\nA='\nTOKEN=NEW'\n", sinks.Missing, ""},
		{"absent for older readers", "systemd", "# \\\nTOKEN=NEW\n", sinks.Missing, ""},
		{"empty file", "shell", "", sinks.Missing, ""},
		{"empty", "shell", "TOKEN=\n", sinks.Empty, ""},
		{"from the environment", "docker", "TOKEN\n", sinks.Empty, ""},
	} {
		path := filepath.Join(t.TempDir(), "app.env")
		write(t, path, c.in)
		f, err := opened(t, path, plainKeys+"style = '"+c.style+"'").Sink.(sinks.Inspector).Inspect(t.Context(), tokens("NEW"))
		if err != nil || f.State != c.state {
			t.Errorf("%s: %v, %v", c.name, f.State, err)
		}
		var found []string
		for _, v := range f.Found["TOKEN"] {
			found = append(found, v.Reveal())
		}
		if strings.Join(found, ",") != c.found {
			t.Errorf("%s: found %q", c.name, found)
		}
	}
}
