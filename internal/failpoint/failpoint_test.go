package failpoint

import (
	"go/build"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestNormalBuildIsEmpty checks the files each build compiles. The normal build
// imports nothing, so it can neither read the environment nor kill the process.
func TestNormalBuildIsEmpty(t *testing.T) {
	normal := build.Default
	normal.BuildTags = nil
	p, err := normal.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.GoFiles, []string{"failpoint.go"}) || len(p.Imports) != 0 {
		t.Errorf("normal build: got files %q and imports %q, want only failpoint.go and no imports", p.GoFiles, p.Imports)
	}
	armed := normal
	armed.BuildTags = []string{"failpoints"}
	if p, err = armed.ImportDir(".", 0); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.GoFiles, []string{"armed.go"}) {
		t.Errorf("build with the tag: got files %q, want only armed.go", p.GoFiles)
	}
}

// TestNoRecipeSetsTheTag checks everything that builds binaries for users.
func TestNoRecipeSetsTheTag(t *testing.T) {
	for _, recipe := range []string{"../../systemd/package", "../../Makefile", "../../.ci/run"} {
		data, err := os.ReadFile(recipe)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), "go build") && strings.Contains(recipe, "package") {
			t.Errorf("%s contains no go build; update this test to where packages are built", recipe)
		}
		if strings.Contains(string(data), "tags failpoints") || strings.Contains(string(data), "tags=failpoints") {
			t.Errorf("%s sets the tag failpoints", recipe)
		}
	}
}
