package schedule

import (
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

func TestSinkWaitsForEveryValueAndGetsEachChange(t *testing.T) {
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"), obtaining("b"), delivering("s", "a", "b"))
	r.expect("a b")
	r.obtain("a", time.Hour)
	r.expect("")
	if s := r.look("sink:s"); s.Owed || s.Why != whyInput || !s.At.IsZero() {
		t.Errorf("with one value of two: %+v", s)
	}
	r.obtain("b", 2*time.Hour)
	if !r.look("sink:s").Owed {
		t.Error("with both values nothing is owed")
	}
	r.expect("sink:s")
	if why := r.running[keyOf("sink:s")].Why; why != whyOwed {
		t.Errorf("started because %v", why)
	}
	r.deliver("sink:s", true)
	r.expect("")
	if s := r.look("sink:s"); s.Owed || s.Why != whyIdle {
		t.Errorf("delivered: %+v", s)
	}
	r.pass(45 * time.Minute)
	r.expect("a")
	r.obtain("a", time.Hour)
	r.expect("sink:s")
	r.deliver("sink:s", true)
	r.pass(45 * time.Minute)
	r.due()
	r.end("a", Result{Called: true, Token: r.look("a").Record.Token().Credential}) // the same again
	if r.look("sink:s").Owed {
		t.Error("an unchanged answer is owed to the sink")
	}
}

func TestExpiryIsAChangeForSinks(t *testing.T) {
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"), delivering("s", "a"))
	r.expect("a")
	r.end("a", Result{Called: true, Token: token("same", after(time.Hour))})
	r.expect("sink:s")
	r.deliver("sink:s", true)
	r.pass(45 * time.Minute)
	r.expect("a")
	r.end("a", Result{Called: true, Token: token("same", r.now.Add(time.Hour))})
	r.expect("sink:s")
}

func TestChangeDuringADeliveryIsDeliveredNext(t *testing.T) {
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"), delivering("s", "a"))
	r.expect("a")
	r.obtain("a", time.Minute)
	r.expect("sink:s")
	_, held := r.Token("a")
	r.pass(45 * time.Second)
	r.expect("a")
	r.obtain("a", time.Hour)
	r.expect("") // its lane is taken
	r.end("sink:s", Result{Called: true, Delivered: Marks{{"a", held}}, Changed: true})
	r.expect("sink:s")
	r.deliver("sink:s", true)
	r.expect("")
}

func TestOtherValuesAreOwedWhateverTheRevision(t *testing.T) {
	// The configuration moves an expiry during a call and a delivery: the old value
	// with the new expiry is not the new value.
	with := func(d time.Duration) []*Task { return []*Task{obtaining("a", maxAge(d)), delivering("s", "a")} }
	// change renews during a delivery, and returns once the new value is owed.
	change := func(is credential.Credential) *rig {
		r := newRig(t, p8, with(time.Hour)...)
		r.expect("a")
		r.end("a", Result{Called: true, Token: token("old", time.Time{})})
		r.expect("sink:s")
		r.deliver("sink:s", true)
		r.pass(30 * time.Minute)
		r.Kick(r.now, keyOf("a"))
		r.expect("a")
		r.install(p8, with(2*time.Hour)...)
		r.Kick(r.now, keyOf("sink:s"))
		r.expect("sink:s")
		_, held := r.Token("a")
		r.end("a", Result{Called: true, Token: is})
		r.end("sink:s", Result{Called: true, Delivered: Marks{{"a", held}}, Changed: true})
		r.expect("sink:s")
		return r
	}
	change(token("new", time.Time{})).deliver("sink:s", true)
	r := change(token("old", after(5*time.Hour))) // the same value, with an expiry that the server now states

	// After a crash the revision may be too low, so it proves nothing alone.
	r.deliver("sink:s", true)
	sink := r.records[keyOf("sink:s")]
	part := sink.Delivery()
	now := part.Delivered.Of("a")
	part.Delivered = Marks{{"a", Mark{now.Generation - 1, now.Revision}}}
	sink.Part = part
	r.records[keyOf("sink:s")] = sink
	r = r.restart(p8, with(2*time.Hour)...)
	r.expect("sink:s")
}

func TestFailingSinkIsRetriedAloneAndRenewsNothing(t *testing.T) {
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"), delivering("bad", "a"), delivering("good", "a"))
	r.expect("a")
	r.obtain("a", time.Hour)
	r.expect("sink:bad sink:good")
	r.deliver("sink:good", true)
	for _, wait := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		r.fails("sink:bad", credential.ReasonInternal)
		if s := r.look("sink:bad"); s.Why != whyLocalRetry || !s.Owed {
			t.Errorf("failed: %v, owed %v", s.Why, s.Owed)
		}
		r.pass(wait*time.Second - 1)
		r.expect("")
		r.pass(1)
		r.expect("sink:bad")
	}
	r.deliver("sink:bad", true)
	r.expect("")
}

func TestNewValueDoesNotCutTheBackoffOfASink(t *testing.T) {
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"), delivering("s", "a"))
	r.expect("a")
	r.obtain("a", time.Minute)
	r.pass(44 * time.Second)
	r.expect("sink:s")
	for range 5 {
		r.fails("sink:s", credential.ReasonInternal)
		r.Kick(r.now, keyOf("sink:s"))
		r.expect("sink:s")
	}
	r.fails("sink:s", credential.ReasonInternal) // 30 s
	r.pass(time.Second)
	r.expect("a")
	r.obtain("a", time.Hour)
	r.expect("")
	r.pass(29 * time.Second)
	r.expect("sink:s")
}

func TestKickOfASink(t *testing.T) {
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"), delivering("s", "a"))
	r.Kick(r.now, keyOf("sink:s"))
	r.expect("a") // there is nothing to deliver yet
	r.obtain("a", time.Hour)
	r.expect("sink:s")
	r.deliver("sink:s", true)
	r.expect("")
	r.Kick(r.now, keyOf("sink:s")) // its file was changed by somebody
	r.expect("sink:s")
	if why := r.running[keyOf("sink:s")].Why; why != whyAsked {
		t.Errorf("started because %v", why)
	}
	r.deliver("sink:s", false)
	r.expect("")
}

func TestHookFollowsItsSink(t *testing.T) {
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"), delivering("s", "a"), hooking("s"))
	r.expect("a")
	r.obtain("a", time.Hour)
	r.expect("sink:s")
	r.expect("")
	r.deliver("sink:s", true)
	if s := r.look("hook:s"); !s.Owed || s.Why != whyHook {
		t.Errorf("after a change: %+v", s)
	}
	r.expect("hook:s")
	r.hooked("hook:s")
	r.expect("")
	if r.look("hook:s").Owed {
		t.Error("still owed after it ran")
	}
	r.Kick(r.now, keyOf("sink:s"))
	r.expect("sink:s")
	r.deliver("sink:s", false)
	r.expect("") // nothing was changed
}

func TestHookWaitsForASinkThatChangesAgain(t *testing.T) {
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"), delivering("s", "a"), hooking("s"))
	r.expect("a")
	r.obtain("a", time.Minute)
	r.pass(45 * time.Second)
	r.expect("sink:s a")
	r.obtain("a", time.Hour)
	r.deliver("sink:s", true)
	if s := r.look("sink:s"); s.Owed {
		t.Fatal("delivered what is newest")
	}
	r.expect("hook:s")
	r.hooked("hook:s")
	r.Kick(r.now, keyOf("a"))
	r.pass(time.Minute)
	r.expect("a")
	r.Kick(r.now, keyOf("sink:s"))
	r.expect("sink:s")
	r.obtain("a", time.Hour)
	_, now := r.Token("a")
	r.end("sink:s", Result{Called: true, Changed: true, Delivered: Marks{{"a", Mark{now.Generation - 1, now.Revision - 1}}}})
	if s := r.look("hook:s"); !s.Owed || !s.At.IsZero() {
		t.Errorf("its sink is about to change: %+v", s)
	}
	r.expect("sink:s")
	r.deliver("sink:s", true)
	r.expect("hook:s")
	r.hooked("hook:s")
	r.expect("")
}

func TestHookOfAFailingSinkActsOnTheEarlierChange(t *testing.T) {
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"), delivering("s", "a"), hooking("s"))
	r.expect("a")
	r.obtain("a", time.Minute)
	r.expect("sink:s")
	r.deliver("sink:s", true)
	r.expect("hook:s")
	r.fails("hook:s", credential.ReasonInternal)
	r.pass(45 * time.Second)
	r.due()
	r.fails("hook:s", credential.ReasonInternal)
	r.obtain("a", time.Hour)
	r.expect("sink:s")
	r.pass(2 * time.Second)
	r.expect("") // the hook is due and its sink is being written
	r.fails("sink:s", credential.ReasonInternal)
	r.expect("hook:s")
	r.hooked("hook:s")
	r.pass(time.Second)
	r.expect("sink:s")
	r.deliver("sink:s", true)
	r.expect("hook:s")
}

func TestHookOfAnEarlierLifeIsOwed(t *testing.T) {
	tasks := []*Task{obtaining("a"), delivering("s", "a"), hooking("s")}
	r := newRig(t, []Group{provider("p", 8)}, tasks...)
	r.expect("a")
	r.obtain("a", time.Hour)
	r.expect("sink:s")
	r.deliver("sink:s", true)
	r = r.restart([]Group{provider("p", 8)}, tasks...)
	r.expect("hook:s")
	r.hooked("hook:s")
	r = r.restart([]Group{provider("p", 8)}, tasks...)
	r.expect("")
}

func TestDependentWaitsForItsInput(t *testing.T) {
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"), obtaining("b", needs("a")))
	r.expect("a")
	if s := r.look("b"); s.Why != whyInput || !s.At.IsZero() {
		t.Errorf("without an input: %v at %s", s.Why, s.At)
	}
	r.obtain("a", time.Hour)
	r.expect("b")
	r.obtain("b", 2*time.Hour)
	// The input expires and is not renewed: b waits, even if it is due.
	r.pass(45 * time.Minute)
	r.expect("a")
	r.pass(50 * time.Minute)
	r.expect("")
	if s := r.look("b"); !s.At.IsZero() || s.Why != whyInput {
		t.Errorf("with an input that is over: %v at %s", s.Why, s.At)
	}
	r.obtain("a", time.Hour)
	r.expect("b")
}

func TestInputThatExpiresInTheQueueIsWaitedFor(t *testing.T) {
	r := newRig(t, []Group{provider("p", 8), provider("q", 1)}, obtaining("a"), obtaining("x", in("q")), obtaining("y", in("q"), needs("a")))
	r.expect("a x")
	r.obtain("a", time.Minute)
	r.expect("") // y is due, x has the turn
	r.nextAt("y", 0, whyConcurrency)
	r.pass(time.Minute)
	r.expect("a")
	r.obtain("x", time.Hour)
	r.expect("") // y's input is over
	r.obtain("a", time.Hour)
	r.expect("y")
}

func TestRefusedInputIsRenewedOnceAndWaitedFor(t *testing.T) {
	stale := func(f *credential.Fault) { f.StaleInput = "a" }
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"), obtaining("b", needs("a")), obtaining("c", needs("a")))
	r.expect("a")
	r.obtain("a", 10*time.Hour)
	r.expect("b c")
	r.pass(40 * time.Second)
	r.fails("b", credential.ReasonServer, stale)
	r.fails("c", credential.ReasonServer, stale)
	r.expect("a")
	if why := r.running[keyOf("a")].Why; why != whyAsked {
		t.Errorf("renewed because %v", why)
	}
	r.pass(10 * time.Minute)
	r.expect("")
	if s := r.look("b"); s.Why != whyInput || !s.At.IsZero() {
		t.Errorf("refused: %v at %s", s.Why, s.At)
	}
	r.fails("a", credential.ReasonServer)
	r.expect("")
	r.pass(30 * time.Second)
	r.expect("a")
	// The renewal returns the same values: b tries them once more and, if they are
	// refused again, waits for the next ones.
	r.end("a", Result{Called: true, Token: r.look("a").Record.Token().Credential})
	r.expect("b c")
	r.fails("b", credential.ReasonServer, stale)
	r.fails("c", credential.ReasonServer, stale)
	r.pass(30 * time.Second)
	r.expect("a")
	r.pass(time.Hour)
	r.expect("")
	r.obtain("a", 10*time.Hour)
	r.expect("b c")
}

func TestOtherInputsDoNotWaitForARefusedInput(t *testing.T) {
	stale := func(f *credential.Fault) { f.StaleInput = "a" }
	for _, other := range []func(*Task){inputs("in-2"), identity("other")} {
		r := newRig(t, []Group{provider("p", 8)}, obtaining("a"), obtaining("b", needs("a")))
		r.expect("a")
		r.obtain("a", 10*time.Hour)
		r.expect("b")
		r.fails("b", credential.ReasonServer, stale)
		r.pass(time.Minute)
		r.expect("a")
		r.fails("a", credential.ReasonRejected)
		r.install(p8, obtaining("a"), obtaining("b", needs("a")))
		r.expect("")
		r.install(p8, obtaining("a"), obtaining("b", needs("a"), other))
		r.expect("b")
	}
}

func TestInputRenewedMeanwhileIsNotRenewedAgain(t *testing.T) {
	stale := func(f *credential.Fault) { f.StaleInput = "a" }
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"), obtaining("b", needs("a")))
	r.expect("a")
	r.obtain("a", 10*time.Hour)
	r.pass(time.Minute)
	r.expect("b")
	r.pass(time.Second)
	r.Kick(r.now, keyOf("a"))
	r.expect("a")
	r.pass(time.Second)
	r.obtain("a", 10*time.Hour)
	r.fails("b", credential.ReasonServer, stale) // it had the old values
	r.expect("")
	r.pass(30 * time.Second)
	r.expect("b")
}

func TestRefusalOfAFailingOrUnknownInputAsksNobody(t *testing.T) {
	stale := func(name string) func(*credential.Fault) {
		return func(f *credential.Fault) { f.StaleInput = name }
	}
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"), obtaining("b", needs("a")))
	r.expect("a")
	r.obtain("a", 10*time.Hour)
	r.pass(time.Minute)
	r.expect("b")
	r.Kick(r.now, keyOf("a"))
	r.expect("a")
	r.fails("a", credential.ReasonRejected)
	r.pass(time.Minute)
	r.fails("b", credential.ReasonServer, stale("a"))
	r.expect("") // parked stays parked
	if s := r.look("b"); s.Why != whyInput {
		t.Errorf("refused: %v", s.Why)
	}
	r = newRig(t, []Group{provider("p", 8)}, obtaining("a"), obtaining("b", needs("a")))
	r.expect("a")
	r.obtain("a", 10*time.Hour)
	r.pass(time.Minute)
	r.expect("b")
	r.Kick(r.now, keyOf("a"))
	r.expect("a")
	r.fails("a", credential.ReasonServer)
	r.pass(30 * time.Second)
	r.expect("a")
	r.fails("a", credential.ReasonServer) // the second failure: a minute's wait
	r.fails("b", credential.ReasonServer, stale("a"))
	r = r.restart([]Group{provider("p", 8)}, obtaining("a"), obtaining("b", needs("a")))
	r.pass(35 * time.Second)
	r.expect("b")
	r.fails("b", credential.ReasonServer, stale("a"))
	r.expect("") // a keeps its own pace
	r.pass(25 * time.Second)
	r.expect("a")
	r.obtain("a", 10*time.Hour)
	r.pass(time.Hour)
	r.expect("b")
	r.fails("b", credential.ReasonServer, stale("nobody"))
	r.pass(5 * time.Minute)
	r.expect("b")
}
