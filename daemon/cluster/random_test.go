package cluster

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/internal/needs"
)

// Whatever happens in whatever order, no seed is sent twice, the begins and commits are
// those of one register, and all machines end with one value. Long tests run 10,000
// schedules; VIGENTE_CLUSTER_SEEDS sets another number.
func TestRandomSchedules(t *testing.T) {
	schedules := 240
	if needs.Long() {
		schedules = 10_000
	}
	if n, err := strconv.Atoi(os.Getenv("VIGENTE_CLUSTER_SEEDS")); err == nil {
		schedules = n
	}
	if testing.Short() {
		schedules = 40
	}
	abilities := []Ability{Plain, Revokes, SpendsElse, Spends}
	// A schedule is mostly short-lived values: a third less time than with 100.
	before := debug.SetGCPercent(400)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	first, _ := strconv.Atoi(os.Getenv("VIGENTE_CLUSTER_FIRST"))
	for _, ability := range abilities {
		t.Run(fmt.Sprint(ability), func(t *testing.T) {
			t.Parallel()
			for seed := first; seed < first+schedules/len(abilities); seed++ {
				synctest.Test(t, func(t *testing.T) { random(t, ability, uint64(seed)) })
			}
		})
	}
}

// chaos is one random schedule.
type chaos struct {
	*testCluster
	rng    *rand.Rand
	names  []string
	down   map[string]bool
	backup map[string]Entry
	rev    int64
	wounds bool // backups are restored
}

func random(t *testing.T, ability Ability, seed uint64) {
	c := &chaos{
		testCluster: newTestCluster(t, ability), rng: rand.New(rand.NewPCG(seed, uint64(ability))),
		names: []string{"a", "b", "c"}, down: map[string]bool{},
	}
	c.wounds = c.rng.IntN(4) == 0
	defer c.end()
	defer func() {
		if t.Failed() {
			t.Logf("broken by schedule %d of ability %d (VIGENTE_CLUSTER_FIRST), with backups %v", seed, ability, c.wounds)
		}
	}()
	clocks := c.rng.IntN(2) == 0 // they differ by up to four hours
	for _, name := range c.names {
		c.nodes[name] = &node{w: c.testCluster, name: name, secret: "1"}
		if clocks {
			c.nodes[name].skew = time.Duration(c.rng.Int64N(int64(4*time.Hour))) - 2*time.Hour
		}
		c.start(name)
	}
	pass(5 * time.Second)
	for range 25 {
		c.step()
		pass(time.Duration(c.rng.IntN(20_000)) * time.Millisecond)
	}
	c.kv.mu.Lock()
	c.kv.fate = nil
	c.kv.mu.Unlock()
	for _, name := range c.names {
		c.kv.setAway(name, false)
		if c.down[name] {
			c.start(name)
		}
	}
	pass(15*time.Second + lateBy)
	highest := uint64(0)
	for _, n := range c.nodes {
		highest = max(highest, n.record().Token().Generation)
	}
	c.same(highest)
	c.parkedForAReason()
	if !c.wounds { // a restored backup violates the register model
		c.linear()
	}
}

// parkedForAReason checks that a machine leaves a credential to a person only while
// some call has no known end.
func (c *chaos) parkedForAReason() {
	var shared Shared
	if e := c.kv.copy()[credentialPrefix+key.Name]; e.Rev > 0 {
		if err := c.nodes["a"].cluster.keys.open(e.Key, e.Value, &shared); err != nil {
			c.t.Error(err)
		}
	}
	for _, name := range c.names {
		if r := c.nodes[name].record(); parkedAmbiguous(r) && !r.Past.Open && shared.Intent.None() {
			c.t.Errorf("%s leaves it to a person, although every call has a known end: %+v", name, r.Past.Last)
		}
	}
}

func (c *chaos) step() {
	n := c.nodes[c.names[c.rng.IntN(len(c.names))]]
	switch what := c.rng.IntN(14); {
	case c.down[n.name]:
		c.start(n.name)
		c.down[n.name] = false
	case what < 6:
		c.attempt(n)
	case what == 6:
		n.kill()
		c.down[n.name] = true
	case what == 7:
		c.kv.setAway(n.name, true)
	case what == 8:
		c.kv.setAway(n.name, false)
	case what < 11:
		c.doubt()
	case what == 11:
		c.kv.compact()
	case what == 12:
		c.takeOver(n)
	case !c.wounds:
	case c.backup == nil || c.rng.IntN(2) == 0:
		c.backup = c.kv.copy()
		c.kv.mu.Lock()
		c.rev = c.kv.rev
		c.kv.mu.Unlock()
	default:
		c.bringBack()
	}
}

// bringBack restores the backup while all machines are up and have seen what it lacks.
// The other cases are not covered: an intent is lost with the backup if its machine is
// down or cut off, and all others that had seen it were restarted since.
func (c *chaos) bringBack() {
	c.kv.mu.Lock()
	away := slices.Contains(slices.Collect(maps.Values(c.kv.away)), true)
	c.kv.mu.Unlock()
	if away || slices.Contains(slices.Collect(maps.Values(c.down)), true) {
		return
	}
	pass(10 * time.Second)
	c.kv.restore(maps.Clone(c.backup), c.rev)
	pass(10 * time.Second)
}

// takeOver is a person who decides about a call with an unknown end.
func (c *chaos) takeOver(n *node) {
	if !parkedAmbiguous(n.record()) {
		return
	}
	n.allowed = true
	defer func() { n.allowed = false }()
	defer n.cluster.TakeOver([]string{key.Name})()
	c.attempt(n)
}

// attempt renews, and something may happen during the call.
func (c *chaos) attempt(n *node) {
	var end error
	switch c.rng.IntN(6) {
	case 0:
		end = errors.New("the answer is lost")
	case 1:
		end = errDied
	}
	_ = n.renew(func() error {
		if c.rng.IntN(3) == 0 {
			c.kv.setAway(n.name, true)
		}
		if c.rng.IntN(3) == 0 { // the others run meanwhile
			other := c.nodes[c.names[c.rng.IntN(len(c.names))]]
			if other != n && !c.down[other.name] {
				_ = other.renew(nil)
			}
			pass(time.Duration(c.rng.Int64N(int64(timeout))))
		}
		if errors.Is(end, errDied) {
			n.kill()
			c.down[n.name] = true
		}
		return end
	})
}

// doubt makes the outcome of the next writes unknown.
func (c *chaos) doubt() {
	left := 1 + c.rng.IntN(3)
	f := fate(1 + c.rng.IntN(3))
	c.kv.mu.Lock()
	defer c.kv.mu.Unlock()
	c.kv.fate = func(_, op, k string) fate {
		if op == "swap" && strings.HasPrefix(k, credentialPrefix) && left > 0 {
			left--
			return f
		}
		return answeredFate
	}
}
