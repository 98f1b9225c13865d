package schedule

import (
	"slices"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

var p8 = []Group{provider("p", 8)}

func TestInstallOfTheSameDisturbsNothing(t *testing.T) {
	tasks := func() []*Task {
		return []*Task{obtaining("a"), obtaining("b"), obtaining("c"), delivering("s", "a"), hooking("s")}
	}
	r := newRig(t, p8, tasks()...)
	r.expect("a b c")
	r.obtain("a", time.Hour)
	r.fails("b", credential.ReasonServer)
	r.expect("sink:s")
	r.deliver("sink:s", true)
	r.expect("hook:s")
	was := map[string]Status{}
	for _, n := range []string{"a", "b", "c", "sink:s", "hook:s"} {
		was[n] = r.look(n)
	}
	r.pass(time.Second)
	if removed := r.install(p8, tasks()...); len(removed) > 0 {
		t.Errorf("removed %v", removed)
	}
	for n, s := range was {
		if now := r.look(n); !now.At.Equal(s.At) || now.Why != s.Why || now.Running != s.Running {
			t.Errorf("%s: %s %v running %v, before %s %v running %v", n, now.At, now.Why, now.Running, s.At, s.Why, s.Running)
		}
	}
	r.expect("")
	r.obtain("c", time.Hour)
	r.hooked("hook:s")
	r.pass(29 * time.Second)
	r.expect("b")
}

func TestInstallTellsWhatIsGone(t *testing.T) {
	r := newRig(t, p8, obtaining("a"), obtaining("b"), obtaining("c"), delivering("s", "a"), hooking("s"))
	r.expect("a b c")
	r.obtain("a", time.Hour)
	r.obtain("b", time.Hour)
	removed := r.install(p8, obtaining("b"))
	if want := []Key{{Delivering, "s"}, {Hooking, "s"}}; !slices.Equal(removed, want) {
		t.Errorf("removed %v, want %v", removed, want)
	}
	for _, n := range []string{"a", "sink:s", "hook:s"} {
		if _, ok := r.Look(r.now, keyOf(n)); ok {
			t.Errorf("%s is still on the board", n)
		}
	}
	// c is running: it is removed at its end.
	r.pass(time.Minute)
	r.end("c", Result{Called: true, Token: token("late", after(time.Hour))})
	if _, ok := r.Look(r.now, keyOf("c")); ok {
		t.Error("c is still on the board after its end")
	}
	r.pass(45 * time.Minute)
	r.expect("b")
}

func TestGoneInTheQueueIsGone(t *testing.T) {
	r := newRig(t, []Group{provider("p", 1)}, obtaining("a"), obtaining("b"), obtaining("c"))
	r.expect("a")
	r.install([]Group{provider("p", 1)}, obtaining("a"), obtaining("c"))
	r.obtain("a", time.Hour)
	r.expect("c")
}

func TestBackBeforeItsEnd(t *testing.T) {
	r := newRig(t, p8, obtaining("a"), obtaining("b"))
	r.expect("a b")
	r.install(p8, obtaining("b"))
	r.install(p8, obtaining("b")) // it is still gone
	r.install(p8, obtaining("a"), obtaining("b"))
	r.expect("") // it runs
	out := r.end("a", Result{Called: true, Token: token("first", after(time.Hour))})
	if out.Removed {
		t.Error("what is back was told as removed")
	}
	r.nextAt("a", 45*time.Minute, whyRenewBefore)
}

func TestACredentialThatIsBackAfterItWasForgottenIsAnotherOne(t *testing.T) {
	r := newRig(t, p8, obtaining("a"), obtaining("b"), delivering("s", "a", "b"), delivering("u", "a"))
	r.expect("a b")
	r.obtain("a", time.Hour)
	r.obtain("b", time.Hour)
	r.expect("sink:s sink:u") // and they hang
	_, a := r.Token("a")
	_, b := r.Token("b")
	r.install(p8, obtaining("b"), delivering("s", "b"))
	if !r.Forget("a") || r.Forget("a") || r.Forget("b") {
		t.Error("something else was forgotten than what is kept")
	}
	r.install(p8, obtaining("a"), obtaining("b"), delivering("s", "a", "b"), delivering("u", "a"))
	r.expect("a")
	r.obtain("a", time.Hour)
	if _, again := r.Token("a"); again != a {
		t.Fatalf("mark %+v after %+v; the test needs equal ones", again, a)
	}
	marks := Marks{{"a", a}, {"b", b}}
	r.end("sink:s", Result{Called: true, Changed: true, Delivered: marks})
	r.end("sink:u", Result{Called: true, Changed: true, Delivered: Marks{{"a", a}}})
	if len(marks) != 2 {
		t.Error("the board changed what it was given")
	}
	if s := r.look("sink:s").Record.Delivery().Delivered; s.Of("b") != b || len(s) != 1 {
		t.Errorf("marks %+v, want b's alone", s)
	}
	r.expect("sink:s sink:u")
}

func TestProviderThatIsGoneWithACallUnderWay(t *testing.T) {
	r := newRig(t, []Group{provider("p", 1), provider("q", 1)}, obtaining("a"), obtaining("b"), obtaining("x", in("q")))
	r.expect("a x")
	r.install([]Group{provider("q", 1)}, obtaining("x", in("q")))
	if _, ok := r.LookGroup("p"); ok {
		t.Error("the group is still there")
	}
	r.pass(time.Second)
	r.fails("a", credential.ReasonThrottled, retryAfter(after(time.Hour)))
	// The requested wait still applies when it returns.
	r.install([]Group{provider("p", 1), provider("q", 1)}, obtaining("a"), obtaining("x", in("q")))
	r.expect("")
	r.install([]Group{provider("q", 1)}, obtaining("x", in("q")))
	r.Forget("a")
	r.install([]Group{provider("p", 1), provider("q", 1)}, obtaining("a"), obtaining("x", in("q")))
	r.expect("a")
}

func TestMoveToAnotherProvider(t *testing.T) {
	r := newRig(t, []Group{provider("p", 1), provider("q", 1)}, obtaining("a"), obtaining("b"), obtaining("x", in("q")))
	r.expect("a x")
	r.install([]Group{provider("p", 1), provider("q", 1)}, obtaining("a", in("q")), obtaining("b"), obtaining("x", in("q")))
	r.expect("b") // a's call now counts for q
	r.obtain("x", time.Minute)
	r.pass(time.Minute)
	r.expect("") // q is taken by a
	r.obtain("a", time.Hour)
	r.expect("x")
	// A waiting task moves with its group.
	r = newRig(t, []Group{provider("p", 1), provider("q", 1)}, obtaining("a"), obtaining("b"))
	r.expect("a")
	r.install([]Group{provider("p", 1), provider("q", 1)}, obtaining("a"), obtaining("b", in("q")))
	r.expect("b")
	// A detached task counts against no group.
	r.Detach(r.now, keyOf("a"))
	r.install([]Group{provider("p", 1), provider("q", 1)}, obtaining("a", in("q")), obtaining("b"), obtaining("c", in("q")))
	r.expect("c")
	r.obtain("a", time.Hour)
}

func TestOtherIdentityBorrowsTheValueAndKeepsTheFloor(t *testing.T) {
	r := newRig(t, p8, obtaining("a"), delivering("s", "a"))
	r.expect("a")
	r.obtain("a", time.Hour)
	r.expect("sink:s")
	r.deliver("sink:s", true)
	r.pass(10 * time.Second)
	r.install(p8, obtaining("a", identity("other")), delivering("s", "a"))
	if c, m := r.Token("a"); !HasValue(c) || m != (Mark{1, 1}) {
		t.Errorf("kept %v, mark %+v; want the value, and the mark", c, m)
	}
	if s := r.look("a"); !s.Record.Token().Borrowed() || HasValue(s.Record.Previous()) {
		t.Error("the value is taken for one of the new identity")
	}
	if s := r.look("a"); len(s.Record.Past.History) > 0 || s.Record.Past.PlannedAt.Equal(after(45*time.Minute)) {
		t.Errorf("kept a past: %+v", s.Record.Past)
	}
	r.nextAt("a", 30*time.Second, whyMinInterval)
	r.expect("")
	if r.look("sink:s").Owed {
		t.Error("the sink is owed what is not there")
	}
	r.pass(20 * time.Second)
	r.expect("a")
	r.obtain("a", time.Hour)
	if _, m := r.Token("a"); m != (Mark{2, 2}) {
		t.Errorf("mark %+v of another identity's first value; want it raised", m)
	}
	r.expect("sink:s")
}

func TestOtherIdentityDuringACallKeepsOnlyItsInstant(t *testing.T) {
	r := newRig(t, p8, obtaining("a"))
	r.expect("a")
	r.obtain("a", time.Minute)
	r.pass(45 * time.Second)
	r.expect("a")
	r.install(p8, obtaining("a", identity("other"), inputs("in-2")))
	r.pass(10 * time.Second)
	r.obtain("a", day)
	if s := r.look("a"); !s.Record.Token().Borrowed() {
		t.Error("a value of the old identity was taken for the new one")
	}
	r.nextAt("a", 75*time.Second, whyMinInterval)
	r.pass(20 * time.Second)
	r.expect("a")
	// A failure of the old identity does not apply to the new one.
	r.install(p8, obtaining("a", identity("third")))
	r.fails("a", credential.ReasonRejected)
	if s := r.look("a"); s.Record.Past.Parked || s.Record.Past.Failures > 0 {
		t.Errorf("the old identity's failure: %+v", s.Record.Past)
	}
}

func TestOtherInputsAreTriedAtOnce(t *testing.T) {
	r := newRig(t, p8, obtaining("a"), obtaining("b"), obtaining("c"))
	r.expect("a b c")
	r.fails("a", credential.ReasonRejected)
	r.obtain("b", time.Hour)
	r.pass(time.Minute)
	r.install(p8, obtaining("a", inputs("in-2")), obtaining("b", inputs("in-2")), obtaining("c", inputs("in-2")))
	r.expect("a b")
	r.fails("a", credential.ReasonRejected)
	r.fails("b", credential.ReasonServer)
	r.obtain("c", time.Hour) // with the old inputs
	r.nextAt("c", time.Minute, whyInputs)
	r.expect("c")
	r.obtain("c", time.Hour)
	r.pass(time.Minute)
	r.expect("b")
	if s := r.look("a"); !s.Record.Past.Parked || !s.At.IsZero() {
		t.Errorf("refused again: %+v", s)
	}
}

func TestOtherTargetIsDeliveredAnew(t *testing.T) {
	other := func(target string) *Task {
		s := delivering("s", "a")
		s.Target = target
		return s
	}
	r := newRig(t, p8, obtaining("a"), delivering("s", "a"))
	r.expect("a")
	r.obtain("a", time.Hour)
	r.expect("sink:s")
	r.install(p8, obtaining("a"), other("t-2")) // while it is being written
	r.deliver("sink:s", true)
	if s := r.look("sink:s"); s.Why != whyTarget || !s.Owed {
		t.Errorf("other target: %v, owed %v", s.Why, s.Owed)
	}
	r.expect("sink:s")
	r.deliver("sink:s", true)
	r.expect("")
	r.install(p8, obtaining("a"), other("t-3"))
	r.expect("sink:s")
}

func TestRestartKeepsCooldownFloorAndBackoff(t *testing.T) {
	tasks := []*Task{obtaining("a"), obtaining("b"), obtaining("x", in("q")), obtaining("y", in("q"))}
	groups := []Group{provider("p", 8), provider("q", 8)}
	r := newRig(t, groups, tasks...)
	r.expect("a b x y")
	r.obtain("b", 10*time.Second)
	r.obtain("y", 10*time.Second)
	r.fails("a", credential.ReasonThrottled, retryAfter(after(time.Hour)))
	r.fails("x", credential.ReasonRejected)
	r.pass(15 * time.Second)
	r = r.restart(groups, tasks...)
	r.expect("")
	r.nextAt("b", time.Hour, whyCooldown)
	r.nextAt("y", 30*time.Second, whyMinInterval)
	if s := r.look("x"); !s.Record.Past.Parked || s.Why != whyParked {
		t.Errorf("parked before, now %+v", s)
	}
	r.pass(15 * time.Second)
	r.expect("y")
}

func TestCrashDuringACallIsToldAndKeepsTheFloor(t *testing.T) {
	r := newRig(t, p8, obtaining("a"))
	r.records[keyOf("a")] = Begin(held(obtaining("a"), time.Hour), after(time.Minute))
	r.now = after(70 * time.Second)
	r = r.restart(p8, obtaining("a"))
	r.expect("")
	r.pass(20 * time.Second)
	r.expect("a")
	if s := r.running[keyOf("a")]; s.Why != whyLost || !s.Record.Past.Open {
		t.Errorf("started as %+v", s)
	}
}

func TestOtherIdentityIsNotParkedByTheOldOne(t *testing.T) {
	r := newRig(t, p8, obtaining("a"), obtaining("b"))
	r.expect("a b")
	r.fails("a", credential.ReasonRejected)
	r.obtain("b", time.Hour)
	r.pass(time.Minute)
	r.install(p8, obtaining("a", identity("other")), obtaining("b"))
	r.expect("a")
	// After a crash during the first call there is no identity yet, but the call is
	// still known.
	r.records[keyOf("a")] = Begin(Record{}, r.now)
	r = r.restart(p8, obtaining("a"), obtaining("b"))
	r.pass(time.Minute)
	r.expect("a")
	if s := r.running[keyOf("a")]; s.Why != whyLost {
		t.Errorf("started because %v", s.Why)
	}
}

func TestTheBackendThatRefusedIsCooled(t *testing.T) {
	groups := []Group{provider("p", 8), provider("q", 8)}
	r := newRig(t, groups, obtaining("a"), obtaining("b"), obtaining("x", in("q")))
	r.expect("a b x")
	r.obtain("b", time.Minute)
	r.obtain("x", time.Minute)
	r.install(groups, obtaining("a", in("q")), obtaining("b"), obtaining("x", in("q")))
	out := r.fails("a", credential.ReasonThrottled, retryAfter(after(time.Hour))) // p said so
	if p, _ := r.LookGroup("p"); !out.Cooled || out.Provider != p.Record || !p.Record.CooldownUntil.Equal(after(time.Hour)) {
		t.Errorf("folded %+v, p is %+v", out, p)
	}
	r.pass(time.Minute)
	r.expect("x")
}

func TestARestartTriesAFailedSinkAtOnce(t *testing.T) {
	tasks := []*Task{obtaining("a"), delivering("s", "a")}
	r := newRig(t, p8, tasks...)
	r.expect("a")
	r.obtain("a", time.Hour)
	for range 6 {
		r.expect("sink:s")
		r.fails("sink:s", credential.ReasonInternal)
		r.pass(maxLocalDelay)
	}
	r.expect("sink:s")
	r.fails("sink:s", credential.ReasonInternal)
	r.expect("") // it waits
	r = r.restart(p8, tasks...)
	r.expect("sink:s")
	r.fails("sink:s", credential.ReasonInternal)
	r.pass(maxLocalDelay / 2)
	r.expect("") // the waits go on where they were
}
