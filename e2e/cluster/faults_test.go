package cluster

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/vigented/vigente/e2e/e2etest"
)

// busy requests renewals on every machine until the work is done.
func (b *box) busy(work func()) { b.busyWith(work, "sales", "plain") }

// busyWith is busy with some credentials only.
func (b *box) busyWith(work func(), names ...string) {
	ctx, stop := context.WithCancel(b.t.Context())
	var all sync.WaitGroup
	for _, h := range b.hosts {
		all.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				one, cancel := context.WithTimeout(ctx, 5*time.Second)
				_ = h.Command(one, "renew", names[i%len(names)]).Run()
				cancel()
				pause(ctx, 300*time.Millisecond)
			}
		})
	}
	work()
	stop()
	all.Wait()
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// settled checks that within 15 s all machines reach etcd and hold one value of
// both credentials. Then it repairs what only a person can repair: a call with an
// unknown outcome, interrupted by the fault.
func (b *box) settled(after string) {
	b.t.Helper()
	b.within(after, "one generation everywhere", func() string {
		for _, h := range b.hosts { // A machine without etcd calls without an intent.
			if c, ok := h.cluster(); !ok || !c.Engine.Up {
				return h.name + " does not reach the engine"
			}
		}
		return b.held("plain") + b.held("sales")
	})
	for _, h := range b.hosts {
		if _, state := h.generation("sales"); state == "parked" {
			b.t.Logf("after %s: %s parks the credential that can only spend its seed", after, h.name)
			h.login()
			b.agree(after, "sales")
			break
		}
	}
}

// renewed requests a renewal on one machine that must succeed.
func (h *host) renewed(name string) {
	h.T.Helper()
	if code, out, errs := h.Run("renew", name); code != 0 {
		h.T.Errorf("renew %s on %s: got exit code %d, want 0: %s%s", name, h.name, code, out, errs)
	}
}

// refused requests a renewal on one machine that must not be made, now or
// later.
func (h *host) refused(name, why string) {
	h.T.Helper()
	if code, out, errs := h.Run("renew", name); code != 1 || !strings.Contains(out+errs, why) {
		h.T.Errorf("renew %s on %s: got exit code %d, want 1 and %q: %s%s", name, h.name, code, why, out, errs)
	}
}

// alone waits until a machine reports that etcd is unreachable.
func (h *host) alone(after string) {
	h.T.Helper()
	begun := time.Now()
	h.Eventually(h.name+" says that the engine is away", func() bool {
		c, ok := h.cluster()
		return ok && !c.Engine.Up
	})
	took := time.Since(begun)
	h.T.Logf("after %s: %s noticed within %s", after, h.name, took.Round(100*time.Millisecond))
	if took > 10*time.Second {
		h.T.Errorf("after %s: %s noticed after %s, want 10s", after, h.name, took)
	}
}

func restart(b *box) {
	h := b.hosts[1]
	before := b.judge.Counts().TokenRequests
	if code, took := h.Stop(); code != 0 || took > 5*time.Second {
		b.t.Errorf("stop: got exit code %d after %s", code, took)
	}
	h.startDaemon()
	b.settled("a restart")
	if calls := b.judge.Counts().TokenRequests - before; calls != 0 {
		b.t.Errorf("got %d calls after a restart, want none", calls)
	}
}

func cutOff(b *box) {
	b.busy(func() {
		b.net.both(0, b.net.cut)
		b.hosts[0].alone("a cut")
	})
	h := b.hosts[0]
	h.refused("sales", "engine is away")
	h.renewed("plain")
	inCall := intentOf(b.hosts[1], "a") == "sales" // The cut came within its call.
	if !inCall {
		b.hosts[1].renewed("sales")
	}
	before, _ := b.hosts[1].generation("sales")
	b.net.both(0, b.net.heal)
	b.settled("a cut")
	pause(b.t.Context(), 3*time.Second)
	if now, _ := h.generation("sales"); now != before && !inCall {
		b.t.Errorf("after the partition the generation of sales went from %d to %d: a refused renewal was made later", before, now)
	}
}

func oneWay(b *box) {
	for _, way := range [][2]int{{0, 1}, {1, 0}} {
		b.busy(func() {
			b.net.cut(way[0], way[1])
			b.net.cut(way[0], (way[1]+2)%hosts)
			pause(b.t.Context(), 12*time.Second)
		})
		b.net.heal(way[0], way[1])
		b.net.heal(way[0], (way[1]+2)%hosts)
		b.settled("a cut of one direction")
	}
}

func leaderKilled(b *box) {
	b.busy(func() {
		i, err := b.leader()
		if err != nil {
			b.t.Fatal(err)
		}
		b.hosts[i].killMember()
		pause(b.t.Context(), 5*time.Second)
		b.hosts[i].startMember(0)
	})
	b.settled("the end of a leader")
}

func quorumLost(b *box) {
	b.busy(func() {
		b.hosts[1].killMember()
		b.hosts[2].killMember()
		for _, h := range b.hosts {
			h.alone("a lost quorum")
		}
	})
	b.hosts[2].renewed("plain")
	b.hosts[0].refused("sales", "engine is away")
	b.hosts[1].startMember(0)
	b.hosts[2].startMember(0)
	b.eventually("etcd answers", b.reached)
	b.settled("a lost quorum")
}

// during does something while a call of this machine is under way. A call of
// another machine, which a scenario before it requested, is not mistaken for it.
func (h *host) during(name string, latency time.Duration, work func()) {
	h.T.Helper()
	grant := map[string]string{"plain": "client_credentials", "sales": "refresh_token"}[name]
	arrived := h.box.judge.hold(held{machine: h.box.net.address(h.place), grant: grant, latency: latency})
	ctx, cancel := context.WithTimeout(h.T.Context(), 2*e2etest.Patience)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil { // A result of another machine ends a request as well.
			_ = h.Command(ctx, "renew", name).Run()
			select {
			case <-arrived:
				return
			default:
			}
		}
	}()
	select {
	case <-arrived:
	case <-ctx.Done():
		h.T.Fatalf("no call for %s from %s within %s", name, h.name, 2*e2etest.Patience)
	}
	work()
	<-ended
}

func diesInItsCall(b *box) {
	a := b.hosts[0]
	generation, _ := a.generation("plain")
	a.during("plain", 2*time.Second, a.Kill)
	b.until("another machine finishes it", func() bool { now, _ := b.hosts[1].generation("plain"); return now > generation })
	a.startDaemon()
	b.settled("a death in a plain call")

	a.diesSpending()
	before, _ := b.hosts[1].generation("sales")
	calls := len(b.judge.refreshes())
	if code, out, errs := b.hosts[1].Run("renew", "sales", "--take-over"); code != 0 {
		b.t.Fatalf("renew --take-over: got exit code %d, want 0: %s%s", code, out, errs)
	}
	if now, state := b.hosts[1].generation("sales"); now != before+1 || state != "valid" {
		b.t.Errorf("after a take-over sales has generation %d and is %s, want %d and valid", now, state, before+1)
	}
	a.startDaemon()
	b.agree("a take-over of a dead machine's call", "sales")
	for _, h := range b.hosts {
		if _, state := h.generation("sales"); state != "valid" || intentOf(h, a.name) != "" {
			b.t.Errorf("after a take-over sales is %s on %s, with an intent for %q; want valid and none", state, h.name, intentOf(h, a.name))
		}
	}
	if all := b.judge.refreshes(); len(all) != calls+1 || all[calls-1].seed != all[calls].seed || all[calls-1].next != 0 || all[calls].next == 0 {
		b.t.Errorf("got calls %+v; want one more, with the seed of the machine that died, and only that one answered", all[calls-1:])
	}
	a.renewed("sales") // It has the seed that came of the take-over.
	b.settled("a take-over")
}

// comesBackParked: a machine that died in a call that spends knows as little as the
// others what became of it. A login is the other way out.
func comesBackParked(b *box) {
	a := b.hosts[0]
	a.diesSpending()
	a.startDaemon()
	b.until("its holder parks it too", func() bool { _, state := a.generation("sales"); return state == "parked" })
	b.judge.unspent(b.t, "a death in a call that spends")
	b.hosts[1].login()
	b.agree("a login on another machine", "sales")
}

// diesSpending kills a machine in a call that sends a seed, before the backend takes
// it, and waits until the others leave that to a person.
func (h *host) diesSpending() {
	h.T.Helper()
	b := h.box
	h.during("sales", 2*time.Second, h.Kill)
	for _, other := range b.hosts {
		if other == h {
			continue
		}
		b.until(other.name+" parks it", func() bool { _, state := other.generation("sales"); return state == "parked" })
		other.refused("sales", "--take-over")
	}
}

// until waits for what must happen within the timeout of 5s plus 15s.
func (b *box) until(what string, holds func() bool) {
	b.t.Helper()
	const limit = (5 + 5 + 15) * time.Second
	begun := time.Now()
	for !holds() {
		if time.Since(begun) > limit {
			b.t.Fatalf("timed out after %s waiting: %s", limit, what)
		}
		pause(b.t.Context(), 100*time.Millisecond)
	}
	b.t.Logf("%s after %s", what, time.Since(begun).Round(100*time.Millisecond))
}

func standsStill(b *box) {
	a := b.hosts[0]
	for _, name := range []string{"plain", "sales"} {
		a.during(name, 2*time.Second, func() {
			a.Signal(syscall.SIGSTOP)
			pause(b.t.Context(), 30*time.Second)
			a.Signal(syscall.SIGCONT)
		})
		pause(b.t.Context(), 3*time.Second)
		b.settled("30 s in which a machine stood still")
	}
}

func compaction(b *box) {
	c := b.hosts[2]
	c.Signal(syscall.SIGSTOP)
	for range 3 {
		b.hosts[0].renewed("sales")
		b.hosts[1].renewed("plain")
	}
	ctx, cancel := context.WithTimeout(b.t.Context(), 5*time.Second)
	defer cancel()
	now, err := b.client.Get(ctx, "/none")
	if err == nil {
		_, err = b.client.Compact(ctx, now.Header.Revision, clientv3.WithCompactPhysical())
	}
	if err != nil {
		b.t.Fatal(err)
	}
	c.Signal(syscall.SIGCONT)
	b.settled("a compaction under a watcher")
}

// copyMembers stops all members and copies their folders.
func (b *box) copyMembers(from, to string) {
	b.t.Helper()
	for _, h := range b.hosts {
		h.killMember()
	}
	for _, h := range b.hosts {
		if err := os.RemoveAll(h.Path(to)); err != nil {
			b.t.Fatal(err)
		}
		if out, err := exec.Command("cp", "-a", h.Path(from), h.Path(to)).CombinedOutput(); err != nil {
			b.t.Fatalf("copy: %v: %s", err, out)
		}
	}
	for _, h := range b.hosts {
		h.startMember(0)
	}
	b.eventually("etcd answers", b.reached)
}

func backupBroughtBack(b *box) {
	b.copyMembers("etcd", "backup")
	b.settled("a backup")
	for _, h := range b.hosts {
		h.renewed("sales")
	}
	b.agree("renewals", "sales")
	before, _ := b.hosts[0].generation("sales")
	b.copyMembers("backup", "etcd")
	b.settled("a backup that was brought back")
	if now, _ := b.hosts[1].generation("sales"); now < before {
		b.t.Errorf("the generation went from %d back to %d", before, now)
	}
	b.eventually("a machine reports that etcd holds older values than it does", func() bool {
		return slices.ContainsFunc(b.hosts[:], func(h *host) bool { return strings.Contains(h.Daemon.Log.String(), "older than what is held") })
	})
	b.hosts[2].renewed("sales")
	b.agree("a renewal after it", "sales")
}
