package cluster

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// again restarts a daemon.
func (h *host) again() {
	h.T.Helper()
	h.Stop()
	h.startDaemon()
}

func certificateEnded(b *box) {
	c := b.hosts[2]
	b.ca.issue(c.Path("node.pem"), time.Now().Add(-time.Minute))
	c.again()
	c.alone("the end of its certificate")
	c.refused("sales", "engine is away")
	b.hosts[0].renewed("sales")
	b.ca.issue(c.Path("node.pem"), time.Now().Add(time.Hour)) // Nothing is restarted.
	b.settled("the end of a certificate")
}

func anotherKey(b *box) {
	c := b.hosts[2]
	key := c.Read("key")
	c.Write("key", strings.Repeat("2", 64))
	c.again()
	b.eventually("c says that its key differs", func() bool { return strings.Contains(c.Daemon.Log.String(), "cluster key differs") })
	before := b.judge.Counts().TokenRequests
	for _, name := range []string{"sales", "plain"} {
		c.refused(name, "key of this machine differs")
	}
	if calls := b.judge.Counts().TokenRequests - before; calls != 0 {
		b.t.Errorf("got %d calls from a machine with another key, want none", calls)
	}
	b.hosts[0].renewed("sales")
	c.Write("key", key)
	c.again()
	b.settled("another key")
}

func twoConfigurations(b *box) {
	c := b.hosts[2]
	base := c.Read("config.toml")
	c.Write("config.toml", strings.Replace(base, `renew_before = "20m"`, `renew_before = "10m"`, 1))
	if code, out, errs := c.Run("reload"); code != 0 {
		b.t.Fatalf("reload: got exit code %d: %s%s", code, out, errs)
	}
	begun := time.Now()
	for _, h := range b.hosts {
		b.eventually(h.name+" says that machines differ", func() bool {
			_, out, errs := h.Run("status")
			return strings.Contains(out+errs, "machines differ")
		})
	}
	if took := time.Since(begun); took > 10*time.Second {
		b.t.Errorf("reported after %s, want 10s", took)
	}
	c.Write("config.toml", base)
	if code, _, _ := c.Run("reload"); code != 0 {
		b.t.Error("the reload of the old configuration failed")
	}
	b.eventually("they agree again", func() bool {
		_, out, errs := b.hosts[0].Run("status")
		return !strings.Contains(out+errs, "machines differ")
	})
}

func leave(b *box) {
	a := b.hosts[0]
	if code, out, errs := a.Run("cluster", "leave"); code != 1 || !strings.Contains(out+errs, "is there") {
		b.t.Errorf("leave with other machines running: got exit code %d, want 1: %s%s", code, out, errs)
	}
	for _, h := range b.hosts[1:] {
		h.Stop()
	}
	b.eventually("a leaves", func() bool { code, _, _ := a.Run("cluster", "leave"); return code == 0 })
	a.renewed("sales")
	b.hosts[1].startDaemon()
	b.hosts[1].refused("sales", "a has taken it back")
	b.hosts[1].renewed("plain")
	a.again() // With [cluster] in its configuration it joins again.
	b.hosts[2].startDaemon()
	b.settled("a machine that left and came back")
	b.hosts[1].renewed("sales")
	b.agree("a renewal after it", "sales")
}

// sealedFolder searches everything that etcd stores for secrets.
func sealedFolder(t *testing.T, folder string, secrets []string) {
	t.Helper()
	size := 0
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		size += len(data)
		sealed(t, path, data, secrets)
		return err
	})
	if err != nil || size == 0 || len(secrets) < 5 {
		t.Errorf("searched %d bytes for %d secrets, %v", size, len(secrets), err)
	}
	t.Logf("none of %d secrets found in %d bytes of etcd's data", len(secrets), size)
}
