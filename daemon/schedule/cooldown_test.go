package schedule

import (
	"fmt"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

func TestCooldownIsSharedAndShown(t *testing.T) {
	r := newRig(t, []Group{provider("p", 2), provider("q", 2)}, obtaining("a"), obtaining("b"), obtaining("c"), obtaining("x", in("q")))
	r.expect("a b x")
	out := r.fails("a", credential.ReasonThrottled, retryAfter(after(10*time.Minute)))
	if !out.Cooled || !out.Provider.CooldownUntil.Equal(after(10*time.Minute)) {
		t.Errorf("folded %+v", out)
	}
	r.expect("")
	if !r.wake.Equal(after(10 * time.Minute)) {
		t.Errorf("wakes after %s", r.wake.Sub(instant0))
	}
	r.obtain("b", time.Hour)
	r.obtain("x", time.Hour)
	r.pass(time.Minute)
	for name, why := range map[string]Why{"a": whyRetryAfter, "c": whyCooldown} {
		r.nextAt(name, 10*time.Minute, why)
	}
	if !r.look("c").Waiting {
		t.Error("what waits for the cool-down is not shown as waiting")
	}
	if g, _ := r.LookGroup("p"); g.Waiting != 1 || g.Running != 0 || !g.Record.CooldownUntil.Equal(after(10*time.Minute)) {
		t.Errorf("the group is shown as %+v", g)
	}
	r.pass(9*time.Minute - 1)
	r.expect("")
	r.pass(1)
	if got := r.due(); got != "c a" && got != "a c" {
		t.Errorf("after the cool-down: %q", got)
	}
}

func TestCooldownBindsWhatBecomesDueDuringIt(t *testing.T) {
	r := newRig(t, []Group{provider("p", 2)}, obtaining("a"), obtaining("b"))
	r.expect("a b")
	r.obtain("b", time.Minute)
	r.fails("a", credential.ReasonServer, retryAfter(after(5*time.Minute)))
	r.nextAt("b", 5*time.Minute, whyCooldown)
	r.pass(2 * time.Minute)
	r.expect("")
	r.pass(3 * time.Minute)
	r.expect("b a")
}

func TestThrottledWithoutAWordOnHowLong(t *testing.T) {
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"))
	for i, want := range []time.Duration{15, 30, 60, 120, 240, 300, 300} {
		r.expect("a")
		out := r.fails("a", credential.ReasonThrottled)
		if got := out.Provider.CooldownUntil.Sub(r.now); got != want*time.Second {
			t.Errorf("refusal %d: a cool-down of %s, want %s", i+1, got, want*time.Second)
		}
		r.pass(5 * time.Minute)
	}
	r.expect("a")
	r.obtain("a", time.Minute)
	r.pass(time.Minute)
	r.expect("a")
	if out := r.fails("a", credential.ReasonThrottled); out.Provider.CooldownUntil.Sub(r.now) != 15*time.Second {
		t.Errorf("after a success: a cool-down of %s, want the first one again", out.Provider.CooldownUntil.Sub(r.now))
	}
}

func TestCallsUnderWayTogetherAreRefusedOnce(t *testing.T) {
	var tasks []*Task
	for i := range 8 {
		tasks = append(tasks, obtaining(fmt.Sprint("n", i)))
	}
	r := newRig(t, []Group{provider("p", 8)}, tasks...)
	r.due()
	for i := range 8 {
		r.fails(fmt.Sprint("n", i), credential.ReasonThrottled)
	}
	g, _ := r.LookGroup("p")
	if got := g.Record.CooldownUntil.Sub(r.now); got != 15*time.Second || g.Record.Throttles != 1 {
		t.Errorf("a cool-down of %s after %d refusals, want one of 15 s", got, g.Record.Throttles)
	}
	// A longer requested wait applies, a shorter one does not.
	r.pass(time.Minute)
	r.due()
	r.fails("n0", credential.ReasonThrottled, retryAfter(r.now.Add(time.Hour)))
	r.fails("n1", credential.ReasonThrottled, retryAfter(r.now.Add(2*time.Hour)))
	r.fails("n2", credential.ReasonThrottled, retryAfter(r.now.Add(time.Minute)))
	if g, _ = r.LookGroup("p"); g.Record.CooldownUntil.Sub(r.now) != 2*time.Hour || g.Record.Throttles != 2 {
		t.Errorf("cool-down of %s, %d refusals", g.Record.CooldownUntil.Sub(r.now), g.Record.Throttles)
	}
}

func TestOnlyRefusalsCool(t *testing.T) {
	for _, reason := range credential.Reasons {
		r := newRig(t, []Group{provider("p", 8)}, obtaining("a"))
		r.expect("a")
		if out := r.fails("a", reason); out.Cooled != (reason == credential.ReasonThrottled) {
			t.Errorf("%s: cooled %v", reason, out.Cooled)
		}
	}
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"))
	r.expect("a")
	out := r.end("a", Result{Fault: &credential.Fault{Reason: credential.ReasonThrottled, RetryAfter: after(time.Hour)}})
	if out.Cooled {
		t.Error("a preflight that failed cooled the backend")
	}
}
