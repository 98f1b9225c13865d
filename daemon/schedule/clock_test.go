package schedule

import (
	"fmt"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/credential"
)

func TestClockSetBackHoldsTheFloorOnce(t *testing.T) {
	r := newRig(t, p8, obtaining("a"), obtaining("b"))
	r.expect("a b")
	r.obtain("a", time.Hour)
	r.pass(10 * time.Second)
	r.now = r.now.Add(-time.Hour)
	set := r.now
	r.Kick(r.now, keyOf("a"))
	r.sound()
	r.expect("")
	// Asking often does not push the instant ahead.
	for r.now.Sub(set) < 30*time.Second-time.Second {
		r.pass(time.Second)
		r.expect("")
	}
	r.pass(time.Second)
	r.expect("a")
	// b's call began by the old clock and ends by the new one.
	r.end("b", Result{Called: true, Token: token("b", r.now.Add(time.Second))})
	end := r.now
	r.pass(29 * time.Second)
	r.expect("")
	r.now = end.Add(30 * time.Second)
	r.expect("b")
}

func TestClockSetBackOverARestart(t *testing.T) {
	r := newRig(t, p8, obtaining("a"))
	r.expect("a")
	r.obtain("a", time.Second)
	r.now = r.now.Add(-100 * day)
	r = r.restart(p8, obtaining("a"))
	r.Kick(r.now, keyOf("a"))
	r.nextAt("a", -100*day+30*time.Second, whyFloor)
	r.pass(30 * time.Second)
	r.expect("a")
}

func TestClockSetBackDoesNotHoldARate(t *testing.T) {
	r := newRig(t, []Group{provider("p", 8, Rate{6, time.Minute})}, obtaining("a"), obtaining("b"), obtaining("c"))
	r.expect("a")
	r.obtain("a", day)
	r.pass(5 * time.Second)
	r.expect("")
	r.now = r.now.Add(-24 * time.Hour)
	back := r.now
	r.expect("")
	if got := r.wake.Sub(back); got < 6*time.Second || got > 7*time.Second {
		t.Errorf("the next turn is %s away, want what was left of it", got)
	}
	r.now = r.wake
	r.expect("b")
}

func TestClockSetBackDoesNotHoldARetry(t *testing.T) {
	r := newRig(t, p8, obtaining("a"), obtaining("asked"), obtaining("long", floorOf(time.Hour)), delivering("s", "b"), obtaining("b"))
	r.due()
	r.obtain("b", 100*day)
	r.expect("sink:s")
	r.fails("sink:s", credential.ReasonInternal)
	r.fails("a", credential.ReasonServer)
	r.fails("long", credential.ReasonServer)
	r.fails("asked", credential.ReasonServer)
	r.pass(30 * time.Second)
	r.due() // a, asked and the sink again
	r.fails("a", credential.ReasonServer)
	r.fails("sink:s", credential.ReasonInternal)
	r.now = r.now.Add(-10 * day)
	back := r.now.Sub(instant0)
	r.due()
	r.end("asked", Result{Called: true, Fault: &credential.Fault{Reason: credential.ReasonServer}})
	r.sound()
	for name, longest := range map[string]time.Duration{"a": maxCallDelay, "sink:s": maxLocalDelay, "long": time.Hour} {
		if got := r.look(name).At.Sub(after(back)); got <= 0 || got > longest {
			t.Errorf("%s is tried after %s, want at most %s", name, got, longest)
		}
	}
}

func TestClockSetBackDoesNotCutAnAskedWait(t *testing.T) {
	r := newRig(t, p8, obtaining("a"))
	r.expect("a")
	r.fails("a", credential.ReasonThrottled, retryAfter(after(time.Hour)))
	r.now = r.now.Add(-day)
	r.expect("")
	r.nextAt("a", time.Hour, whyRetryAfter)
}

func TestClockSetBackByLittleIsNothing(t *testing.T) {
	r := newRig(t, p8, obtaining("a"))
	r.expect("a")
	r.obtain("a", time.Second)
	for range 100 {
		r.pass(300 * time.Millisecond)
		r.now = r.now.Add(-200 * time.Millisecond)
		r.due()
	}
	if len(r.running) > 0 {
		t.Error("started within the floor")
	}
	r.nextAt("a", 30*time.Second, whyFloor)
}

func TestSuspendMakesEverythingDueOnce(t *testing.T) {
	var tasks []*Task
	for i := range 50 {
		tasks = append(tasks, obtaining(fmt.Sprintf("n%02d", i)))
	}
	r := newRig(t, []Group{provider("p", 100)}, tasks...)
	r.due()
	for i := range 50 {
		r.obtain(fmt.Sprintf("n%02d", i), time.Hour)
	}
	r.pass(8 * time.Hour)
	r.due()
	if len(r.running) != 50 {
		t.Fatalf("%d of 50 started after a night", len(r.running))
	}
	for i := range 50 {
		r.obtain(fmt.Sprintf("n%02d", i), time.Hour)
	}
	r.expect("")
}
