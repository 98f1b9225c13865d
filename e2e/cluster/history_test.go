package cluster

import (
	"os"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/cluster/clustertest"
	"github.com/vigented/vigente/providers/oauth2/emulator"
)

// TestHistoryIsThatOfARegister renews on all machines while connections are cut
// and forgotten, leaders die and daemons are killed. Every call that sends a
// seed has an intent of its own in etcd, written before it, the intents and results
// of all machines are those of a register that is compared and swapped, and the
// minimum interval holds between machines.
func TestHistoryIsThatOfARegister(t *testing.T) {
	if wanted := os.Getenv("VIGENTE_CLUSTER"); wanted != "1" && wanted != "history" {
		t.Skip("VIGENTE_CLUSTER=1 runs it (make cluster)")
	}
	b := newBox(t, emulator.Settings{Lifetime: time.Hour}, 0)
	seen := b.watchRecords("sales")
	b.begin()
	for round := range 3 {
		b.harmed("a leader that dies", func() {
			i, err := b.leader()
			if err != nil {
				t.Fatal(err)
			}
			b.hosts[i].killMember()
			pause(t.Context(), 4*time.Second)
			b.hosts[i].startMember(0)
		})
		b.harmed("half-open connections", func() {
			for _, p := range pairs {
				b.net.forget(p[0], p[1])
				pause(t.Context(), time.Second)
			}
		})
		b.harmed("a machine that dies", func() {
			h := b.hosts[round]
			pause(t.Context(), 2*time.Second)
			h.Kill()
			pause(t.Context(), 2*time.Second)
			h.startDaemon()
		})
		b.harmed("a cut", func() {
			b.net.both(round, b.net.cut)
			pause(t.Context(), 6*time.Second)
			b.net.both(round, b.net.heal)
		})
	}
	pause(t.Context(), time.Second) // The watch of the test is behind.

	intents := seen.end()
	calls := b.judge.refreshes()
	history := b.history(calls, intents)
	history.Check(t)
	b.judge.unspent(t, "all faults")
	if len(calls) < 30 {
		t.Errorf("got %d calls, want more to judge", len(calls))
	}
	t.Logf("%d calls under %d intents: %d begins and commits have an order", len(calls), len(intents), history.Len())
}

// harmed renews the credential that spends its seed on all machines during a fault.
func (b *box) harmed(what string, fault func()) {
	b.t.Helper()
	b.busyWith(fault, "sales")
	b.settled(what)
}

// minInterval is that of the configuration.
const minInterval = 600 * time.Millisecond

// history gives each call the last intent of its machine before it.
func (b *box) history(calls []call, intents []intent) *clustertest.History {
	b.t.Helper()
	h := &clustertest.History{}
	used := map[string]bool{}
	before := time.Time{}
	for _, c := range calls {
		var mine intent
		for _, i := range intents {
			if b.net.address(int(i.Node[0]-'a')) == c.machine && i.At <= c.at.UnixNano() {
				mine = i
			}
		}
		switch age := c.at.Sub(time.Unix(0, mine.At)); {
		case mine.Attempt == "":
			b.t.Errorf("the call of %s at %s has no intent", c.machine, c.at)
		case used[mine.Attempt]:
			b.t.Errorf("the intent %s of %s was used for a second call at %s", mine.Attempt, c.machine, c.at)
		case age > 11*time.Second: // timeout, and the time in which a call may start
			b.t.Errorf("the call of %s came %s after its intent", c.machine, age)
		}
		used[mine.Attempt] = true
		began := time.Unix(0, mine.At)
		if gap := began.Sub(before); !c.planted && gap < minInterval {
			b.t.Errorf("a call of %s began %s after the one before, want %s at least, whatever machine made that", c.machine, gap, minInterval)
		}
		before = began
		h.Begin(mine.At, c.at.UnixNano(), mine.Attempt, c.seed, c.planted)
		if c.next > 0 {
			h.Commit(c.answered.UnixNano(), mine.Attempt, c.next)
		}
	}
	return h
}
