package house_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/vigented/vigente/internal/house/papers"
)

// TestTypedBlocks checks the markers of the blocks that systemd/test/first-run.sh
// and machines.sh type: each is directly before a sh block, numbered from 1.
func TestTypedBlocks(t *testing.T) {
	typedBlocks(t, "<!-- first-run", regexp.MustCompile(`^<!-- first-run: ([0-9]+)( until(-not)?: [^ ].*)? -->$`))
	typedBlocks(t, "<!-- machines", regexp.MustCompile(`^<!-- machines: ([0-9]+) on (a|b|c|all)( until: [^ ].*)? -->$`))
}

func typedBlocks(t *testing.T, begin string, marker *regexp.Regexp) {
	t.Helper()
	found := 0
	for _, p := range papers.All(t, ".") {
		lines := strings.Split(text(t, p.File), "\n")
		count := 0
		for i, line := range lines {
			if !strings.HasPrefix(line, begin) {
				continue
			}
			found++
			count++
			m := marker.FindStringSubmatch(line)
			switch {
			case m == nil:
				t.Errorf("%s:%d: got %q, want %s", p.File, i+1, line, marker)
			case m[1] != strconv.Itoa(count):
				t.Errorf("%s:%d: got number %s, want %d", p.File, i+1, m[1], count)
			}
			if i+1 == len(lines) || lines[i+1] != "```sh" {
				t.Errorf("%s:%d: the next line does not start a sh block", p.File, i+1)
			}
		}
	}
	if found == 0 {
		t.Errorf("found no marker %s in any document", begin)
	}
}
