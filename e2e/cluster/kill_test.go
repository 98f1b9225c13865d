package cluster

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/providers/oauth2/emulator"
)

// armed is the binary that kills itself at a failpoint.
var armed = sync.OnceValues(func() (string, error) { return e2etest.Build("vigente-armed", "-tags", "failpoints") })

// hit is one hit of a failpoint on the way of a renewal, counted from where the
// part begins.
type hit struct {
	point string
	count int
	part  string // a credential that this machine renews, or adoption
}

func (h hit) String() string { return fmt.Sprintf("%s@%d in %s", h.point, h.count, h.part) }

const adoption = "adoption"

// TestKilledAtEveryFailpoint kills the daemon of one machine at every failpoint of
// a renewal, and of the adoption of another machine's. The others finish what may
// be repeated, and nobody repeats what spends a seed.
func TestKilledAtEveryFailpoint(t *testing.T) {
	if wanted := os.Getenv("VIGENTE_CLUSTER"); wanted != "1" && wanted != "kill" {
		t.Skip("VIGENTE_CLUSTER=1 runs it (make cluster)")
	}
	b := newBox(t, emulator.Settings{Lifetime: time.Hour}, 0)
	b.begin()
	hits := b.failpoints()
	var missed []hit
	parked, finished := 0, 0
	for _, h := range hits {
		end := b.killedAt(h)
		if end == "not reached" {
			missed = append(missed, h)
		}
		parked += count(end == "parked")
		finished += count(end == "finished")
		t.Logf("%s: %s", h, end)
		b.judge.unspent(t, h.String())
		if t.Failed() {
			return
		}
	}
	t.Logf("%d hits: %d not reached, %d renewals finished by another machine, %d parked", len(hits), len(missed), finished, parked)
	if never := uncovered(hits, missed); len(never) > 0 {
		t.Errorf("no kill at %q", never)
	}
	if len(hits) < 20 || parked == 0 || finished == 0 {
		t.Error("the failpoints cover too little")
	}
}

// uncovered returns the failpoints that were reached by none of their hits in a
// part.
func uncovered(hits, missed []hit) []string {
	return e2etest.Uncovered(hits, missed, func(h hit) string { return h.point + " in " + h.part })
}

func TestUncoveredFailpoints(t *testing.T) {
	t.Parallel()
	hits := []hit{{"x", 1, "plain"}, {"x", 4, "plain"}, {"x", 1, "sales"}, {"y", 1, "plain"}}
	if got := uncovered(hits, []hit{{"x", 4, "plain"}, {"x", 1, "sales"}}); !slices.Equal(got, []string{"x in sales"}) {
		t.Errorf("got %q, want x, which only sales did not reach", got)
	}
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// failpoints returns the first and the last hit of each failpoint in each part.
func (b *box) failpoints() (hits []hit) {
	b.t.Helper()
	a := b.hosts[0]
	for _, part := range []string{"plain", "sales", adoption} {
		a.Write("trace", "")
		a.rearm("VIGENTE_FAILPOINT_TRACE=" + a.Path("trace"))
		b.settled("a start with failpoints")
		before := len(a.Read("trace"))
		a.act(part)
		b.settled("a renewal for " + part)
		last := map[string]int{}
		for point := range strings.Lines(a.Read("trace")[before:]) {
			last[strings.TrimSpace(point)]++
		}
		for point, n := range last {
			hits = append(hits, hit{point, 1, part})
			if n > 1 {
				hits = append(hits, hit{point, n, part})
			}
		}
	}
	slices.SortFunc(hits, func(x, y hit) int { return strings.Compare(x.part+x.point, y.part+y.point) })
	return hits
}

// rearm restarts the daemon with failpoints.
func (h *host) rearm(environ ...string) {
	h.T.Helper()
	h.Stop()
	h.Program, h.environ = armed, environ
	h.startDaemon()
	h.Program, h.environ = nil, nil // also for the commands
}

// act does one part on this machine.
func (h *host) act(part string) {
	if part == adoption {
		h.box.hosts[1].renewed("plain")
		return
	}
	_, _, _ = h.Run("renew", part) // The daemon may be killed on the way.
}

// killedAt kills the daemon at a hit, and returns what became of the renewal.
// How many commits share a sync varies, so the last hit may not come; all of
// that is checked in the same way.
func (b *box) killedAt(at hit) (end string) {
	b.t.Helper()
	a, other := b.hosts[0], b.hosts[1]
	before := b.judge.Counts().TokensIssued
	_ = os.Remove(a.Path("since"))
	a.rearm(fmt.Sprintf("VIGENTE_FAILPOINT=%s@%d", at.point, at.count), "VIGENTE_FAILPOINT_SINCE="+a.Path("since"))
	b.settled("a start with a failpoint")
	a.Write("since", "")
	a.act(at.part)
	reached := b.diesSoon(a)
	if status, _ := a.Daemon.Cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
		b.t.Fatalf("%s: the daemon exited by itself: %v", at, a.Daemon.Status)
	}
	end = "nothing to finish"
	if name := intentOf(other, a.name); name != "" {
		b.until(name+" has an end", func() bool {
			_, state := other.generation(name)
			return intentOf(other, a.name) == "" || state == "parked"
		})
		end = "finished"
		if _, state := other.generation(name); state == "parked" {
			end = "parked"
		}
		if (end == "parked") != (name == "sales") {
			b.t.Errorf("%s: %s is %s", at, name, end)
		}
	} else if b.judge.Counts().TokensIssued > before+1 {
		b.t.Errorf("%s: more than one call was made", at)
	}
	a.startDaemon()
	b.until("its holder knows the end, or parks it too", func() bool {
		_, state := a.generation("sales")
		return state == "parked" || intentOf(a, a.name) == ""
	})
	b.settled(at.String())
	if !reached {
		return "not reached"
	}
	return end
}

// diesSoon waits a moment for the daemon to die, kills it otherwise, and reports
// which.
func (b *box) diesSoon(h *host) bool {
	for range 20 {
		if h.gone() {
			return true
		}
		pause(b.t.Context(), 100*time.Millisecond)
	}
	h.Kill()
	return false
}

// intentOf returns the credential for which a machine has an intent, as another one
// sees it; empty if it has none.
func intentOf(seenBy *host, node string) string {
	c, _ := seenBy.cluster()
	for _, i := range c.Intents {
		if i.Node == node {
			return i.Credential
		}
	}
	return ""
}
