package providertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ReadmeNamesEveryReason checks that the table of errors in the kind's
// README.md contains every reason of its recorded answers, whose names start
// with the reason.
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
			t.Errorf("the table of errors lacks %s", reason)
		}
	}
}
