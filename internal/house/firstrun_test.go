package house_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/vigented/vigente/internal/house/papers"
)

// TestFirstRunMarkers holds the blocks that systemd/test/first-run.sh types to
// the form that it reads: a marker right before a block of sh, counted from 1.
func TestFirstRunMarkers(t *testing.T) {
	marker := regexp.MustCompile(`^<!-- first-run: ([0-9]+)( until(-not)?: [^ ].*)? -->$`)
	found := 0
	for _, p := range papers.All(t, ".") {
		lines := strings.Split(text(t, p.File), "\n")
		count := 0
		for i, line := range lines {
			if !strings.HasPrefix(line, "<!-- first-run") {
				continue
			}
			found++
			count++
			m := marker.FindStringSubmatch(line)
			switch {
			case m == nil:
				t.Errorf("%s:%d: %q is not read (expected <!-- first-run: N --> or with until: TEXT)", p.File, i+1, line)
			case m[1] != strconv.Itoa(count):
				t.Errorf("%s:%d: has the number %s, expected %d", p.File, i+1, m[1], count)
			}
			if i+1 == len(lines) || lines[i+1] != "```sh" {
				t.Errorf("%s:%d: the next line does not begin a block of sh", p.File, i+1)
			}
		}
	}
	if found == 0 {
		t.Error("no document can be typed")
	}
}
