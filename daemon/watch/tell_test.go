package watch

import (
	"fmt"
	"testing"
	"time"
)

// TestATickLooksOnlyAtWhatIsDue: after a start every file of a fleet waits to be
// reported, and then for its pace to be forgotten. A tick looks only at those whose
// time has come.
func TestATickLooksOnlyAtWhatIsDue(t *testing.T) {
	const n = 1000
	w, now := New(Options{}), time.Now()
	for i := range n {
		w.touch(now, &target{path: fmt.Sprint(i)})
	}
	ticks := func(from, to time.Duration) (told, looks int) {
		before := w.looks
		for at := from; at < to; at += tickEvery {
			told += len(w.due(now.Add(at)))
		}
		return told, w.looks - before
	}
	for _, want := range []struct {
		name        string
		from, to    time.Duration
		told, looks int
	}{
		{"before they are due", 0, restFor, 0, 0},
		{"when they are due", restFor, restFor + tickEvery, n, n},
		{"while their pace is kept", restFor + tickEvery, restFor + hangingEvery, 0, 0},
		{"when it is forgotten", restFor + hangingEvery, restFor + 2*hangingEvery, 0, n},
	} {
		if told, looks := ticks(want.from, want.to); told != want.told || looks != want.looks {
			t.Errorf("%s: got %d reports and %d looks, want %d and %d", want.name, told, looks, want.told, want.looks)
		}
	}
	if len(w.paced) != 0 {
		t.Errorf("the pace of %d targets is kept, want none", len(w.paced))
	}
}

// TestRepeatsBeyondTheLimitDelayNoFirstReport: of files that are written all the time,
// a tick reports a limited number, and the others with the next ticks. A file that is
// new among them is reported at once.
func TestRepeatsBeyondTheLimitDelayNoFirstReport(t *testing.T) {
	const n = 2*repeatsATick + 1
	w, now := New(Options{}), time.Now()
	targets := make([]*target, n)
	touch := func() {
		for i := range targets {
			if targets[i] == nil {
				targets[i] = &target{path: fmt.Sprint(i)}
			}
			w.touch(now, targets[i])
		}
	}
	touch()
	now = now.Add(restFor)
	if got := len(w.due(now)); got != n {
		t.Fatalf("got %d first reports, want %d", got, n)
	}
	touch()
	w.touch(now, &target{path: "new"})
	now = now.Add(repeatAfter)
	for tick, want := range []int{repeatsATick + 1, repeatsATick, 1, 0} {
		if got := len(w.due(now)); got != want {
			t.Errorf("tick %d: got %d reports, want %d", tick, got, want)
		}
	}
}
