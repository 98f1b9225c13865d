package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/internal/needs"
)

// Three machines with many credentials write an intent and a result to the engine for
// each renewal, and otherwise only their presence.
func TestOnlyIntentsAndResultsAreWritten(t *testing.T) {
	credentials := 1000
	if needs.Long() {
		credentials = 10_000
	}
	synctest.Test(t, func(t *testing.T) {
		kv := newMemory()
		names := make([]string, credentials)
		for i := range names {
			names[i] = fmt.Sprintf("u%05d", i)
		}
		var all sync.Mutex
		var calls []time.Time
		var running sync.WaitGroup
		ctx, stop := context.WithCancel(t.Context())
		machines := []*caller{}
		for _, node := range []string{"a", "b", "c"} {
			c := &caller{held: map[string]schedule.Record{}, calls: &calls, all: &all, value: strings.Repeat("x", 1200)}
			var err error
			c.cluster, err = New(Options{
				KV: kv.of(node), Local: c, Node: node, Name: "/t", Key: [32]byte{1}, Learn: c.learn,
				Spec: func(string) (Spec, bool) {
					return Spec{Timeout: timeout, Identity: "it", Ability: func(schedule.Record) Ability { return Spends }}, true
				},
				Names: func() []string { return names }, Hash: func() string { return "" },
			})
			must(t, err)
			running.Go(func() { c.cluster.Run(ctx) })
			machines = append(machines, c)
		}
		pass(5 * time.Second)
		before, _ := kv.writtenUnder(credentialPrefix)
		others, _ := kv.writtenUnder("")
		var working sync.WaitGroup
		for worker := range 32 { // each is renewed by whichever machine comes first
			working.Go(func() {
				for i := worker; i < len(names); i += 32 {
					machines[rand.IntN(len(machines))].obtain(ctx, names[i])
				}
			})
		}
		working.Wait()
		pass(time.Hour)
		writes, bytes := kv.writtenUnder(credentialPrefix)
		for _, c := range machines {
			if len(c.held) != credentials {
				t.Errorf("a machine holds %d of %d", len(c.held), credentials)
			}
		}
		if renewals := len(calls); writes-before != 2*renewals || renewals != credentials {
			t.Errorf("%d writes for %d renewals of %d credentials, want two for each", writes-before, renewals, credentials)
		}
		if total, _ := kv.writtenUnder(""); total-others-(writes-before) > 10 {
			t.Errorf("%d other writes in an hour", total-others-(writes-before))
		}
		// An intent carries the record as well, so both writes are of this size.
		size := len(kv.copy()["c/u00000"].Value)
		t.Logf("%d credentials on 3 machines: %d writes of %d KB in all; a record with a token of 1,200 is %d bytes", credentials, writes-before, bytes/1000, size)
		t.Logf("10,000 renewed every 45 minutes make %d MB of history a day", 2*size*10_000*24*60/45/1_000_000)
		stop()
		running.Wait()
	})
}

func secretOf(value string) credential.Secret {
	if value == "" {
		value = "v"
	}
	return credential.NewSecret(value)
}
