package cluster

import (
	"fmt"
	"math"
	"testing"

	"github.com/anishathalye/porcupine"
)

// history is what the machines did with the single credential of a test, for a check of
// linearizability. It contains only attempts whose call was made.
type history struct {
	clock int64
	ops   []porcupine.Operation
}

// deed is the start of an attempt that sends a seed, or its commit with the next one. An
// open one reads back or logs in, since the answer before was lost.
type deed struct {
	attempt    string
	commits    bool
	open       bool
	seed, next int
}

func (d deed) String() string {
	if d.commits {
		return fmt.Sprintf("commit %s: s%d", d.attempt, d.next)
	}
	return fmt.Sprintf("begin %s with s%d, open %v", d.attempt, d.seed, d.open)
}

func (h *history) tick() int64 {
	h.clock++
	return h.clock
}

func (h *history) add(call, end int64, d deed) {
	h.ops = append(h.ops, porcupine.Operation{ClientId: len(h.ops), Input: d, Call: call, Return: end})
}

// tried is one begin, from its call to its grant.
func (w *testCluster) tried(call int64, attempt, seed string, open bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history.add(call, w.history.tick(), deed{attempt: attempt, open: open, seed: number(seed)})
}

// committed is one commit. It is shared at some later time that is not reported.
func (w *testCluster) committed(attempt, next string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history.add(w.history.tick(), math.MaxInt64, deed{attempt: attempt, commits: true, next: number(next)})
}

func (w *testCluster) now() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.history.tick()
}

func number(seed string) (n int) {
	_, _ = fmt.Sscanf(seed, "s%d", &n)
	return n
}

// cell is what all machines share, in the checker's model.
type cell struct {
	seed   int
	intent string
}

// register is the single key of a credential: a call starts only while no other is in
// progress, with the seed that was committed last. After a lost answer only an open
// attempt starts, which sends no seed.
var register = porcupine.Model{
	Init: func() any { return cell{} },
	Step: func(state, input, _ any) (bool, any) {
		c, d := state.(cell), input.(deed)
		switch {
		case !d.commits && !d.open && (c.intent != "" || c.seed != d.seed):
			return false, c
		case !d.commits:
			return true, cell{max(c.seed, d.seed), d.attempt}
		case c.intent == d.attempt:
			c.intent = ""
		}
		c.seed = max(c.seed, d.next) // the latest value is the newest
		return true, c
	},
	DescribeOperation: func(input, _ any) string { return input.(deed).String() },
}

// linear checks the history so far.
func (w *testCluster) linear() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ability == Plain { // those calls may overlap
		return
	}
	if !porcupine.CheckOperations(register, w.history.ops) {
		for _, op := range w.history.ops {
			w.t.Logf("%d to %d: %s", op.Call, op.Return, op.Input.(deed))
		}
		w.t.Error("no order of these begins and commits is one of a register that is compared and swapped")
	}
}

// The checker detects a call that starts beside another one, and one with an old seed.
func TestTheJudgeRefutesDoubleCalls(t *testing.T) {
	t.Parallel()
	good := []deed{{attempt: "1"}, {attempt: "1", commits: true, next: 1}, {attempt: "2", seed: 1}}
	for name, c := range map[string]struct {
		more   deed
		linear bool
	}{
		"a commit and its call":          {deed{attempt: "2", commits: true, next: 2}, true},
		"a login after a lost answer":    {deed{attempt: "3", seed: 1, open: true}, true},
		"a second call beside the first": {deed{attempt: "3", seed: 1}, false},
		"an old seed":                    {deed{attempt: "3", seed: 0}, false},
	} {
		h := &history{}
		for _, d := range append(append([]deed{}, good...), c.more) {
			h.add(h.tick(), h.tick(), d)
		}
		if got := porcupine.CheckOperations(register, h.ops); got != c.linear {
			t.Errorf("%s: linear is %v, want %v", name, got, c.linear)
		}
	}
}
