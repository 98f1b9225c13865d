package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/vigented/vigente/internal/needs"
)

// TestWorldsApart plays each world twice, once without the faults of one
// backend, or without those of sinks and hooks: whoever shares nothing with them
// calls its backend at the very same instants. A delivery that fails renews
// nothing, and one backend's failure stays its own.
func TestWorldsApart(t *testing.T) {
	count := uint64(600)
	if needs.Race {
		count = 50
	}
	compared := 0
	for seed := range count {
		spared := func(f window) bool { return f.where == atBackend && f.of == 0 }
		shares := func(c *credentialNature, _ []providerNature) bool { return c.provider == 0 }
		if seed%2 == 1 {
			spared = func(f window) bool { return f.where == atSink || f.where == atHook }
			// A preflight asks the sinks before a renewal that revokes.
			shares = func(c *credentialNature, p []providerNature) bool { return p[c.provider].revokes }
		}
		with, without := apart(seed, nil), apart(seed, spared)
		touched := map[string]bool{}
		for _, w := range []*world{with, without} {
			w.laws.shares = func(c *credentialNature) bool { return shares(c, w.nature.providers) }
			w.laws.touched = touched
			w.run()
			if w.laws.broken != "" {
				t.Fatalf("world %d: %s", seed, w.laws.broken)
			}
		}
		a, b := with.laws.untouched(), without.laws.untouched()
		compared += len(a)
		for i := range max(len(a), len(b)) {
			if i >= len(a) || i >= len(b) || a[i] != b[i] {
				t.Fatalf("world %d: call %d of those that share nothing with the fault differs:\n%v\n%v", seed, i, a[i:min(i+1, len(a))], b[i:min(i+1, len(b))])
			}
		}
	}
	if compared < 20*int(count) {
		t.Errorf("only %d calls to compare in %d worlds", compared, count)
	}
}

// apart is a world without what all of it shares: disk, clock, and a kill at a
// step, which another order of steps puts elsewhere.
func apart(seed uint64, spared func(window) bool) *world {
	n := natureOf(seed)
	n.offset = 0
	n.troubles = slices.DeleteFunc(n.troubles, func(f window) bool { return f.where == atDisk || spared != nil && spared(f) })
	n.events = slices.DeleteFunc(n.events, func(e event) bool {
		return e.what == clockSet || e.what == suspended || e.what == killedAt
	})
	w := newWorld(n)
	w.laws.comparing = true
	return w
}

// call is a call, for comparing worlds.
type call struct {
	name string
	at   time.Duration
}

// touches notes who shares something with the fault, directly or through what
// it is made from, what is made from it, or who shares a backend's rate.
func (l *laws) touches() {
	plan := &l.w.nature.plan
	for more := true; more; {
		more = false
		touch := func(name string) {
			more = more || !l.touched[name]
			l.touched[name] = true
		}
		for i := range plan.credentials {
			c := &plan.credentials[i]
			if l.shares(c) {
				touch(c.name)
			}
			for j := range plan.credentials {
				// Who shares a rate with another waits for its turns.
				if o := &plan.credentials[j]; o.provider == c.provider && l.touched[o.name] && !l.touched[c.name] {
					touch(c.name)
				}
			}
			for _, need := range c.needs {
				if l.touched[c.name] != l.touched[need] {
					touch(c.name)
					touch(need)
				}
			}
		}
	}
}

// untouched returns the calls that the fault does not affect.
func (l *laws) untouched() []call {
	return slices.DeleteFunc(slices.Clone(l.calls), func(c call) bool { return l.touched[c.name] })
}
