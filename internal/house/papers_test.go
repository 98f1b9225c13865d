package house_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/internal/house/papers"
)

var kindReadme = regexp.MustCompile(`^(providers|sinks)/[a-z0-9]+/README\.md$`)

// TestTranslationsKeepStep compares every document with its Portuguese
// translation: both must have the same headings and the same blocks, apart from
// comments and prose.
func TestTranslationsKeepStep(t *testing.T) {
	pairs := 0
	for _, p := range papers.All(t, ".") {
		original, ok := strings.CutSuffix(p.File, ".pt-BR.md")
		if !ok && kindReadme.MatchString(p.File) {
			if _, err := os.Stat(strings.TrimSuffix(p.File, ".md") + ".pt-BR.md"); err != nil {
				t.Errorf("%s has no Portuguese translation", p.File)
			}
		}
		if !ok {
			continue
		}
		if original == "docs/README" {
			original = "README" // the README at the root is the English original
		}
		pairs++
		o := papers.Read(t, ".", original+".md")
		if !slices.Equal(o.Headings, p.Headings) {
			t.Errorf("%s has heading levels %v, %s has %v", o.File, o.Headings, p.File, p.Headings)
		}
		if len(o.Blocks) != len(p.Blocks) {
			t.Errorf("%s has %d blocks, %s has %d", o.File, len(o.Blocks), p.File, len(p.Blocks))
			continue
		}
		for i := range o.Blocks {
			if a, b := o.Blocks[i], p.Blocks[i]; a.Language != b.Language || uncommented(a) != uncommented(b) {
				t.Errorf("block %d differs:\n%s:\n%s\n%s:\n%s", i+1, o.File, a.Text, p.File, b.Text)
			}
		}
		// Numbers and names in code are not translated either.
		if a, b := links(o), links(p); !slices.Equal(a, b) {
			t.Errorf("%s links to %q, %s to %q", o.File, a, p.File, b)
		}
	}
	if pairs == 0 {
		t.Error("found no document with a Portuguese translation")
	}
}

// uncommented removes the comments of a block, and the spaces before them.
func uncommented(b papers.Block) string {
	if b.Language != "toml" && b.Language != "sh" {
		return b.Text
	}
	return regexp.MustCompile(`(?m)[ \t]*(^|[ \t])#.*$`).ReplaceAllString(b.Text, "")
}

// TestCommandTablesKeepStep checks that the tables of commands in both READMEs
// have the same rows.
func TestCommandTablesKeepStep(t *testing.T) {
	rows := func(file string) (commands []string) {
		for _, row := range submatches(text(t, file), "(?m)^\\|(.*)\\|$") {
			commands = append(commands, strings.Join(submatches(row, "`vigente ([a-z]+)"), " "))
		}
		return commands
	}
	english, portuguese := rows("README.md"), rows("docs/README.pt-BR.md")
	if len(english) < 20 || !slices.Equal(english, portuguese) {
		t.Errorf("README.md lists the commands\n%q, docs/README.pt-BR.md\n%q", english, portuguese)
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// links returns the link targets of a document without the language suffix.
// Links to its own headings and to its own translation are left out.
func links(p papers.Paper) []string {
	own := strings.ReplaceAll(path.Base(p.File), ".pt-BR.md", ".md")
	var all []string
	for _, to := range submatches(p.Prose, link.String()) {
		if strings.HasPrefix(to, "#") || strings.Contains(to, "://") {
			continue
		}
		to, _, _ = strings.Cut(to, "#") // headings are translated
		to = path.Join(path.Dir(p.File), strings.ReplaceAll(to, ".pt-BR.", "."))
		if path.Base(to) != own {
			all = append(all, to)
		}
	}
	return all
}

// TestLinksLeadSomewhere checks every link within the module.
func TestLinksLeadSomewhere(t *testing.T) {
	for _, p := range papers.All(t, ".") {
		for _, m := range link.FindAllStringSubmatch(p.Prose, -1) {
			to, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
				continue
			}
			target := p.File
			if to != "" {
				target = path.Join(path.Dir(p.File), to)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which does not exist", p.File, m[1])
				continue
			}
			if anchor != "" && strings.HasSuffix(target, ".md") && !slices.Contains(anchors(t, target), anchor) {
				t.Errorf("%s links to %s, which has no such heading", p.File, m[1])
			}
		}
	}
}

// anchors returns the anchors of a document's headings.
func anchors(t testing.TB, file string) []string {
	var all []string
	for line := range strings.Lines(papers.Read(t, ".", file).Prose) {
		if !strings.HasPrefix(line, "#") {
			continue
		}
		name := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
		name = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(name, "")
		all = append(all, strings.ReplaceAll(name, " ", "-"))
	}
	return all
}

// TestCataloguesAreComplete compares the folders of the kinds with the
// catalogue and with the tables in both READMEs.
func TestCataloguesAreComplete(t *testing.T) {
	for _, role := range []struct{ dir, test string }{{"providers", "providertest"}, {"sinks", "sinktest"}} {
		var folders []string
		entries, err := os.ReadDir(role.dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.IsDir() && !slices.Contains([]string{"exchange", "tlsconf", "tokens", "internal", "emulation", "filesink", role.test}, e.Name()) {
				folders = append(folders, e.Name())
			}
		}
		var listed []string
		for _, s := range sources(t) {
			if s.file != "cmd/vigente/kinds.go" {
				continue
			}
			for _, p := range s.imports() {
				if kind, ok := strings.CutPrefix(p, module+"/"+role.dir+"/"); ok && !strings.Contains(kind, "/") {
					listed = append(listed, kind)
				}
			}
		}
		slices.Sort(listed)
		if !slices.Equal(folders, listed) {
			t.Errorf("%s/ holds %q, its catalogue lists %q", role.dir, folders, listed)
		}
		for _, readme := range []string{"README.md", "docs/README.pt-BR.md"} {
			rows := submatches(text(t, readme), "(?m)^\\| \\[`[a-z0-9-]+`\\]\\((?:\\.\\./)?"+role.dir+`/([a-z0-9]+)/README(?:\.pt-BR)?\.md\)`)
			slices.Sort(rows)
			if !slices.Equal(folders, rows) {
				t.Errorf("%s/ holds %q, the table in %s has %q", role.dir, folders, readme, rows)
			}
		}
	}
}

// TestCommandsExist checks that every "vigente COMMAND" in the documents, the
// unit and the examples exists.
func TestCommandsExist(t *testing.T) {
	known := []string{"help"}
	for _, s := range sources(t) {
		if s.dir == "cmd/vigente" && !s.test {
			known = append(known, submatches(text(t, s.file), `Use:\s+"([a-z]+)`)...)
		}
	}
	if len(known) < 5 {
		t.Fatalf("found only the commands %q", known)
	}
	mentioned := func(where, what string) {
		for _, command := range submatches(what, `(?:^|[^a-z/.-])(?:\./|/usr/bin/|cmd/)?vigente ([a-z]+)\b`) {
			if !slices.Contains(known, command) {
				t.Errorf("%s mentions vigente %s, which does not exist", where, command)
			}
		}
	}
	for _, p := range papers.All(t, ".") {
		for _, b := range p.Blocks {
			if b.Language == "sh" {
				mentioned(p.File, b.Text)
			}
		}
		for _, code := range submatches(p.Prose, "`([^`\n]+)`") {
			mentioned(p.File, code)
		}
		// Commands on indented lines, as in the runbooks.
		for _, line := range submatches(p.Prose, `(?m)^    (.*)$`) {
			mentioned(p.File, line)
		}
	}
	mentioned("systemd/vigente.service", strings.Join(submatches(text(t, "systemd/vigente.service"), `(?m)^Exec[A-Za-z]+=(.*)$`), "\n"))
}

// TestGoVersionIsOne checks that every mentioned Go version is the one in
// go.mod.
func TestGoVersionIsOne(t *testing.T) {
	version := submatches(text(t, "go.mod"), `(?m)^go (\d+\.\d+)`)
	if len(version) != 1 {
		t.Fatalf("go.mod names %q", version)
	}
	for _, file := range []string{"README.md", "docs/README.pt-BR.md", "CONTRIBUTING.md", ".ci/run", "Makefile", ".golangci.yml", "systemd/README.md"} {
		for _, named := range submatches(text(t, file), `\b[Gg]o ?(1\.\d+)`) {
			if named != version[0] {
				t.Errorf("%s mentions Go %s, go.mod has %s", file, named, version[0])
			}
		}
	}
	if !strings.Contains(text(t, "README.md"), "Go "+version[0]) {
		t.Errorf("README.md does not mention Go %s", version[0])
	}
}

// TestUnit checks the unit for the names that other files rely on.
func TestUnit(t *testing.T) {
	unit := text(t, "systemd/vigente.service")
	for _, line := range []string{
		"Type=notify", // Debian 12 has systemd 252, which does not support notify-reload
		"ExecStart=/usr/bin/vigente run",
		"ExecReload=/bin/kill -HUP $MAINPID",
		"User=vigente", "Group=vigente",
		"StateDirectory=vigente", "RuntimeDirectory=vigente", "ConfigurationDirectory=vigente",
		"StartLimitIntervalSec=0", "Restart=on-failure",
	} {
		if !strings.Contains(unit, "\n"+line+"\n") {
			t.Errorf("the unit lacks the line %q", line)
		}
	}
	if strings.Contains(unit, "\nRestartPreventExitStatus=") {
		t.Error("RestartPreventExitStatus= is set: a daemon killed by the watchdog would not be restarted, because Go exits with 2 on SIGABRT")
	}
	if !regexp.MustCompile(`(?m)^u +vigente `).MatchString(text(t, "systemd/sysusers.conf")) {
		t.Error("sysusers.conf does not create the user of the unit")
	}
	examples, err := filepath.Glob("systemd/examples/*")
	if err != nil || len(examples) == 0 {
		t.Fatal("no examples", err)
	}
	readme, verify := text(t, "systemd/README.md"), text(t, "systemd/test/verify.sh")
	for _, example := range examples {
		if !strings.Contains(readme, path.Base(example)) {
			t.Errorf("systemd/README.md does not mention %s", example)
		}
		if strings.HasSuffix(example, ".conf") && !strings.Contains(verify, path.Base(example)) {
			t.Errorf("systemd/test/verify.sh does not check %s", example)
		}
	}
	for _, mentioned := range submatches(unit, `(examples/[a-z0-9.-]+\.conf)`) {
		if !slices.Contains(examples, "systemd/"+mentioned) {
			t.Errorf("the unit mentions %s, which does not exist", mentioned)
		}
	}
}
