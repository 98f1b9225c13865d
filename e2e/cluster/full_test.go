package cluster

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/vigented/vigente/providers/oauth2/emulator"
)

// TestEtcdIsFull fills etcd until it rejects writes. Tokens stay
// delivered, no call is made without an intent, and everything continues once
// there is space again.
func TestEtcdIsFull(t *testing.T) {
	if wanted := os.Getenv("VIGENTE_CLUSTER"); wanted != "1" && wanted != "full" {
		t.Skip("VIGENTE_CLUSTER=1 runs it (make cluster)")
	}
	b := newBox(t, emulator.Settings{Lifetime: time.Hour}, 24<<20)
	b.begin()

	b.fill()
	before := b.judge.Counts().TokenRequests
	for _, h := range b.hosts {
		h.refused("sales", "space exceeded")
		h.refused("plain", "space exceeded")
	}
	if calls := b.judge.Counts().TokenRequests - before; calls != 0 {
		t.Errorf("got %d calls without an intent, want none", calls)
	}
	if code, out, errs := b.hosts[1].Run("status"); code > 1 || !strings.Contains(out+errs, "sales") {
		t.Errorf("status: got exit code %d: %s%s", code, out, errs)
	}
	b.hosts[2].again() // A start needs no write.
	b.agree("a start with a full engine", "sales")

	b.clear()
	b.settled("a full engine")
	b.hosts[2].renewed("sales")
	b.hosts[1].renewed("plain")
	b.settled("renewals after a full engine")
	b.judge.unspent(t, "a full engine")
}

// fill writes until etcd has no space.
func (b *box) fill() {
	b.t.Helper()
	for i := range 200 {
		ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
		_, err := b.client.Put(ctx, fmt.Sprintf("/filler/%d", i%3), strings.Repeat("x", 1<<20))
		cancel()
		if err != nil && strings.Contains(err.Error(), "space exceeded") {
			return
		}
	}
	b.t.Fatal("etcd did not run out of space")
}

// clear frees space as the runbook says.
func (b *box) clear() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	now, err := b.client.Get(ctx, "/none")
	if err == nil {
		_, err = b.client.Compact(ctx, now.Header.Revision, clientv3.WithCompactPhysical())
	}
	for _, endpoint := range b.client.Endpoints() {
		if err == nil {
			_, err = b.client.Defragment(ctx, endpoint)
		}
	}
	if err == nil {
		_, err = b.client.AlarmDisarm(ctx, &clientv3.AlarmMember{})
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
