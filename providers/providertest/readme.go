package providertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ReadmeNamesEveryReason compares the table of errors in the README.md of the
// kind's folder with what its recorded answers show: their names begin with the
// reason.
func ReadmeNamesEveryReason(t *testing.T, pattern string) {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatal("no recorded answers")
	}
	for _, file := range files {
		reason, _, _ := strings.Cut(filepath.Base(file), "--")
		reason = strings.TrimSuffix(reason, "+lost")
		if reason != "ok" && !strings.Contains(string(text), "| `"+reason+"` |") {
			t.Errorf("the table of errors does not name %s", reason)
		}
	}
}
