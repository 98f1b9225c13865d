package ini_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/sinks"
	"github.com/vigented/vigente/sinks/ini"
	"github.com/vigented/vigente/sinks/sinktest"
)

func TestContract(t *testing.T) {
	const keys = "section = \"TSSOFFLINE\"\nvalues = { TOKEN = \"${c.token}\" }\n"
	for name, s := range map[string]sinktest.Files{
		"plain": {
			Config: keys, Old: "; inv\xe1lida\r\n[TSSOFFLINE]\r\nTOKEN=OLD\r\nA=1", Wrong: "[TSSOFFLINE\nTOKEN=", NeedsFile: true,
		},
		"creating": {
			Config: keys + "create_section = true\ncreate_file = true", Old: "[TSSOFFLINE]\nTOKEN=OLD\n", Wrong: "\xff\xfe[\x00", Bad: sinktest.Canary + "\r\n[X]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s.Kind = ini.Kind()
			sinktest.RunFiles(t, s)
		})
	}
}

// opened opens a sink with these TOML keys for the file at path.
func opened(t *testing.T, path, keys string) sinks.Binding {
	t.Helper()
	return sinktest.Open(t, ini.Kind(), "path = '"+path+"'\n"+keys)
}

const plainKeys = "section = \"TSSOFFLINE\"\nvalues = { TOKEN = \"${loja.token}\" }\n"

func tokens(value string) credential.Set {
	return sinktest.Token("loja", value)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Error(err)
	}
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("got file content %q, %v; want %q", got, err, want)
	}
}

// TestSectionNotFound: a file without the section is the wrong file, or is
// being saved.
func TestSectionNotFound(t *testing.T) {
	for _, in := range []string{"", "[SPED]\nTOKEN=x\n", "[TSSOFFL"} {
		path := filepath.Join(t.TempDir(), "appserver.ini")
		write(t, path, in)
		synctest.Test(t, func(t *testing.T) {
			b := opened(t, path, plainKeys)
			start := time.Now()
			changed, err := b.Sink.Deliver(t.Context(), tokens("NEW"))
			want := "section [TSSOFFLINE] not found in " + path + ": wrong file? (create_section = true adds it)"
			if changed || err == nil || err.Error() != want || !errors.Is(err, ini.ErrNoSection) {
				t.Errorf("%q: got changed %v, %v", in, changed, err)
			}
			if time.Since(start) < time.Second {
				t.Errorf("%q: Deliver did not wait for a save to finish", in)
			}
			if err := b.Sink.(credential.Preflighter).Preflight(t.Context()); err == nil || err.Error() != want {
				t.Errorf("%q: Preflight = %v, want %s", in, err, want)
			}
		})
		holds(t, path, in)
	}
}

// TestSaveInProgress: another program empties or removes the file, and fills it
// a moment later.
func TestSaveInProgress(t *testing.T) {
	const whole, want = "[TSSOFFLINE]\r\nTOKEN=old\r\nA=1\r\n", "[TSSOFFLINE]\r\nTOKEN=NEW\r\nA=1\r\n"
	for name, keys := range map[string]string{"plain": plainKeys, "creating": plainKeys + "create_section = true\ncreate_file = true"} {
		for _, torn := range []string{"", "[TSS", "[TSSOFFLINE", "absent"} {
			t.Run(name+" "+torn, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "appserver.ini")
				if torn != "absent" {
					write(t, path, torn)
				}
				synctest.Test(t, func(t *testing.T) {
					b := opened(t, path, keys)
					go func() {
						time.Sleep(700 * time.Millisecond)
						write(t, path, whole)
					}()
					if changed, err := b.Sink.Deliver(t.Context(), tokens("NEW")); err != nil || !changed {
						t.Errorf("got changed %v, %v", changed, err)
					}
				})
				holds(t, path, want)
			})
		}
	}
}

func TestCreates(t *testing.T) {
	for _, c := range []struct {
		name, keys, in, want string
		absent               bool
	}{
		{name: "file", keys: "create_file = true", absent: true, want: "[TSSOFFLINE]\nTOKEN=NEW\n"},
		{name: "section", keys: "create_section = true", in: "[A]\r\n", want: "[A]\r\n\r\n[TSSOFFLINE]\r\nTOKEN=NEW\r\n"},
		{name: "section in an empty file", keys: "create_section = true", in: "", want: "[TSSOFFLINE]\nTOKEN=NEW\n"},
		{name: "file, but no section in one that is there", keys: "create_file = true", in: "[A]\n", want: "[A]\n"},
		{name: "section, but no file", keys: "create_section = true", absent: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "appserver.ini")
			if !c.absent {
				write(t, path, c.in)
			}
			synctest.Test(t, func(t *testing.T) {
				_, err := opened(t, path, plainKeys+c.keys).Sink.Deliver(t.Context(), tokens("NEW"))
				if (err != nil) != (c.want == c.in) {
					t.Error(err)
				}
			})
			if c.want != "" {
				holds(t, path, c.want)
			} else if _, err := os.Stat(path); err == nil {
				t.Error("the file was created")
			}
		})
	}
}

func TestBackup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "appserver.ini")
	write(t, path, "[TSSOFFLINE]\nTOKEN=old\n")
	b := opened(t, path, plainKeys+"backup = true")
	if _, err := b.Sink.Deliver(t.Context(), tokens("NEW")); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "[TSSOFFLINE]\nTOKEN=NEW\n")
	holds(t, path+".bak", "[TSSOFFLINE]\nTOKEN=old\n")
}

func TestClaims(t *testing.T) {
	b := opened(t, "/x", "section = \"TssOffline\"\nvalues = { Token = \"${a.token}\", \"Expira Em\" = \"${a.expires_at} ${b.token}\" }")
	if want := []sinks.Claim{{Part: "tssoffline/token", Key: "values.Token"}, {Part: "tssoffline/expira em", Key: "values.Expira Em"}}; !slices.Equal(b.Claims, want) {
		t.Errorf("got claims %+v, want %+v", b.Claims, want)
	}
	var refs []string
	for _, r := range b.Refs {
		refs = append(refs, r.Key+" "+r.String())
	}
	if want := []string{"values.Token ${a.token}", "values.Expira Em ${a.expires_at}", "values.Expira Em ${b.token}"}; !slices.Equal(refs, want) {
		t.Errorf("got references %q, want %q", refs, want)
	}
}

func TestConfigurationFaults(t *testing.T) {
	for _, c := range []struct{ keys, at, says string }{
		{"values = { A = \"${l.token}\" }", "sinks.it.section", "is missing"},
		{"section = \"A]B\"\nvalues = { A = \"${l.token}\" }", "sinks.it.section", "bracket"},
		{"section = \" A\"\nvalues = { A = \"${l.token}\" }", "sinks.it.section", "blank"},
		{"section = \";A\"\nvalues = { A = \"${l.token}\" }", "sinks.it.section", "comment"},
		{"section = \"A\"", "sinks.it.values", "is missing"},
		{"section = \"A\"\nvalues = { }", "sinks.it.values", "is empty"},
		{"section = \"A\"\nvalues = \"x\"", "sinks.it.values", "a table of strings"},
		{"section = \"A\"\nvalues = { A = \"\" }", "sinks.it.values.A", "is empty"},
		{"section = \"A\"\nvalues = { A = \"${x}\" }", "sinks.it.values.A", "is not a valid reference"},
		{"section = \"A\"\nvalues = { A = \"${l.token}\\n\" }", "sinks.it.values.A", "line break"},
		{"section = \"A\"\nvalues = { A = \" ${l.token}\" }", "sinks.it.values.A", "blank"},
		{"section = \"A\"\nvalues = { \"A=B\" = \"${l.token}\" }", "sinks.it.values.\"A=B\"", "equals sign"},
		{"section = \"A\"\nvalues = { \"#A\" = \"${l.token}\" }", "sinks.it.values.\"#A\"", "comment"},
		{"section = \"A\"\nvalues = { \"//A\" = \"${l.token}\" }", "sinks.it.values.\"//A\"", "comment"},
		{"section = \"A\"\nvalues = { \"\" = \"${l.token}\" }", "sinks.it.values.\"\"", "is empty"},
		{"section = \"A\"\nvalues = { \"A\\tB\" = \"${l.token}\" }", "sinks.it.values.\"A\\tB\"", "control character"},
		{"section = \"A\"\nvalues = { K = \"${l.token}\", k = \"${l.token}\" }", "sinks.it.values.k", "same key as values.K"},
		{"section = \"A\"\nvalues = { A = \"${l.token}\" }\nbackup = 1", "sinks.it.backup", "true or false"},
		{"section = \"A\"\nvalues = { A = \"${l.token}\" }\ncontent = \"x\"", "sinks.it.content", "unknown key"},
	} {
		faults := sinktest.Faults(t, ini.Kind(), "path = \"/x\"\n"+c.keys)
		if !slices.ContainsFunc(faults, func(f section.Fault) bool { return f.Key == c.at && strings.Contains(f.Message, c.says) }) {
			t.Errorf("%s\ngot faults %v", c.keys, faults)
		}
		if len(faults) > 1 {
			t.Errorf("%s\ngot more than one fault: %v", c.keys, faults)
		}
	}
}

// TestInspect covers what only INI files can contain.
func TestInspect(t *testing.T) {
	for _, c := range []struct {
		name, in string
		state    sinks.State
		found    string
	}{
		{"same", "[tssoffline]\ntoken =\tNEW\r\n", sinks.Same, ""},
		{"same twice", "[TSSOFFLINE]\nTOKEN=NEW\n[A]\n[TSSOFFLINE]\nTOKEN=NEW", sinks.Same, ""},
		{"blank behind it", "[TSSOFFLINE]\nTOKEN=NEW \n", sinks.Other, "NEW"},
		{"one of two", "[TSSOFFLINE]\nTOKEN=NEW\nTOKEN=x y\n", sinks.Other, "x y"},
		{"tail", "[TSSOFFLINE]\nTOKEN=NEW ; x\n", sinks.Other, "NEW ; x"},
		{"no key", "[TSSOFFLINE]\n;TOKEN=NEW\n", sinks.Missing, ""},
		{"no section", "[A]\nTOKEN=NEW\n", sinks.Missing, ""},
		{"empty file", "", sinks.Missing, ""},
		{"empty", "[TSSOFFLINE]\nTOKEN= \t\n", sinks.Empty, ""},
		{"empty and other", "[TSSOFFLINE]\nTOKEN=\nTOKEN=x", sinks.Other, "x"},
	} {
		path := filepath.Join(t.TempDir(), "appserver.ini")
		write(t, path, c.in)
		f, err := opened(t, path, plainKeys).Sink.(sinks.Inspector).Inspect(t.Context(), tokens("NEW"))
		if err != nil || f.State != c.state {
			t.Errorf("%s: got state %v, %v", c.name, f.State, err)
		}
		var found []string
		for _, v := range f.Found["TOKEN"] {
			found = append(found, v.Reveal())
		}
		if strings.Join(found, ",") != c.found {
			t.Errorf("%s: got values %q", c.name, found)
		}
	}
}
