package cluster

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// A cool-down of a backend reaches the machines that are there and those that join.
func TestACooldownHoldsOnAllMachines(t *testing.T) {
	play(t, Plain, func(t *testing.T, w *testCluster, a, _ *node) {
		var mu sync.Mutex
		heard := map[string]time.Time{}
		listening := func(name string) *node {
			return w.start(name, func(o *Options) {
				o.Cooldown = func(_ context.Context, provider string, r schedule.ProviderRecord) {
					mu.Lock()
					defer mu.Unlock()
					heard[name+" "+provider] = r.CooldownUntil
				}
			})
		}
		listening("c")
		pass(5 * time.Second)
		until := time.Now().Add(10 * time.Minute)
		for _, at := range []time.Time{until.Add(-5 * time.Minute), until} { // the later write counts
			must(t, a.cluster.Write(t.Context(), engine.Batch{Providers: map[string]schedule.ProviderRecord{"p": {CooldownUntil: at}}}))
			pass(time.Second)
		}
		listening("d")
		pass(5 * time.Second)
		for _, name := range []string{"c p", "d p"} {
			mu.Lock()
			if !heard[name].Equal(until) {
				t.Errorf("%s: heard of %s, want %s", name, heard[name], until)
			}
			mu.Unlock()
		}
		pass(15 * time.Minute)
		listening("e")
		pass(5 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if at, there := heard["e p"]; there {
			t.Errorf("e hears of a cool-down until %s that is over", at)
		}
	})
}

// The minimum interval counts from the last attempt of any machine, also from one that
// failed or whose answer was lost.
func TestTheMinimumIntervalCountsFromAnyMachine(t *testing.T) {
	for name, end := range map[string]error{"a success": nil, "a refusal": errRefused, "a lost answer": errors.New("the answer is lost")} {
		play(t, Plain, func(t *testing.T, w *testCluster, a, b *node) {
			must(t, a.renew(nil))
			pass(time.Minute)
			at := time.Now()
			if err := a.renew(func() error { pass(2 * time.Second); return end }); !errors.Is(err, end) {
				t.Fatal(err)
			}
			pass(time.Second)
			if got := b.record().Past.AttemptAt; !got.Equal(at) {
				t.Errorf("after %s: the last attempt that b knows is of %s, want %s", name, got, at)
			}
		})
	}
}
