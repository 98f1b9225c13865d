package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/daemon/plan"
)

// command is a hook shared by several sinks.
type command struct {
	mu    sync.Mutex
	runs  []string // the sinks of each run
	busy  bool
	takes time.Duration
	fail  error
}

func (c *command) Run(_ context.Context, sinks []string) error {
	c.mu.Lock()
	if c.busy {
		c.runs = append(c.runs, "twice at a time")
	}
	c.busy = true
	c.runs = append(c.runs, strings.Join(sinks, " "))
	takes, fail := c.takes, c.fail
	c.mu.Unlock()
	time.Sleep(takes)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = false
	return fail
}

func (c *command) want(t *testing.T, runs ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.runs, runs) {
		t.Errorf("ran for %q, want %q", c.runs, runs)
	}
	c.runs = nil
}

func (c *command) set(edit func(*command)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	edit(c)
}

// together launches n sinks with one credential and one command.
func together(t *testing.T, n int) (*rig, *backend, *command, map[string]*place) {
	t.Helper()
	b, c, places := living(time.Hour), &command{}, map[string]*place{}
	specs := planOf(map[string]*backend{"a": b}, nil)
	for i := range n {
		name := fmt.Sprintf("s%d", i+1)
		places[name] = &place{}
		specs.Sinks = append(specs.Sinks, plan.Sink{Name: name, Needs: []string{"a"}, Target: "1", Sink: places[name], Hook: c, Together: "restart"})
	}
	r := launch(t, specs, nil)
	return r, b, c, places
}

func renew(t *testing.T, r *rig) {
	t.Helper()
	if err := r.Renew(t.Context(), []string{"a"}, func(RenewResult) {}); err != nil {
		t.Error(err)
	}
}

func TestOneCommandRunsOnceAfterTheLastDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, c, _ := together(t, 40) // more than commands may run at once
		defer r.stop()
		pass(time.Second)
		var all []string
		for i := range 40 {
			all = append(all, fmt.Sprintf("s%d", i+1))
		}
		slices.Sort(all)
		c.want(t, strings.Join(all, " "))
		pass(50 * time.Minute) // the next generation
		c.want(t, strings.Join(all, " "))
		for _, name := range all {
			if n := len(r.witness.of(RunHook, name)); n != 2 {
				t.Errorf("%s: %d runs told of, want 2", name, n)
			}
		}
	})
}

// TestOneCommandWaitsFiveSecondsForTheOthers and runs again for the sink that was late.
func TestOneCommandWaitsFiveSecondsForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, c, places := together(t, 3)
		defer r.stop()
		pass(time.Minute)
		c.want(t, "s1 s2 s3")
		places["s2"].set(func(p *place) { p.fail = errors.New("no space") })
		renew(t, r)
		pass(4 * time.Second)
		c.want(t)
		pass(2 * time.Second)
		c.want(t, "s1 s3")
		places["s2"].set(func(p *place) { p.fail = nil })
		pass(40 * time.Second)
		c.want(t, "s2")
	})
}

func TestOneCommandIsRetriedForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, c, _ := together(t, 3)
		defer r.stop()
		pass(time.Minute)
		c.want(t, "s1 s2 s3")
		c.set(func(c *command) { c.fail = errors.New("exit status 1") })
		renew(t, r)
		pass(10 * time.Second)
		c.want(t, "s1 s2 s3", "s1 s2 s3", "s1 s2 s3", "s1 s2 s3")
		c.set(func(c *command) { c.fail = nil })
		pass(time.Minute)
		c.want(t, "s1 s2 s3")
		for _, s := range r.mustView(t).Sinks {
			if s.HookOwed || s.HookError != nil {
				t.Errorf("%s: owed %v, %v", s.Name, s.HookOwed, s.HookError)
			}
		}
	})
}

// TestOneCommandNeverRunsTwiceAtATime: a change during a run causes another run after
// it, also across a restart.
func TestOneCommandNeverRunsTwiceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, c, places := together(t, 2)
		pass(time.Minute)
		c.want(t, "s1 s2")
		c.set(func(c *command) { c.takes = time.Minute })
		renew(t, r)
		pass(40 * time.Second)
		c.want(t, "s1 s2")
		renew(t, r)
		pass(10 * time.Second)
		c.want(t)
		pass(2 * time.Minute)
		c.want(t, "s1 s2")
		r.stop()
		if n := places["s1"].writes; n != 3 {
			t.Errorf("%d writes", n)
		}
	})
}
