package failpoint

import (
	"go/build"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestNormalBuildIsEmpty looks at what each build compiles: the normal one
// imports nothing, so that it can neither read the environment nor kill.
func TestNormalBuildIsEmpty(t *testing.T) {
	normal := build.Default
	normal.BuildTags = nil
	p, err := normal.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.GoFiles, []string{"failpoint.go"}) || len(p.Imports) != 0 {
		t.Errorf("the normal build compiles %q with the imports %q", p.GoFiles, p.Imports)
	}
	armed := normal
	armed.BuildTags = []string{"failpoints"}
	if p, err = armed.ImportDir(".", 0); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.GoFiles, []string{"armed.go"}) {
		t.Errorf("with the tag it compiles %q", p.GoFiles)
	}
}

// TestNoRecipeSetsTheTag looks at what builds the binaries that people get.
func TestNoRecipeSetsTheTag(t *testing.T) {
	for _, recipe := range []string{"../../systemd/package", "../../Makefile", "../../.ci/run"} {
		data, err := os.ReadFile(recipe)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), "go build") && strings.Contains(recipe, "package") {
			t.Errorf("%s does not build; look where packages are built now", recipe)
		}
		if strings.Contains(string(data), "tags failpoints") || strings.Contains(string(data), "tags=failpoints") {
			t.Errorf("%s builds with the tag failpoints", recipe)
		}
	}
}
