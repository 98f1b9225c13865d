package house_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// banned maps a word that readers stumble over to the term to use instead.
var banned = []struct{ form, instead string }{
	{`the floor`, "the minimum interval"},
	{`conductors?`, "engine"},
	{`crews?`, "worker"},
	{`actors?`, "worker, or the role's own name"},
	{`hoard(s|ed)?`, "temporary files"},
	{`mend(s|ed|ing)?`, "fix, correct"},
	{`cure[sd]?`, "fix"},
	{`tries on`, "retries"},
	{`asks? anew|anew`, "again"},
	{`a person is needed|needs? a person`, "action needed"},
	{`(is|was|are) none`, "say what it is not"},
	{`is no (URL|address|number|instant|length|duration|name of)`, "is not a valid …"},
	{`is too much`, "unexpected argument"},
	{`is played|plays? the`, "simulate, emulate"},
	{`is taken at once|will be taken`, "takes effect"},
	{`nobody but`, "only"},
	{`left-overs`, "temporary files"},
}

// bannedInPortuguese is the same for texts in Portuguese.
var bannedInPortuguese = []struct{ form, instead string }{
	{`Curas?`, "Solução"},
	{`Endurecer`, "Reforçar a segurança"},
	{`jogad[ao]s?`, "simulada"},
	{`(é|são) tomad[ao]s?`, "passa a valer"},
	{`precisa de uma pessoa|uma pessoa é necessária`, "requer intervenção"},
	{`atrasad[ao]s?`, "alterado por outro programa, ou ainda não é o mais novo"},
}

// plain lists the folders and files that avoid the banned words.
var plain = []string{
	"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "config.example.toml", "docs", "monitoring", "systemd",
	".ci", "cmd", "credential", "daemon", "e2e", "internal", "providers", "sinks",
}

// exempt lists files that quote keys for machines, or names of tests.
var exempt = []string{"docs/reliability.md", "internal/house/words_test.go"}

// quoted finds what the words do not apply to: the key of the contract, names of
// fail points, and plain English.
var quoted = regexp.MustCompile("json:\"cure\"|[\"`.]cure[\"`]|\\.cure\\b|\\bcure:|\\bCure( +string|:)|store anew (built|placed)|(?i:there (is|are|was|were) none)")

// TestWords checks comments, messages and documents for banned words: one term
// per concept, and no term that readers have to guess.
func TestWords(t *testing.T) {
	english, portuguese := compile(banned), compile(bannedInPortuguese)
	files := 0
	for _, root := range plain {
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || slices.Contains(exempt, name) || !slices.Contains([]string{".go", ".md", ".toml", ".yml", ".html", ".sh", ".service", ".conf"}, filepath.Ext(name)) {
				return err
			}
			files++
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			words := english
			if strings.HasSuffix(name, ".pt-BR.md") || strings.HasSuffix(name, "portuguese.go") {
				words = portuguese
			}
			for number, line := range strings.Split(quoted.ReplaceAllString(string(data), ""), "\n") {
				for form, instead := range words {
					if found := form.FindString(line); found != "" {
						t.Errorf("%s:%d: %q (expected %s)", name, number+1, found, instead)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 100 {
		t.Errorf("read only %d files", files)
	}
}

func compile(words []struct{ form, instead string }) map[*regexp.Regexp]string {
	all := make(map[*regexp.Regexp]string, len(words))
	for _, w := range words {
		all[regexp.MustCompile(`(?i)(^|[^\w-])(`+w.form+`)($|[^\w-])`)] = w.instead
	}
	return all
}
