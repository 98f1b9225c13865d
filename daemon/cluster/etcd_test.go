package cluster

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vigented/vigente/internal/needs"
)

// startEtcd runs Debian's etcd with its data in a temporary directory of the test.
func startEtcd(t *testing.T, arguments ...string) (endpoint, data string, process *exec.Cmd) {
	t.Helper()
	program := needs.Tool(t, "etcd")
	endpoint, data = "http://"+needs.Port(), t.TempDir()
	peer := "http://" + needs.Port()
	cmd := exec.Command(program, append(arguments, "--data-dir", data, "--listen-client-urls", endpoint, "--advertise-client-urls", endpoint,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer, "--log-level", "error")...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return endpoint, data, cmd
}

func reachEtcd(t *testing.T, endpoint string) KV {
	t.Helper()
	kv, err := Etcd(EtcdOptions{Endpoints: []string{endpoint}, Prefix: "/vigente/test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kv.Close() })
	for range 40 {
		if _, err = kv.Get(t.Context(), "probe"); err == nil {
			return kv
		}
	}
	t.Fatal(err)
	return nil
}

// What the protocol relies on, tested on the real engine.
func TestEtcdComparesAndSwaps(t *testing.T) {
	t.Parallel()
	endpoint, _, process := startEtcd(t)
	kv := reachEtcd(t, endpoint)
	ctx := t.Context()
	first, done, err := kv.Swap(ctx, "c/a", 0, []byte("one"), 0)
	if err != nil || !done || first.Rev == 0 {
		t.Fatalf("create: %+v, %v, %v", first, done, err)
	}
	if now, done, err := kv.Swap(ctx, "c/a", 0, []byte("two"), 0); err != nil || done || string(now.Value) != "one" || now.Rev != first.Rev {
		t.Errorf("create again: %+v, %v, %v", now, done, err)
	}
	// Many swap the same revision: exactly one of them succeeds.
	var won int
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			_, done, err := kv.Swap(ctx, "c/a", first.Rev, fmt.Append(nil, i), 0)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if done {
				won++
			}
		})
	}
	all.Wait()
	if won != 1 {
		t.Errorf("%d of a crowd won", won)
	}
	// The list tells where to watch from; nothing in between is lost.
	for i := range 1200 {
		if _, _, err := kv.Swap(ctx, fmt.Sprintf("x/%04d", i), 0, []byte("v"), 0); err != nil {
			t.Fatal(err)
		}
	}
	list, rev, err := kv.List(ctx, "")
	if err != nil || len(list) != 1201 {
		t.Fatalf("listed %d, %v", len(list), err)
	}
	if _, _, err := kv.Swap(ctx, "c/b", 0, []byte("after"), 0); err != nil {
		t.Fatal(err)
	}
	watching, stop := context.WithCancel(ctx)
	var seen []string
	_ = kv.Watch(watching, "", rev, func(e Entry) { seen = append(seen, e.Key); stop() })
	if strings.Join(seen, " ") != "c/b" {
		t.Errorf("watched %v", seen)
	}
	stop()
	// An engine that stops answering is away within seconds, and a write is unknown.
	if err := process.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	var read error
	for read == nil && time.Since(begun) < requestTimeout { // requests in progress are still answered
		_, read = kv.Get(ctx, "c/a")
	}
	if !errors.Is(read, ErrAway) {
		t.Errorf("read with %v", read)
	}
	if _, _, err := kv.Swap(ctx, "c/a", 1, []byte("x"), 0); !errors.Is(err, ErrUnknown) {
		t.Errorf("written with %v", err)
	}
	if took := time.Since(begun); took > 3*requestTimeout {
		t.Errorf("it took %s", took)
	}
}
