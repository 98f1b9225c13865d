package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/internal/section"
)

// write creates files below a new folder, makes it the working directory, and
// returns it.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func options(pairs ...string) Options { return Options{Getenv: environment(pairs...), UID: 0} }

// load calls Load and fails the test if there are faults.
func load(t testing.TB, path string, opt Options) *Config {
	t.Helper()
	c, faults := Load(path, opt)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return c
}

func expect(t testing.TB, faults []section.Fault, want ...string) {
	t.Helper()
	var got []string
	for _, f := range faults {
		got = append(got, f.Error())
	}
	if !slices.Equal(got, want) {
		t.Errorf("faults:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestDefaults(t *testing.T) {
	write(t, map[string]string{"c.toml": "# nothing\n"})
	c := load(t, "c.toml", options())
	want := Daemon{StateDir: "/var/lib/vigente", ControlSocket: "/var/lib/vigente/control.sock", Listen: "127.0.0.1:9847"}
	if !reflect.DeepEqual(c.Daemon, want) {
		t.Errorf("got daemon %+v, want %+v", c.Daemon, want)
	}
	if want := (Log{"info", "auto"}); c.Log != want {
		t.Errorf("got log %+v, want %+v", c.Log, want)
	}
	if c.Path != "c.toml" || c.Broken || len(c.Globs)+len(c.Providers)+len(c.Credentials)+len(c.Sinks) > 0 {
		t.Errorf("got config %+v", c)
	}
}

func TestSettings(t *testing.T) {
	dir := write(t, map[string]string{"sub/c.toml": `
[daemon]
state_dir = "state"
control_socket = "../run/sock"
listen = ""
[log]
level = "debug"
format = "json"
`})
	c := load(t, "sub/c.toml", options("STATE_DIRECTORY", "/s", "RUNTIME_DIRECTORY", "/r"))
	want := Daemon{StateDir: dir + "/sub/state", ControlSocket: dir + "/run/sock", SocketChosen: true}
	if !reflect.DeepEqual(c.Daemon, want) {
		t.Errorf("got daemon %+v, want %+v", c.Daemon, want)
	}
	if want := (Log{"debug", "json"}); c.Log != want {
		t.Errorf("got log %+v, want %+v", c.Log, want)
	}
}

func TestListenAcceptsAnyHostAndPort(t *testing.T) {
	for _, text := range []string{"127.0.0.1:0", ":9847", "[::1]:9847", "host.example:80"} {
		write(t, map[string]string{"c.toml": fmt.Sprintf("[daemon]\nlisten = %q\n", text)})
		if c := load(t, "c.toml", options()); c.Daemon.Listen != text {
			t.Errorf("got listen %q, want %q", c.Daemon.Listen, text)
		}
	}
}

func TestStateKeyHasThreeForms(t *testing.T) {
	key := strings.Repeat("k", 31) + "\n" // raw, its last byte is a newline
	for name, text := range map[string]string{
		"raw": key, "raw and newline": key + "\n", "hex": fmt.Sprintf("%x\n", key), "HEX": fmt.Sprintf("%X", key),
		"base64": strings.Repeat("a2tr", 10) + "awo=\r\n", "base64 without padding": strings.Repeat("a2tr", 10) + "awo",
		"hex of Windows": fmt.Sprintf("\ufeff%x\r\n", key), "base64 of Windows": "\ufeff" + strings.Repeat("a2tr", 10) + "awo=\r\n",
	} {
		if got, ok := decodeStateKey(text); !ok || got.Reveal() != key {
			t.Errorf("decode %s: got %q, %v", name, got.Reveal(), ok)
		}
	}
	if got, ok := decodeStateKey("_-" + strings.Repeat("A", 41)); !ok || len(got.Reveal()) != 32 {
		t.Error("URL-safe base64 was refused")
	}
	raw := "\ufeff" + strings.Repeat("k", 29)
	if got, ok := decodeStateKey(raw); !ok || got.Reveal() != raw {
		t.Errorf("a raw key that begins like a byte order mark: got %q, %v", got.Reveal(), ok)
	}
	for _, text := range []string{"", "short", strings.Repeat("a", 62), strings.Repeat("g", 64), strings.Repeat("k", 33)} {
		if _, ok := decodeStateKey(text); ok {
			t.Errorf("%q was accepted as a key", text)
		}
	}
}

func TestStateKeyIsReadFromItsFile(t *testing.T) {
	dir := write(t, map[string]string{
		"c.toml":    "[daemon]\nstate_key = { credential = \"state-key\" }\n",
		"state-key": strings.Repeat("k", 32),
	})
	c := load(t, "c.toml", options("CREDENTIALS_DIRECTORY", dir))
	if c.Daemon.StateKey.Reveal() != strings.Repeat("k", 32) {
		t.Error("got the wrong key")
	}
	if !slices.Contains(c.Files(), dir+"/state-key") {
		t.Errorf("the key file is missing in %v", c.Files())
	}
	opt := options()
	opt.CredentialsMissingOK = true
	if c := load(t, "c.toml", opt); !c.Daemon.StateKey.IsZero() {
		t.Error("got a key without a file")
	}
	_, faults := Load("c.toml", options())
	if len(faults) != 1 {
		t.Errorf("got faults %v, want 1", faults)
	}
}

func TestIncludesInLexicalOrder(t *testing.T) {
	table := func(name string) string { return "[sinks." + name + "]\ntype = \"file\"\n" }
	dir := write(t, map[string]string{
		"etc/c.toml":                 "include = [\"conf.d/*.toml\", \"*/b.toml\", \"one\", \"c.toml\", \"*.toml\", \"none/*\", \"left/*\"]\n" + table("main"),
		"etc/conf.d/b.toml":          table("b"),
		"etc/conf.d/a.toml":          table("a"),
		"etc/conf.d/B.toml":          table("upper"),
		"etc/conf.d/.hidden.toml":    "broken",
		"etc/conf.d/#a.toml#":        "broken",
		"etc/conf.d/.#a.toml":        "broken",
		"etc/conf.d/a.toml~":         "broken",
		"etc/conf.d/a.toml.swp":      "broken",
		"etc/conf.d/x.tmp":           "broken",
		"etc/conf.d/dir.toml/x.toml": "broken",
		"etc/.git/b.toml":            "broken",
		"etc/left/.#x":               "broken",
		"etc/left/#x#":               "broken",
		"etc/left/x~":                "broken",
		"etc/left/x.swp":             "broken",
		"etc/left/x.tmp":             "broken",
		"etc/one":                    table("one"),
	})
	for main, prefix := range map[string]string{"etc/c.toml": "etc/", "./etc/c.toml": "etc/", dir + "/etc/c.toml": dir + "/etc/"} {
		c := load(t, main, options())
		want := []string{main, prefix + "conf.d/B.toml", prefix + "conf.d/a.toml", prefix + "conf.d/b.toml", prefix + "one"}
		if !slices.Equal(c.Sources, want) {
			t.Errorf("got sources %v, want %v", c.Sources, want)
		}
		var names []string
		for _, s := range c.Sinks {
			names = append(names, s.Name)
		}
		if want := []string{"main", "upper", "a", "b", "one"}; !slices.Equal(names, want) {
			t.Errorf("got sinks %v, want %v", names, want)
		}
		etc := dir + "/etc/"
		if want := []string{etc + "conf.d/*.toml", etc + "*/b.toml", etc + "one", etc + "c.toml", etc + "*.toml", etc + "none/*", etc + "left/*"}; !slices.Equal(c.Globs, want) {
			t.Errorf("got globs %v, want %v", c.Globs, want)
		}
		if want := []string{etc + "c.toml", etc + "conf.d/B.toml", etc + "conf.d/a.toml", etc + "conf.d/b.toml", etc + "one"}; !slices.Equal(c.Files(), want) || len(c.SourceFiles()) != len(want) {
			t.Errorf("got files %v, want %v", c.Files(), want)
		}
	}
}

func TestIgnored(t *testing.T) {
	for name, want := range map[string]bool{
		".a.toml": true, ".#a": true, "#a#": true, "a~": true, "a.swp": true, "a.tmp": true,
		"a.toml": false, "#a": false, "a#": false, "a.swp.toml": false,
	} {
		if Ignored(name) != want {
			t.Errorf("Ignored(%s) = %v, want %v", name, !want, want)
		}
	}
}

// TestIncludesBelowOddFolders: the path of the main file's folder may contain
// wildcard characters.
func TestIncludesBelowOddFolders(t *testing.T) {
	dir := write(t, map[string]string{
		"a[b]*\\c/c.toml":      "include = [\"d/*.toml\"]\n",
		"a[b]*\\c/d/x.toml":    "[sinks.x]\ntype = \"file\"\n",
		"ab-c/d/wrong.toml":    "broken",
		"a[b]zz\\c/d/bad.toml": "broken",
	})
	c := load(t, "a[b]*\\c/c.toml", options())
	if len(c.Sinks) != 1 {
		t.Errorf("got sources %v, want the included one", c.Sources)
	}
	if found, err := filepath.Glob(c.Globs[0]); err != nil || !slices.Equal(found, []string{dir + "/a[b]*\\c/d/x.toml"}) {
		t.Errorf("the pattern for watching matches %v, %v", found, err)
	}
	t.Chdir("a[b]*\\c")
	if inside := load(t, "c.toml", options()); !slices.Equal(inside.Globs, c.Globs) || len(inside.Sinks) != 1 {
		t.Errorf("loaded from inside the folder: got %v, %v", inside.Globs, inside.Sources)
	}
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	dir := write(t, map[string]string{"empty": "", "blank": " \n\t\n", "dir/x": ""})
	if err := os.Symlink("gone", dir+"/dangling"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"gone":      `gone:1: file: does not exist (expected a configuration file; name it with --config)`,
		"dangling":  `dangling:1: file: does not exist (expected a configuration file; name it with --config)`,
		"empty":     `empty:1: file: is empty (expected a configuration; an empty file is treated as one that is being saved)`,
		"blank":     `blank:1: file: is empty (expected a configuration; an empty file is treated as one that is being saved)`,
		"dir":       `dir:1: file: is a folder (expected a configuration file)`,
		"/dev/zero": `/dev/zero:1: file: cannot be read: is not a regular file (expected a regular file of at most 64 MiB)`,
	} {
		c, faults := Load(path, options())
		expect(t, faults, want)
		if !c.Broken || len(c.Files()) != 1 || !filepath.IsAbs(c.Files()[0]) {
			t.Errorf("%s: got broken %v, files %v", path, c.Broken, c.Files())
		}
	}
}

// TestIncludedLinkThatLeadsNowhere: the fault must not recommend --config.
func TestIncludedLinkThatLeadsNowhere(t *testing.T) {
	dir := write(t, map[string]string{"c.toml": "include = [\"*.inc\"]\n"})
	if err := os.Symlink("gone", dir+"/a.inc"); err != nil {
		t.Fatal(err)
	}
	c, faults := Load("c.toml", options())
	expect(t, faults, `a.inc:1: file: is a dangling link, or has just been removed (expected a configuration file)`)
	if !c.Broken {
		t.Error("got broken false, want true")
	}
}

// TestMissingFilesAreWatched: missing includes and missing secrets are watched.
func TestMissingFilesAreWatched(t *testing.T) {
	dir := write(t, map[string]string{"c.toml": "include = [\"gone.toml\"]\n[daemon]\nstate_key = { file = \"key\" }\n"})
	c, faults := Load("c.toml", options())
	if len(faults) != 2 {
		t.Errorf("got faults %v, want 2", faults)
	}
	if want := []string{dir + "/c.toml", dir + "/gone.toml", dir + "/key"}; !slices.Equal(c.Files(), want) {
		t.Errorf("got files %v, want %v", c.Files(), want)
	}
}

func TestFaultsOfSeveralFilesStayInOrder(t *testing.T) {
	write(t, map[string]string{
		"c.toml":     "include = [\"z.toml\", \"a/*.toml\"]\n[typo]\n[sinks.a]\n",
		"z.toml":     "[daemon]\nx = 1\n[credentials.c]\ntimeout = \"x\"\n",
		"a/one.toml": "[sinks.b]\n[log]\nlevel = 1\n",
		"a/two.toml": "[sinks.b]\ntype = \"file\"\nx = [\n",
	})
	_, faults := Load("c.toml", options())
	expect(t, faults,
		`c.toml:2: typo: unknown table (expected one of cluster, credentials, daemon, fleets, include, log, metrics, providers, renewal, sinks)`,
		`c.toml:3: sinks.a.type: is missing (expected a string)`,
		`z.toml:2: daemon.x: unknown key (expected one of control_socket, hosts, listen, on_failure, state_dir, state_key, web_config)`,
		`z.toml:3: credentials.c.provider: is missing (expected a string)`,
		`z.toml:4: credentials.c.timeout: "x" is not a duration (expected e.g. "90s", "12h" or "5d")`,
		`a/one.toml:1: sinks.b.type: is missing (expected a string)`,
		`a/one.toml:3: log.level: is an integer (expected one of debug, info, warn, error)`,
		`a/two.toml:3: sinks.b.x: array is incomplete (expected valid TOML; text, modes, durations and shares stand in quotes)`,
	)
}

func TestHashFollowsNamesAndBytes(t *testing.T) {
	hash := func(files map[string]string) string {
		write(t, files)
		return load(t, "c.toml", options()).Hash
	}
	main := "include = [\"*.inc\"]\n"
	base := hash(map[string]string{"c.toml": main, "a.inc": "# x\n"})
	if len(base) != 64 || hash(map[string]string{"c.toml": main, "a.inc": "# x\n", "b": "not included"}) != base {
		t.Error("the same files have a different hash")
	}
	for _, files := range []map[string]string{
		{"c.toml": main + "\n", "a.inc": "# x\n"},
		{"c.toml": main, "a.inc": "# y\n"},
		{"c.toml": main, "b.inc": "# x\n"},
		{"c.toml": main},
		{"c.toml": main, "a.inc": "# x\n", "b.inc": "# x\n"},
	} {
		if hash(files) == base {
			t.Errorf("%v has the same hash as the base", files)
		}
	}
}

func TestSectionsComeInFileOrder(t *testing.T) {
	write(t, map[string]string{"c.toml": `
[providers.z]
type = "x"
[sinks.b]
type = "ini"
[providers.a]
type = "y"
rate = "1/s"
[credentials.q]
provider = "z"
[credentials.p]
provider = "gone"
`})
	c := load(t, "c.toml", options())
	got := fmt.Sprint(c.Providers[0].Name, c.Providers[0].Type, c.Providers[1].Name, c.Credentials[0].Name, c.Credentials[0].Provider, c.Credentials[1].Name, c.Sinks[0].Name, c.Sinks[0].Type, c.Sinks[0].Section.Path())
	if want := fmt.Sprint("z", "x", "a", "q", "z", "p", "b", "ini", "sinks.b"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if c.Providers[0].Concurrency != 8 || c.Providers[0].Rates != nil || len(c.Providers[1].Rates) != 1 || c.Providers[0].Location.String() != "America/Sao_Paulo" {
		t.Errorf("got providers %+v", c.Providers)
	}
}

func TestWebConfigIsCheckedWithTheConfiguration(t *testing.T) {
	for name, tt := range map[string]struct{ listen, file, want string }{
		"good":           {"127.0.0.1:0", "basic_auth_users:\n  p: $2y$10$YKkXXVHGJWvJvXnBzr9mUeoTvSJTZQqSaEXuRkZ9T2zYxHqCaSgDu\n", ""},
		"an unknown key": {"127.0.0.1:0", "users: {}\n", "web.yml\" cannot be used"},
		"no certificate": {"127.0.0.1:0", "tls_server_config: {cert_file: none.crt, key_file: none.key}\n", "web.yml\" cannot be used: the file that tls_server_config.cert_file names: no such file or directory ("},
		"no pair":        {"127.0.0.1:0", "tls_server_config: {cert_file: web.yml, key_file: web.yml}\n", "web.yml\" cannot be used: tls_server_config is incomplete, or "},
		"a password":     {"127.0.0.1:0", "hunter2\n", "web.yml\" cannot be used: line 1 cannot be parsed ("},
		"a bad header":   {"127.0.0.1:0", "http_server_config: {headers: {X-Frame-Options: hunter2}}\n", "web.yml\" cannot be used: http_server_config or "},
		"a bad user":     {"127.0.0.1:0", "basic_auth_users: {hunter2: [hunter2]}\n", "web.yml\" cannot be used: "},
		"a secret key":   {"127.0.0.1:0", "tls_server_config: {cert_file: hunter2}\n", "web.yml\" cannot be used: "},
		"empty":          {"127.0.0.1:0", " \n", "is empty"},
		"no listener":    {"", "basic_auth_users: {}\n", `protects nothing, because listen is ""`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, map[string]string{
				"web.yml": tt.file,
				"c.toml":  fmt.Sprintf("[daemon]\nlisten = %q\nweb_config = \"web.yml\"\n", tt.listen),
			})
			c, faults := Load(filepath.Join(dir, "c.toml"), Options{})
			var all []string
			for _, f := range faults {
				all = append(all, f.Error())
			}
			text := strings.Join(all, "\n")
			if tt.want == "" {
				if text != "" || c.Daemon.WebConfig != filepath.Join(dir, "web.yml") {
					t.Errorf("got %q with faults %s", c.Daemon.WebConfig, text)
				}
				return
			}
			if strings.Contains(text, "hunter2") {
				t.Errorf("the fault quotes the file: %s", text)
			}
			if len(all) != 1 || !strings.HasPrefix(text, filepath.Join(dir, "c.toml")+":3: daemon.web_config: ") || !strings.Contains(text, tt.want) {
				t.Errorf("got faults %s, want one with %q", text, tt.want)
			}
		})
	}
}
