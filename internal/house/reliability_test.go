package house_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestPromisesNameTheirProof checks every row of docs/reliability.md: it names
// at least one test, and every test or script it names exists.
func TestPromisesNameTheirProof(t *testing.T) {
	known := map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			for _, name := range submatches(text(t, s.file), `(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`) {
				known[name] = true
			}
		}
	}
	code := regexp.MustCompile("`([^`]+)`")
	rows := 0
	for line := range strings.Lines(text(t, "docs/reliability.md")) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 3 || strings.HasPrefix(cells[1], "---") || strings.TrimSpace(cells[1]) == "Test" {
			continue
		}
		rows++
		proofs := code.FindAllStringSubmatch(cells[1], -1)
		if len(proofs) == 0 {
			t.Errorf("no test is named for: %s", cells[0])
		}
		for _, proof := range proofs {
			name, _, _ := strings.Cut(proof[1], "/")
			if strings.HasPrefix(proof[1], "make ") || known[name] {
				continue
			}
			if _, err := os.Stat(proof[1]); err != nil {
				t.Errorf("%q is neither a test nor a file, but is named for: %s", proof[1], cells[0])
			}
		}
	}
	if rows == 0 {
		t.Error("found no promises")
	}
}
