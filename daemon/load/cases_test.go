package load

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/internal/section"
)

var update = flag.Bool("update", false, "write the messages of testdata/bad again")

// wanted is the prefix of each expected message of a case.
const wanted = "# want: "

// testLine matches a line of a test, which changes whenever the test does.
var testLine = regexp.MustCompile(`(_test\.go):[0-9]+`)

// enter changes to an empty folder and writes the files of a case there: config.toml, and
// each further one that follows a line "#-- name --".
func enter(t testing.TB, text string) {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	name, content := "config.toml", ""
	write := func() {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.Lines(text) {
		if next, ok := strings.CutPrefix(line, "#-- "); ok {
			write()
			name, content = strings.TrimSuffix(strings.TrimSpace(next), " --"), ""
			continue
		}
		content += line
	}
	write()
}

func link(t testing.TB, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t testing.TB, name string) {
	t.Helper()
	if err := os.MkdirAll(name, 0o755); err != nil {
		t.Fatal(err)
	}
}

// faultsOf loads a case and returns its faults as lines, without the name of the main file.
func faultsOf(t testing.TB, text string) []string {
	t.Helper()
	enter(t, text)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	cfg, loaded := config.Load("config.toml", config.Options{Getenv: testEnv, UID: 1000})
	faults := New(fakeOptions()).Open(cfg).All()
	for _, f := range loaded {
		if !slices.Contains(faults, f) {
			t.Errorf("Load reports a fault that Open does not: %v", f)
		}
	}
	var lines []string
	for _, f := range faults {
		line := testLine.ReplaceAllString(strings.ReplaceAll(f.Error(), here, "DIR"), "$1:N")
		lines = append(lines, strings.TrimPrefix(line, "config.toml:"))
	}
	return lines
}

// TestBadConfigurations runs testdata/bad. Each file is one case and begins with exactly the
// messages that it must cause.
func TestBadConfigurations(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		path, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".toml"), func(t *testing.T) {
			if *update {
				text = rewritten(t, string(text))
				if err := os.WriteFile(path, text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, _ := split(string(text))
			if len(want) == 0 {
				t.Fatal("the case expects nothing")
			}
			got := faultsOf(t, string(text))
			if !slices.Equal(got, want) {
				t.Errorf("faults:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
			if strings.Contains(strings.Join(got, "\n"), "canary") {
				t.Error("a secret is in a fault")
			}
		})
	}
}

// split separates the expected messages from a case.
func split(text string) (want []string, body string) {
	for {
		line, rest, _ := strings.Cut(text, "\n")
		message, ok := strings.CutPrefix(line, wanted)
		if !ok {
			return want, text
		}
		want, text = append(want, message), rest
	}
}

// rewritten returns a case with the messages that it causes now. They are part of the file
// and move its lines, so this takes two passes.
func rewritten(t *testing.T, text string) []byte {
	for range 3 {
		_, body := split(text)
		head := ""
		for _, line := range faultsOf(t, text) {
			head += wanted + line + "\n"
		}
		if head+body == text {
			break
		}
		text = head + body
	}
	return []byte(text)
}

func TestGoodConfigurations(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			if got := faultsOf(t, string(text)); len(got) > 0 {
				t.Errorf("faults:\n  %s", strings.Join(got, "\n  "))
			}
		})
	}
}

// TestFaultsAreOneLineEach checks the format that scripts and editors expect.
func TestFaultsAreOneLineEach(t *testing.T) {
	f := section.Fault{File: "/etc/c.toml", Line: 3, Key: "daemon.listen", Message: "is wrong (expected right)"}
	if got := fmt.Sprint(f); got != "/etc/c.toml:3: daemon.listen: is wrong (expected right)" {
		t.Errorf("got %s", got)
	}
}
