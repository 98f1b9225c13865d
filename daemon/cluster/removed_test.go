package cluster

import (
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// A credential that all machines removed is deleted from the engine after an hour; one
// that another machine may still have is kept.
func TestARemovedCredentialLeavesTheEngine(t *testing.T) {
	for _, differs := range []bool{false, true} {
		play(t, Spends, func(t *testing.T, w *testCluster, a, b *node) {
			must(t, a.renew(nil))
			pass(time.Second)
			if differs {
				w.start("c", func(o *Options) { o.Hash = func() string { return "other" } })
				pass(5 * time.Second)
			}
			dropped := engine.Batch{Dropped: []schedule.Key{key}}
			must(t, a.cluster.Write(t.Context(), dropped))
			if _, there := w.kv.copy()["c/u6"]; !there {
				t.Error("a credential of the configuration is gone")
			}
			w.removed.Store(true)
			must(t, a.cluster.Write(t.Context(), dropped))
			pass(time.Second)
			if _, there := w.kv.copy()["c/u6"]; there != differs {
				t.Errorf("machines differ %v: record present: got %v, want %v", differs, there, differs)
			}
		})
	}
}

// A credential that is configured again gets what the others renewed meanwhile.
func TestACredentialThatComesBackIsTakenOver(t *testing.T) {
	play(t, Spends, func(t *testing.T, w *testCluster, a, b *node) {
		must(t, a.renew(nil))
		pass(time.Second)
		w.removed.Store(true) // on b, the only machine that reads it now
		b.mu.Lock()
		kept := b.board
		b.mu.Unlock()
		next := kept
		token := next.Token()
		token.IssuedAt, token.Generation = token.IssuedAt.Add(time.Minute), 2
		next.Part = token
		s := a.cluster.shareOf(key.Name)
		s.mu.Lock()
		s.held = next
		s.mu.Unlock()
		pass(2 * time.Minute)
		w.removed.Store(false)
		a.cluster.Added([]string{key.Name, "of nobody"}) // a shares what it has
		b.cluster.Added([]string{key.Name})
		pass(time.Second)
		if g := b.record().Token().Generation; g != 2 {
			t.Errorf("b holds generation %d, want 2", g)
		}
	})
}
