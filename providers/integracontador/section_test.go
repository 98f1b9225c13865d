package integracontador

import (
	"strings"
	"testing"

	"github.com/vigented/vigente/internal/section"
)

type sectionOf = *section.Section

func parse(t testing.TB, path, dir, text string) *section.Section {
	t.Helper()
	s, err := section.Parse(path, strings.ReplaceAll(text, "{dir}", dir))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func contains(text, part string) bool { return strings.Contains(text, part) }
