package load

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// manyRows returns the table of a fleet.
func manyRows(n int) string {
	var b strings.Builder
	b.WriteString("code,id,n,note\n")
	for i := range n {
		fmt.Fprintf(&b, "S%06d,%d,1,x\n", i, i)
	}
	return b.String()
}

// BenchmarkFleet loads a fleet for the first time, and again with one changed row.
func BenchmarkFleet(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		rows := manyRows(n)
		b.Run(fmt.Sprintf("start/%d", n), func(b *testing.B) {
			enter(b, fleetText)
			write(b, rows)
			for b.Loop() {
				l := New(fakeOptions())
				loaded := l.Load()
				l.Change(loaded, []byte("key"))
				if loaded.Fleets[0].Good != n {
					b.Fatal(loaded.Faults, loaded.Fleets[0].Good)
				}
			}
		})
		b.Run(fmt.Sprintf("one/%d", n), func(b *testing.B) {
			enter(b, fleetText)
			write(b, rows)
			l := New(fakeOptions())
			loaded := l.Load()
			l.Change(loaded, []byte("key"))
			l.Adopt(loaded)
			for i := 0; b.Loop(); i++ {
				write(b, strings.Replace(rows, ",7,1,x", fmt.Sprintf(",7,%d,x", i+2), 1))
				loaded := l.Load()
				if change := l.Change(loaded, []byte("key")); len(change.Credentials.Changed) != 1 {
					b.Fatal(len(change.Credentials.Changed), loaded.Faults)
				}
				l.Adopt(loaded)
			}
		})
	}
}

func write(b *testing.B, text string) {
	if err := os.WriteFile("shops.csv", []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
}
