package cluster

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// With a user name and a password, too, a machine starts while the engine is away, and
// reaches it once it is there, also after its restart. Another password is told as such.
func TestAUserStartsWithoutTheEngine(t *testing.T) {
	t.Parallel()
	endpoint, _, process := startEtcd(t)
	reachEtcd(t, endpoint)
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()})
	must(t, err)
	ctx := t.Context()
	for _, user := range []string{"root", "vigente"} {
		_, err = client.RoleAdd(ctx, user)
		must(t, err)
		_, err = client.UserAdd(ctx, user, "secret")
		must(t, err)
		_, err = client.UserGrantRole(ctx, user, user)
		must(t, err)
	}
	const prefix = "/vigente/test/"
	_, err = client.RoleGrantPermission(ctx, "vigente", prefix, clientv3.GetPrefixRangeEnd(prefix), clientv3.PermissionType(clientv3.PermReadWrite))
	must(t, err)
	_, err = client.AuthEnable(ctx)
	must(t, err)
	_ = client.Close()
	_ = process.Process.Kill()
	_ = process.Wait()

	as := func(password string) KV {
		kv, err := Etcd(EtcdOptions{Endpoints: []string{endpoint}, Prefix: "/vigente/test", Username: "vigente", Password: password})
		if err != nil {
			t.Fatalf("without the engine: %v", err)
		}
		t.Cleanup(func() { _ = kv.Close() })
		return kv
	}
	right, wrong := as("secret"), as("wrong")
	if _, err := right.Get(ctx, "probe"); !errors.Is(err, ErrAway) {
		t.Errorf("read without the engine with %v, want that it is away", err)
	}
	for range 2 { // the second start makes the tokens of the first one invalid
		_ = process.Process.Kill()
		_ = process.Wait()
		process = exec.Command(process.Path, process.Args[1:]...)
		must(t, process.Start())
		for range 40 {
			if _, err = right.Get(ctx, "probe"); err == nil {
				break
			}
		}
		must(t, err)
	}
	last := process
	t.Cleanup(func() { _ = last.Process.Kill(); _ = last.Wait() })
	_, done, err := right.Swap(ctx, "c/a", 0, []byte("one"), 30)
	if err != nil || !done {
		t.Errorf("written: %v, %v", done, err)
	}
	watching, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	seen := ""
	_ = right.Watch(watching, "", 1, func(e Entry) { seen = e.Key; stop() })
	if seen != "c/a" {
		t.Errorf("watched %q, want the key that was written", seen)
	}
	if _, err := wrong.Get(ctx, "probe"); err == nil || !strings.Contains(err.Error(), "authentication failed") {
		t.Errorf("read with another password: %v", err)
	}
	if _, _, err := wrong.Swap(ctx, "c/a", 0, []byte("two"), 0); err == nil || errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "authentication failed") {
		t.Errorf("written with another password: %v", err)
	}

	asked := 0
	u := newUser(EtcdOptions{Username: "vigente", Password: "wrong"}, func() (*clientv3.Client, error) {
		asked++
		return clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()})
	})
	for range 3 {
		if _, err := u.GetRequestMetadata(ctx); err == nil {
			t.Error("another password was accepted")
		}
	}
	if asked != 1 {
		t.Errorf("a refused password was sent %d times at once, want once", asked)
	}
}
