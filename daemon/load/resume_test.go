package load

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/daemon/plan"
)

// changeText describes a whole change, including the host's digests.
func changeText(c plan.Change) string {
	var b strings.Builder
	for _, s := range slices.Concat(c.Credentials.Added, c.Credentials.Changed, c.Credentials.Was) {
		fmt.Fprintf(&b, "%s %x %s %s\n", s.Name, s.Hash, s.Identity, s.Inputs)
	}
	for _, s := range slices.Concat(c.Sinks.Added, c.Sinks.Changed) {
		fmt.Fprintf(&b, "%s %x %s\n", s.Name, s.Hash, s.Target)
	}
	var was []string
	for _, s := range c.Sinks.Was {
		was = append(was, s.Name)
	}
	slices.Sort(was)
	return b.String() + fmt.Sprint(c.Added(), c.Changed(), c.Removed(), c.Retain, was)
}

func report(d *Loaded) string {
	var rows []string
	for _, f := range d.fleets {
		for _, r := range f.rows {
			rows = append(rows, fmt.Sprintf("%s:%d %s", r.file, r.line, r.name))
		}
	}
	return fmt.Sprint(d.Fleets, d.Faults, d.MissingFaults, rows)
}

// edit changes rows at random, including bad rows, clashes and moved ones.
func edit(r *rand.Rand, rows []string) []string {
	rows = slices.Clone(rows)
	for range 1 + r.IntN(3) {
		i, n := r.IntN(len(rows)), r.IntN(60)
		switch r.IntN(7) {
		case 0:
			rows = slices.Delete(rows, i, i+1)
		case 1:
			rows = slices.Insert(rows, i, fmt.Sprintf("S%d,%d,1,x", n, r.IntN(60)))
		case 2:
			rows[i] = strings.Replace(rows[i], ",1,", ",2,", 1)
		case 3:
			rows[i] = fmt.Sprintf("S%d,%d,%d,y", n, n, r.IntN(9))
		case 4:
			j := r.IntN(len(rows))
			rows[i], rows[j] = rows[j], rows[i]
		case 5:
			rows[i] = strings.Replace(rows[i], ",x", ",\"two\nlines\"", 1)
		case 6:
			if r.IntN(4) == 0 {
				rows[i] = strings.Replace(rows[i], ",1,", ",bad,", 1)
			}
		}
	}
	return rows
}

// TestResumeEqualsAFullLoad edits a table repeatedly, and compares a resumed load with a load
// that reads everything.
func TestResumeEqualsAFullLoad(t *testing.T) {
	resumed, refused := 0, 0
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test
		var rows []string
		for i := range 40 {
			rows = append(rows, fmt.Sprintf("S%d,%d,1,x", i, i))
		}
		table := func() string { return "code,id,n,note\n" + strings.Join(rows, "\n") + "\n" }
		s := newShops(t, fleetText, table())
		full := New(fakeOptions())
		full.seed = s.seed
		good := rows
		for step := range 12 {
			a, b := s.Load(), full.Load()
			if a.resumed {
				resumed++
			}
			if got, want := report(a), report(b); got != want {
				t.Fatalf("seed %d, step %d: got\n%s\nwant\n%s", seed, step, got, want)
			}
			if len(a.Faults) > 0 {
				refused++
			} else {
				got, want := changeText(s.Change(a, []byte("key"))), changeText(full.Change(b, []byte("key")))
				if got != want {
					t.Fatalf("seed %d, step %d, resumed %v: got\n%s\nwant\n%s\ntable\n%s", seed, step, a.resumed, got, want, table())
				}
				if step%5 != 4 { // do not adopt some of them
					s.Adopt(a)
					full.Adopt(b)
					full.noResume()
				}
			}
			if len(a.Fleets[0].Bad) == 0 {
				good = rows
			} else if r.IntN(2) == 0 {
				rows = good
			}
			rows = edit(r, rows)
			s.write(table())
		}
	}
	if resumed < 50 {
		t.Errorf("%d loads were resumed, too few to compare (%d refused)", resumed, refused)
	}
}

// noResume forces the next load to read everything.
func (l *Loader) noResume() { l.now.Warnings = append(l.now.Warnings, Missing{}) }
