// Package clustertest checks what the machines of a cluster did with a credential that
// spends its seed: their intents and commits must be those of one register that is
// compared and swapped.
package clustertest

import (
	"fmt"
	"math"
	"testing"

	"github.com/anishathalye/porcupine"
)

// History is what the machines did. It contains only attempts whose call was made.
// Times may be of any clock that all of them share.
type History struct{ ops []porcupine.Operation }

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

func (h *History) add(call, end int64, d deed) {
	h.ops = append(h.ops, porcupine.Operation{ClientId: len(h.ops), Input: d, Call: call, Return: end})
}

// Begin adds the start of an attempt, between the request for it and its grant. Seeds are
// numbered in the order of issue.
func (h *History) Begin(asked, granted int64, attempt string, seed int, open bool) {
	h.add(asked, granted, deed{attempt: attempt, open: open, seed: seed})
}

// Commit adds the commit of an attempt, with the seed that it brought. It is shared at
// some later time that is not reported.
func (h *History) Commit(from int64, attempt string, next int) {
	h.add(from, math.MaxInt64, deed{attempt: attempt, commits: true, next: next})
}

// Len returns the number of begins and commits.
func (h *History) Len() int { return len(h.ops) }

// Linear reports whether there is an order in which all of it is legal.
func (h *History) Linear() bool { return porcupine.CheckOperations(register, h.ops) }

// Check fails the test if there is none, and logs the history.
func (h *History) Check(t *testing.T) {
	t.Helper()
	if h.Linear() {
		return
	}
	for _, op := range h.ops {
		t.Logf("%d to %d: %s", op.Call, op.Return, op.Input.(deed))
	}
	t.Error("no order of these begins and commits is one of a register that is compared and swapped")
}

// cell is what all machines share, in the checker's model.
type cell struct {
	seed   int
	intent string
}

// register is the single key of a credential: a call starts only while no other is in
// progress, with the seed that was committed last. After a lost answer only an open
// attempt starts, which sends no seed, or one that a person brought.
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
