package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/vigented/vigente/providers/oauth2/emulator"
)

const many = 10_000

// fleet is many credentials of the same provider, with plain renewals.
const fleet = `
[fleets.m]
rows = "rows.csv"
name = "{code}"
[fleets.m.credential]
provider = "login"
grant = "client_credentials"
scope = "{code}"
renew_before = "20m"
`

// TestTenThousandCredentials obtains them on three machines. etcd is written for
// intents and results only, and for nothing while nothing is due.
func TestTenThousandCredentials(t *testing.T) {
	if wanted := os.Getenv("VIGENTE_CLUSTER"); wanted != "1" && wanted != "many" {
		t.Skip("VIGENTE_CLUSTER=1 runs it (make cluster)")
	}
	b := newBox(t, emulator.Settings{Lifetime: time.Hour}, 0)
	b.judge.pad(1200)
	b.begin()
	before, _ := b.written()
	calls := b.judge.Counts().TokenRequests

	begun := time.Now()
	var rows strings.Builder
	rows.WriteString("code\n")
	for i := range many {
		fmt.Fprintf(&rows, "r%05d\n", i)
	}
	var all sync.WaitGroup
	for _, h := range b.hosts {
		all.Go(func() {
			h.Write("rows.csv", rows.String())
			h.Write("config.toml", h.Read("config.toml")+fleet)
			h.reload()
		})
	}
	all.Wait()
	b.everywhere(many + 2)
	took := time.Since(begun)
	after, size := b.written()
	calls = b.judge.Counts().TokenRequests - calls
	t.Logf("%d credentials on 3 machines in %s: %d calls, %d writes to etcd, by call %.2f", many, took.Round(time.Second), calls, after-before, float64(after-before)/float64(calls))
	if calls != many {
		t.Errorf("got %d calls, want one for each credential", calls)
	}
	// Three machines announce that their configuration has changed.
	if writes := after - before; writes < 2*many || writes > 2*many+12 {
		t.Errorf("got %d writes, want two for each renewal and hardly any more", writes)
	}
	perWrite := size / (after - before)
	t.Logf("etcd holds %d MB, %d bytes for each write; 10,000 renewals every 45 minutes make %d MB of history a day", size>>20, perWrite, 2*many*(24*60/45)*perWrite>>20)

	pause(t.Context(), time.Minute)
	idle, _ := b.written()
	if idle > after {
		t.Errorf("got %d writes in a minute in which nothing was due, want none", idle-after)
	}
	b.hosts[2].again()
	b.everywhere(many + 2)
	restarted, _ := b.written()
	if again := b.judge.Counts().TokenRequests - calls; restarted-idle > 4 || again > many {
		t.Errorf("got %d writes and %d calls for a restart, want its presence alone", restarted-idle, again)
	}
	b.compacted()
	_, left := b.written()
	t.Logf("compacted, etcd holds %d MB", left>>20)
	for _, h := range b.hosts {
		t.Logf("%s: %s", h.name, resident(h.Daemon.Cmd.Process.Pid))
	}
}

// everywhere waits until all machines hold that many valid credentials.
func (b *box) everywhere(want int) {
	b.t.Helper()
	deadline := time.Now().Add(10 * time.Minute)
	for _, h := range b.hosts {
		for n := -1; n != want; {
			n = h.valid()
			if time.Now().After(deadline) {
				b.t.Fatalf("%s holds %d credentials, want %d", h.name, n, want)
			}
			pause(b.t.Context(), 500*time.Millisecond)
		}
	}
}

// valid returns how many credentials of a host are valid.
func (h *host) valid() int {
	code, out, _ := h.Run("status", "--json", "--limit", "1")
	var s struct {
		Totals struct{ Credentials map[string]int }
	}
	if code != 0 || json.Unmarshal([]byte(out), &s) != nil {
		return -1
	}
	return s.Totals.Credentials["valid"]
}

// written returns the revision of etcd, and the space in use on one member.
func (b *box) written() (revision, size int64) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
	defer cancel()
	now, err := b.client.Get(ctx, "/none")
	if err != nil {
		b.t.Fatal(err)
	}
	status, err := b.client.Status(ctx, b.client.Endpoints()[0])
	if err != nil {
		b.t.Fatal(err)
	}
	return now.Header.Revision, status.DbSizeInUse
}

// compacted drops the history, as the recommended setting of etcd does.
func (b *box) compacted() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	revision, _ := b.written()
	if _, err := b.client.Compact(ctx, revision, clientv3.WithCompactPhysical()); err != nil {
		b.t.Fatal(err)
	}
}

// resident returns the line with the resident memory of a process.
func resident(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "VmRSS") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
