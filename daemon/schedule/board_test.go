package schedule

import (
	"fmt"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

func TestAnEmptyBoardIsAtRest(t *testing.T) {
	b := New(0)
	if starts, wake := b.Due(instant0); len(starts) > 0 || !wake.IsZero() || !b.Idle(instant0) {
		t.Errorf("started %v, wakes at %s", starts, wake)
	}
	if b.Kick(instant0, Key{Obtaining, "a"}) {
		t.Error("a kick of what is not there was taken")
	}
	if _, ok := b.Look(instant0, Key{Obtaining, "a"}); ok {
		t.Error("a look at what is not there was answered")
	}
	if _, ok := b.LookGroup("p"); ok {
		t.Error("a look at a group that is not there was answered")
	}
	if c, m := b.Token("a"); !c.IsZero() || m != (Mark{}) {
		t.Error("a token of what is not there was answered")
	}
	if out := b.Fold(instant0, Start{Task: obtaining("a")}, Record{}, Result{}); out != (Folded{}) {
		t.Errorf("the end of what is not there: %+v", out)
	}
	b.Detach(instant0, Key{Obtaining, "a"})
}

func TestWhatIsDueStartsOnceAndIsPlannedAnew(t *testing.T) {
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"), obtaining("b"))
	r.expect("a b")
	r.expect("")
	r.obtain("a", time.Hour)
	r.obtain("b", 2*time.Hour)
	r.expect("")
	if !r.wake.Equal(after(45 * time.Minute)) {
		t.Errorf("wakes at %s, want when the first is due", r.wake)
	}
	r.pass(45*time.Minute - 1)
	r.expect("")
	r.pass(1)
	r.expect("a")
	if s := r.running[keyOf("a")]; !s.DueAt.Equal(after(45*time.Minute)) || s.Why != whyRenewBefore || s.Record.Token().Generation != 1 {
		t.Errorf("started as %+v", s)
	}
	r.obtain("a", time.Hour)
	if c, m := r.Token("a"); m != (Mark{2, 2}) || c.Generation != 2 {
		t.Errorf("mark %+v of the second token", m)
	}
}

func TestSecondEndOfOneAttemptIsIgnored(t *testing.T) {
	r := newRig(t, []Group{provider("p", 1)}, obtaining("a"), obtaining("b"))
	r.expect("a")
	s := r.running[keyOf("a")]
	r.obtain("a", time.Hour)
	res := answered(r.now, token("second", r.now.Add(time.Hour)))
	if out := r.Fold(r.now, s, Advance(s.Task, s.Record, res, 7), res); out != (Folded{}) {
		t.Errorf("folded %+v", out)
	}
	r.sound()
	if _, m := r.Token("a"); m != (Mark{1, 1}) {
		t.Errorf("mark %+v after a second end", m)
	}
}

func TestEarliestExpiryIsServedFirst(t *testing.T) {
	var tasks []*Task
	for i := range 9 {
		tasks = append(tasks, obtaining(fmt.Sprint("n", i)))
	}
	seeded := func(groups ...Group) *rig {
		r := newRig(t, nil)
		for i, task := range tasks {
			// n8 expires first; all are overdue when the board comes up.
			r.records[task.Key] = held(task, time.Duration(60-i)*time.Minute)
		}
		r.pass(58 * time.Minute)
		r.install(groups, tasks...)
		return r
	}
	r := seeded(provider("p", 3))
	r.expect("n8 n7 n6")
	r.obtain("n7", 4*time.Hour)
	r.expect("n5")
	r.obtain("n8", 4*time.Hour)
	r.obtain("n6", 4*time.Hour)
	r.expect("n4 n3")
	for _, n := range []string{"n5", "n4", "n3"} {
		r.obtain(n, 4*time.Hour)
	}
	r.expect("n2 n1 n0")

	r = seeded(provider("p", 100, Rate{2, time.Second}))
	for i := 8; i >= 0; i-- {
		r.expect(fmt.Sprint("n", i))
		r.expect("")
		if i > 0 {
			r.now = r.wake
		}
	}
	if spent := r.now.Sub(after(58 * time.Minute)); spent < 4*time.Second {
		t.Errorf("nine calls in %s under two a second", spent)
	}
}

func TestWhatHasNothingYetDoesNotOvertakeWhatIsOver(t *testing.T) {
	over, soon := obtaining("over"), obtaining("soon")
	r := newRig(t, nil)
	r.records[over.Key], r.records[soon.Key] = held(over, time.Minute), held(soon, 61*time.Minute)
	r.pass(time.Hour)
	r.install([]Group{provider("p", 1)}, obtaining("new"), soon, over)
	r.expect("over")
	r.obtain("over", day)
	r.expect("new")
	r.obtain("new", day)
	r.expect("soon")
}

func TestConcurrencyHolds(t *testing.T) {
	r := newRig(t, []Group{provider("p", 2), provider("q", 1)}, obtaining("a"), obtaining("b"), obtaining("c"), obtaining("x", in("q")), obtaining("y", in("q")))
	r.expect("a b x")
	if !r.wake.IsZero() {
		t.Errorf("wakes at %s, though only an end can start more", r.wake)
	}
	r.obtain("x", time.Hour)
	r.expect("y")
	r.fails("b", credential.ReasonServer)
	r.expect("c")
}

func TestRateHolds(t *testing.T) {
	var tasks []*Task
	for i := range 40 {
		tasks = append(tasks, obtaining(fmt.Sprintf("n%02d", i)))
	}
	rates := []Rate{{10, time.Second}, {100, time.Minute}}
	r := newRig(t, []Group{provider("p", 100, rates...)}, tasks...)
	var calls []time.Time
	for len(calls) < len(tasks) {
		r.due()
		for key := range r.running {
			calls = append(calls, r.now)
			r.obtain(key.Name, 24*time.Hour)
		}
		r.now = r.wake
	}
	for _, rate := range rates {
		if n := busiest(calls, rate.Per); n > rate.Calls {
			t.Errorf("%v: %d calls in one window", rate, n)
		}
	}
	// One call was made at the start.
	if !calls[0].Equal(instant0) || calls[1].Equal(instant0) {
		t.Errorf("first calls at %v", calls[:2])
	}
}

func TestKick(t *testing.T) {
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"))
	r.expect("a")
	if !r.Kick(r.now, keyOf("a")) {
		t.Error("a kick of what runs was not taken")
	}
	r.obtain("a", time.Hour)
	r.pass(10 * time.Second)
	r.expect("") // it ran when it was asked for
	if !r.Kick(r.now, keyOf("a")) {
		t.Error("a kick was not taken")
	}
	r.sound()
	r.nextAt("a", 30*time.Second, whyMinInterval)
	r.pass(20*time.Second - 1)
	r.expect("")
	r.pass(1)
	r.expect("a")
	if why := r.running[keyOf("a")].Why; why != whyAsked {
		t.Errorf("started because %v", why)
	}
	r.obtain("a", time.Hour)
	r.nextAt("a", 30*time.Second+45*time.Minute, whyRenewBefore)
	r.pass(time.Minute)
	r.Kick(r.now, keyOf("a"))
	r.expect("a")
	r.obtain("a", time.Hour)
	r.expect("") // asked for once, done once
}

func TestKickFreesAParkedOne(t *testing.T) {
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"))
	r.expect("a")
	r.fails("a", credential.ReasonRejected)
	if s := r.look("a"); !s.At.IsZero() || s.Why != whyParked || !s.Record.Past.Parked {
		t.Errorf("parked: next at %s, %v", s.At, s.Why)
	}
	r.pass(100 * day)
	r.expect("")
	if !r.wake.IsZero() {
		t.Errorf("wakes at %s for a parked one", r.wake)
	}
	r.Kick(r.now, keyOf("a"))
	r.expect("a")
	r.fails("a", credential.ReasonRejected)
	r.pass(day)
	r.expect("")
}

func TestKickCutsABackoffButNotACooldown(t *testing.T) {
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"))
	r.expect("a")
	r.fails("a", credential.ReasonServer)
	r.pass(30 * time.Second)
	r.expect("a")
	r.fails("a", credential.ReasonServer) // a minute's wait
	r.pass(31 * time.Second)
	r.Kick(r.now, keyOf("a"))
	r.expect("a")
	r.fails("a", credential.ReasonServer, retryAfter(r.now.Add(time.Hour)))
	r.pass(time.Minute)
	r.Kick(r.now, keyOf("a"))
	r.sound()
	r.expect("")
	r.nextAt("a", 61*time.Second+time.Hour, whyCooldown)
	r.pass(59*time.Minute - 1)
	r.expect("")
	r.pass(1)
	r.expect("a")
}

func TestDetachedTaskHoldsOthersNoLonger(t *testing.T) {
	r := newRig(t, []Group{provider("p", 1)}, obtaining("a"), obtaining("b"), obtaining("c"))
	r.expect("a")
	r.pass(time.Minute)
	r.expect("")
	r.Detach(r.now, keyOf("a"))
	r.Detach(r.now, keyOf("a")) // once counts
	r.sound()
	r.expect("b")
	r.expect("")
	r.obtain("a", time.Hour) // it ends after all
	r.expect("")             // b runs: one is allowed
	r.obtain("b", time.Hour)
	r.expect("c")
	r.pass(2 * time.Hour)
	r.obtain("c", time.Hour)
	r.expect("a") // and counts again
	r.expect("")
	r.Detach(r.now, keyOf("b"))
	r.sound() // what does not run cannot be detached
}

func TestClosedKindStartsNoMore(t *testing.T) {
	r := newRig(t, []Group{provider("p", 1, Rate{1, time.Hour})}, obtaining("a"), obtaining("b"), delivering("s", "a"), hooking("s"))
	r.expect("a")
	r.Close(Obtaining)
	r.Close(Hooking)
	r.obtain("a", time.Minute)
	r.expect("sink:s")
	r.deliver("sink:s", true)
	r.expect("")
	if !r.Idle(r.now) {
		t.Error("waits for turns that nothing will take")
	}
	r.pass(day)
	r.expect("")
}

func TestKindsAreNouns(t *testing.T) {
	if got := fmt.Sprint(Obtaining, Delivering, Hooking); got != "credential sink hook" {
		t.Errorf("the kinds are called %q", got)
	}
}

func TestIdle(t *testing.T) {
	r := newRig(t, []Group{provider("p", 1)}, obtaining("a"), obtaining("b"))
	idle := func(want bool, when string) {
		t.Helper()
		if got := r.Idle(r.now); got != want {
			t.Errorf("%s: idle %v", when, got)
		}
	}
	idle(false, "due")
	r.expect("a")
	idle(false, "running")
	r.fails("a", credential.ReasonThrottled, retryAfter(after(time.Hour)))
	idle(true, "b waits for a cool-down")
	r.pass(time.Hour)
	idle(false, "the cool-down is over")
	r.due()
	r.obtain(r.only(), day)
	r.due()
	idle(false, "running and nothing waits")
	r.obtain(r.only(), day)
	idle(true, "planned for later")
}

// only returns the name of the only running task.
func (r *rig) only() string {
	r.t.Helper()
	if len(r.running) != 1 {
		r.t.Fatalf("%d tasks run", len(r.running))
	}
	for key := range r.running {
		return name(key)
	}
	return ""
}

func TestLookTellsWhatIsWaitedFor(t *testing.T) {
	r := newRig(t, []Group{provider("p", 1, Rate{1, time.Second})}, obtaining("a"), obtaining("b"))
	r.expect("a")
	if s := r.look("a"); !s.Running || s.Waiting {
		t.Errorf("running: %+v", s)
	}
	r.nextAt("b", 0, whyConcurrency)
	r.obtain("a", time.Hour)
	r.due()
	step := time.Second * (stepPart - slackPart) / 1000
	if s := r.look("b"); !s.Waiting || s.Why != whyRate || s.At.Sub(instant0).Round(time.Millisecond) != step.Round(time.Millisecond) {
		t.Errorf("under the rate: at %s, %v", s.At.Sub(instant0), s.Why)
	}
	r.now = r.wake
	r.expect("b")
	r.fails("b", credential.ReasonServer)
	if s := r.look("b"); s.Why != whyRetry || s.Waiting || s.Running || s.Record.Past.Failures != 1 {
		t.Errorf("failed: %+v", s)
	}
	if g, ok := r.LookGroup("p"); !ok || g.Running != 0 || g.Waiting != 0 {
		t.Errorf("group: %+v", g)
	}
}

func TestSamePastGivesTheSameOrder(t *testing.T) {
	var first string
	for range 20 {
		var tasks []*Task
		groups := []Group{}
		for g := range 5 {
			groups = append(groups, provider(fmt.Sprint("p", g), 8))
			for i := range 4 {
				tasks = append(tasks, obtaining(fmt.Sprintf("n%d-%d", g, i), in(fmt.Sprint("p", g))))
			}
		}
		r := newRig(t, groups, tasks...)
		got := r.due()
		if first == "" {
			first = got
		}
		if got != first {
			t.Fatalf("started %q, before %q", got, first)
		}
	}
}
