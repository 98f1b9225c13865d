package cluster

import (
	"fmt"

	"github.com/vigented/vigente/daemon/cluster/clustertest"
)

// history is what the machines did with the single credential of a test.
type history struct {
	clustertest.History
	clock int64
}

func (h *history) tick() int64 {
	h.clock++
	return h.clock
}

// tried is one begin, from its call to its grant.
func (w *testCluster) tried(call int64, attempt, seed string, open bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history.Begin(call, w.history.tick(), attempt, number(seed), open)
}

// committed is one commit.
func (w *testCluster) committed(attempt, next string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history.Commit(w.history.tick(), attempt, number(next))
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

// linear checks the history so far.
func (w *testCluster) linear() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ability != Plain { // those calls may overlap
		w.history.Check(w.t)
	}
}
