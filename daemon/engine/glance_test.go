package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
)

// glancing is a guard whose target can be looked at together with others.
type glancing struct {
	watched
	name  string
	looks *looks
}

// looks counts what the guards of one device were asked.
type looks struct {
	groups, glances, inspections atomic.Int32
	fail                         error         // of the device
	takes                        time.Duration // each glance
	let                          chan struct{} // glances wait for it, if set
}

func (g glancing) OnDevice(ctx context.Context, f func(context.Context)) error {
	g.looks.groups.Add(1)
	if g.looks.fail == nil {
		f(ctx)
	}
	return g.looks.fail
}

func (g glancing) want(set credential.Set) string {
	v, _ := set[g.name].Field("token")
	return g.name + "=" + v.Reveal() + "\n"
}

func (g glancing) InPlace(set credential.Set) bool {
	g.looks.glances.Add(1)
	if g.looks.let != nil {
		<-g.looks.let
	}
	time.Sleep(g.looks.takes)
	return g.holds() == g.want(set)
}

func (g glancing) Values(set credential.Set) (map[string]string, error) {
	return map[string]string{"it": g.want(set)}, nil
}

func (g glancing) Inspect(_ context.Context, set credential.Set, _ func(name, digest string) bool) (plan.Drift, error) {
	g.looks.inspections.Add(1)
	if g.holds() == g.want(set) {
		return plan.InPlace, nil
	}
	return plan.Lost, nil
}

// glancedPlan returns a plan of n sinks on one device whose values were delivered by an engine
// that has stopped, and their places.
func glancedPlan(t *testing.T, n int, l *looks) (*plan.Plan, *keeper, map[string]*place) {
	t.Helper()
	backends, places := map[string]*backend{}, map[string]*place{}
	for i := range n {
		name := fmt.Sprintf("c%03d", i)
		backends[name], places[name] = living(time.Hour), &place{}
	}
	specs := planOf(backends, places)
	for i := range specs.Sinks {
		s := &specs.Sinks[i]
		s.Device, s.Guard = "1:1", glancing{watched{places[s.Name]}, s.Name, l}
	}
	r := launch(t, specs, nil)
	pass(10 * time.Second)
	if !ready(r) {
		t.Fatal("not ready though everything was delivered")
	}
	r.stop()
	l.groups.Store(0)
	l.glances.Store(0)
	l.inspections.Store(0)
	return specs, r.keeper, places
}

// inOrder returns how many sinks are delivered.
func inOrder(r *rig) int { return r.Select(Query{}).Totals.Sinks[Delivered] }

// TestAStartLooksAtTargetsInGroups: a restart looks at all targets of a device in groups, and
// attempts are made only for one that is not in place, which is repaired without a call.
func TestAStartLooksAtTargetsInGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 3*glancedTogether + 1
		l := &looks{}
		specs, kept, places := glancedPlan(t, n, l)
		places["c007"].set(func(p *place) { p.held = "" })
		r := launch(t, specs, kept)
		defer r.stop()
		pass(time.Second)
		if l.glances.Load() != n || l.groups.Load() != 4 || l.inspections.Load() != 1 {
			t.Errorf("got %d looks in %d groups and %d attempts, want %d in 4, and 1", l.glances.Load(), l.groups.Load(), l.inspections.Load(), n)
		}
		if !ready(r) || inOrder(r) != n || places["c007"].holds() == "" {
			t.Errorf("ready %t, %d sinks in order, the emptied one holds %q", ready(r), inOrder(r), places["c007"].holds())
		}
	})
}

// TestLooksAfterADeliveryAreShared: the look that follows each delivery, and one that an event
// asks for, take an attempt only where the target is not in place.
func TestLooksAfterADeliveryAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 2 * glancedTogether
		l := &looks{}
		specs, kept, places := glancedPlan(t, n, l)
		r := launch(t, specs, kept)
		defer r.stop()
		pass(time.Minute)
		if err := r.Renew(t.Context(), []string{"c001", "c002"}, func(RenewResult) {}); err != nil {
			t.Fatal(err)
		}
		before := l.glances.Load()
		pass(2 * repairEvery)
		if got := l.glances.Load() - before; got != 2 || l.inspections.Load() != 0 {
			t.Errorf("got %d looks and %d attempts after two deliveries, want 2 and 0", got, l.inspections.Load())
		}
		places["c003"].set(func(p *place) { p.held = "" })
		before = l.glances.Load()
		if err := r.Suspect(t.Context(), []string{"c003", "c004", "c003"}); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if got := l.glances.Load() - before; got != 2 || l.inspections.Load() != 1 || places["c003"].holds() == "" {
			t.Errorf("got %d looks and %d attempts after events, want 2 and 1; the emptied one holds %q", got, l.inspections.Load(), places["c003"].holds())
		}
	})
}

// TestAnEventDuringALookIsLookedAtAfterIt: what changes while a target is looked at is noticed.
func TestAnEventDuringALookIsLookedAtAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &looks{}
		specs, kept, places := glancedPlan(t, 1, l)
		r := launch(t, specs, kept)
		defer r.stop()
		pass(time.Minute)
		l.takes = time.Second
		suspect := func() {
			if err := r.Suspect(t.Context(), []string{"c000"}); err != nil {
				t.Fatal(err)
			}
		}
		before := l.glances.Load()
		suspect()
		pass(time.Second / 2)
		suspect()
		pass(time.Second / 4)
		if got := l.glances.Load() - before; got != 1 {
			t.Errorf("got %d looks at once, want 1", got)
		}
		pass(time.Second / 2) // the second look has begun
		places["c000"].set(func(p *place) { p.held = "" })
		pass(time.Minute)
		if got := l.glances.Load() - before; got < 2 || places["c000"].holds() == "" {
			t.Errorf("got %d looks, want another after the first; the target holds %q", got, places["c000"].holds())
		}
	})
}

// TestADeviceThatFailsIsCheckedOneByOne: when the device does not answer, every sink has an
// attempt of its own.
func TestADeviceThatFailsIsCheckedOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 20 * glancedTogether
		l := &looks{}
		specs, kept, _ := glancedPlan(t, n, l)
		l.fail = errors.New("hangs")
		r := launch(t, specs, kept)
		defer r.stop()
		pass(time.Second)
		if l.glances.Load() != 0 || l.groups.Load() > sinksOnADevice || l.inspections.Load() != n {
			t.Errorf("got %d looks, %d groups, %d attempts; want 0, at most %d, %d", l.glances.Load(), l.groups.Load(), l.inspections.Load(), sinksOnADevice, n)
		}
		if !ready(r) || inOrder(r) != n {
			t.Errorf("ready %t, %d sinks in order", ready(r), inOrder(r))
		}
	})
}

// TestASlowDeviceIsNotTakenForOneThatHangs: a group ends early on a slow device, and what is
// left of it is looked at next.
func TestASlowDeviceIsNotTakenForOneThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &looks{}
		specs, kept, _ := glancedPlan(t, glancedTogether, l)
		l.takes = glanceTime / 4
		r := launch(t, specs, kept)
		defer r.stop()
		pass(time.Minute)
		if l.glances.Load() != glancedTogether || l.groups.Load() < 8 || l.inspections.Load() != 0 {
			t.Errorf("got %d looks in %d groups and %d attempts, want %d in 8 at least, and 0", l.glances.Load(), l.groups.Load(), l.inspections.Load(), glancedTogether)
		}
		if !ready(r) || inOrder(r) != glancedTogether {
			t.Errorf("ready %t, %d sinks in order", ready(r), inOrder(r))
		}
	})
}

// TestALookIsNotTakenForALaterValue: what a look found counts only for the values with which
// it began.
func TestALookIsNotTakenForALaterValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &looks{}
		specs, kept, places := glancedPlan(t, 1, l)
		l.let = make(chan struct{})
		r := launch(t, specs, kept)
		hang := make(chan struct{})
		places["c000"].set(func(p *place) { p.hang = hang })
		pass(time.Minute)
		go func() { _ = r.Renew(t.Context(), []string{"c000"}, func(RenewResult) {}) }()
		pass(time.Second)
		close(l.let)
		pass(time.Second)
		seen := true
		if err := r.ask(t.Context(), func() { seen = r.sinks["c000"].seen }); err != nil || seen || ready(r) {
			t.Errorf("while the new value is written: seen %t, ready %t, %v", seen, ready(r), err)
		}
		close(hang)
		pass(time.Second)
		if !ready(r) || inOrder(r) != 1 {
			t.Errorf("ready %t, %d sinks in order", ready(r), inOrder(r))
		}
		r.stop()
	})
}

// TestStoppingWaitsForALook: a start that is stopped while it looks at targets ends when the
// looks have ended, and begins no other.
func TestStoppingWaitsForALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &looks{}
		specs, kept, _ := glancedPlan(t, 20*glancedTogether, l)
		l.takes = glanceTime
		r := launch(t, specs, kept)
		groups := l.groups.Load()
		begun := time.Now()
		r.stop()
		if took := time.Since(begun); took > 3*glanceTime || l.groups.Load() != groups {
			t.Errorf("stopped after %s with %d groups more", took, l.groups.Load()-groups)
		}
	})
}
