package schedule

import (
	"fmt"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

// counted returns an answer whose expiry was computed from our clock.
func counted(c credential.Credential) credential.Credential {
	c.CountedExpiry = true
	return c
}

func TestClockSetBackKeepsTheRealLengthOfFloors(t *testing.T) {
	r := newRig(t, p8, obtaining("a"), obtaining("b"))
	r.expect("a b")
	r.obtain("a", time.Hour)
	r.pass(10 * time.Second)
	r.setBack(time.Hour)
	set := r.now
	r.Kick(r.now, keyOf("a"))
	r.sound()
	r.expect("")
	// Ten of the thirty seconds had passed.
	for r.now.Sub(set) < 19*time.Second {
		r.pass(time.Second)
		r.expect("")
	}
	r.pass(time.Second)
	r.expect("a")
	// b's call began by the old clock and ends by the new one: thirty seconds
	// after its start.
	r.end("b", Result{Called: true, Token: counted(token("b", r.now.Add(time.Hour+time.Second)))})
	if got := r.look("b").Record; !got.Past.AttemptAt.Equal(after(-time.Hour)) || !got.Token().ExpiresAt.Equal(r.now.Add(time.Second)) {
		t.Errorf("b began at %s and expires at %s by the clock set back", got.Past.AttemptAt.Sub(instant0), got.Token().ExpiresAt.Sub(instant0))
	}
	r.pass(750 * time.Millisecond) // at a quarter of its life
	r.expect("b")
}

func TestClockSetBackMovesALifeThatWasCountedHere(t *testing.T) {
	policy := obtaining("policy")
	r := newRig(t, p8, obtaining("counted"), obtaining("named"), policy, delivering("s", "counted"), delivering("n", "named"))
	r.due()
	r.end("counted", Result{Called: true, Token: counted(token("c", after(4*time.Hour)))})
	r.end("named", Result{Called: true, Token: token("n", after(4*time.Hour))})
	r.end("policy", Result{Called: true, Token: token("p", time.Time{})})
	r.due()
	r.deliver("sink:s", true)
	r.deliver("sink:n", true)
	before := map[string]Status{}
	for _, name := range []string{"counted", "named", "policy"} {
		before[name] = r.look(name)
	}
	r.pass(time.Minute)
	r.setBack(time.Hour)
	for name, was := range before {
		by, is := time.Hour, r.look(name)
		if name == "named" {
			by = 0
		}
		if got := was.Record.Token().ExpiresAt.Sub(is.Record.Token().ExpiresAt); got != by {
			t.Errorf("%s: the end moved by %s, want %s", name, got, by)
		}
		if got := was.At.Sub(is.At); got != by {
			t.Errorf("%s: the next attempt moved by %s, want %s", name, got, by)
		}
		if grew := is.Record.Token().Revision > was.Record.Token().Revision; grew != (by > 0) {
			t.Errorf("%s: revision %d after %d", name, is.Record.Token().Revision, was.Record.Token().Revision)
		}
		if stored := r.records[keyOf(name)]; !stored.Token().ExpiresAt.Equal(is.Record.Token().ExpiresAt) {
			t.Errorf("%s: what is stored expires at %s", name, stored.Token().ExpiresAt)
		}
	}
	r.expect("sink:s") // it may show the end
}

func TestTheTimeOfTheBoardGoesBackByASetBackOnly(t *testing.T) {
	b := New(7)
	b.Due(after(10 * time.Second))
	if got := b.see(after(5 * time.Second)); !got.Equal(after(10 * time.Second)) {
		t.Errorf("it is %s", got.Sub(instant0))
	}
	b.SetBack(after(5*time.Second), 5*time.Second)
	if got := b.see(after(6 * time.Second)); !got.Equal(after(6 * time.Second)) {
		t.Errorf("set back, it is %s", got.Sub(instant0))
	}
}

// TestSetBackReordersWhatWaits: an expiry computed here moves with the clock, one
// stated by the server does not.
func TestSetBackReordersWhatWaits(t *testing.T) {
	r := newRig(t, []Group{provider("p", 1)}, obtaining("counted"), obtaining("first"), obtaining("named"))
	for r.due() != "" {
		for key := range r.running {
			switch name(key) {
			case "counted":
				r.end("counted", Result{Called: true, Token: counted(token("c", after(3*time.Hour)))})
			case "named":
				r.end("named", Result{Called: true, Token: token("n", after(150*time.Minute))})
			case "first":
				r.obtain("first", time.Hour)
			}
		}
	}
	r.pass(145 * time.Minute)
	r.expect("first") // the others wait, "named" in front
	r.setBack(time.Hour)
	r.fails("first", credential.ReasonServer)
	r.expect("counted")
}

// TestAnEndThatWasReadBeforeTheStep: the clock is set back between the end of
// an attempt and its fold.
func TestAnEndThatWasReadBeforeTheStep(t *testing.T) {
	r := newRig(t, p8, obtaining("a"))
	r.expect("a")
	s := r.running[keyOf("a")]
	res := refused(after(0), credential.ReasonServer)
	rec := Advance(s.Task, s.Record, res, 7)
	r.setBack(time.Hour)
	r.Fold(r.now, s, rec, res)
	got := r.look("a")
	if wait := got.At.Sub(r.now); wait != 30*time.Second {
		t.Errorf("tried again after %s", wait)
	}
	if p := got.Record.Past; !p.FailingSince.Equal(r.now) || !p.Last.At.Equal(r.now) || !p.History.Attempts()[0].At.Equal(r.now) {
		t.Errorf("failing since %s, last %s, in the history at %s", p.FailingSince.Sub(r.now), p.Last.At.Sub(r.now), p.History.Attempts()[0].At.Sub(r.now))
	}
}

func TestClockSetBackDuringACall(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(r *rig) Result
		want func(t *testing.T, r *rig)
	}{
		{"that renews", func(*rig) Result {
			return Result{Called: true, Token: counted(token("2", after(2*time.Hour)))}
		}, func(t *testing.T, r *rig) {
			s := r.look("a")
			if got := s.Record.Token(); !got.ExpiresAt.Equal(after(time.Hour)) || !got.IssuedAt.Equal(after(-10*time.Minute)) {
				t.Errorf("issued %s, expires %s", got.IssuedAt.Sub(instant0), got.ExpiresAt.Sub(instant0))
			}
			if !s.At.Before(after(time.Hour)) || !s.Record.Past.PlannedAt.Equal(s.At) {
				t.Errorf("next at %s, stored as planned at %s", s.At.Sub(instant0), s.Record.Past.PlannedAt.Sub(instant0))
			}
		}},
		{"that fails", func(*rig) Result {
			return refused(time.Time{}, credential.ReasonServer)
		}, func(t *testing.T, r *rig) {
			s := r.look("a")
			if got := s.Record.Token().ExpiresAt; !got.Equal(after(0)) {
				t.Errorf("the old token ends at %s", got.Sub(instant0))
			}
			if got := s.Record.Past.AttemptAt; !got.Equal(after(-10 * time.Minute)) {
				t.Errorf("the call began at %s", got.Sub(instant0))
			}
			if got := s.At.Sub(r.now); got != 30*time.Second {
				t.Errorf("tried again after %s", got)
			}
		}},
		{"that never was", func(*rig) Result {
			res := refused(time.Time{}, credential.ReasonInternal)
			res.Called = false
			return res
		}, func(t *testing.T, r *rig) {
			s := r.look("a")
			if got := s.Record.Past.AttemptAt; !got.Equal(after(-time.Hour)) {
				t.Errorf("the last call was at %s", got.Sub(instant0))
			}
			if got := s.Record.Token().ExpiresAt; !got.Equal(after(0)) {
				t.Errorf("the old token ends at %s", got.Sub(instant0))
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, p8, obtaining("a"))
			r.expect("a")
			r.end("a", Result{Called: true, Token: counted(token("1", after(time.Hour)))})
			r.pass(50 * time.Minute)
			r.expect("a")
			r.setBack(time.Hour)
			r.pass(time.Second)
			r.end("a", c.end(r))
			c.want(t, r)
			if stored := r.records[keyOf("a")]; !stored.Token().ExpiresAt.Equal(r.look("a").Record.Token().ExpiresAt) {
				t.Errorf("stored as expiring at %s", stored.Token().ExpiresAt)
			}
		})
	}
}

// TestClockReadAfterTheStep: an attempt that does something before its call may read
// the clock after it was set back.
func TestClockReadAfterTheStep(t *testing.T) {
	r := newRig(t, p8, obtaining("a"))
	r.expect("a")
	start := r.running[keyOf("a")]
	r.setBack(time.Hour)
	r.pass(5 * time.Second)
	began := r.now
	r.pass(time.Second)
	res := Result{At: began, End: r.now, Called: true, Token: counted(token("1", began.Add(time.Hour)))}
	r.Fold(r.now, start, Advance(start.Task, start.Record, res, 7), res)
	if got := r.look("a").Record; !got.Token().ExpiresAt.Equal(began.Add(time.Hour)) || !got.Past.AttemptAt.Equal(began) {
		t.Errorf("began %s, expires %s, by the new clock", got.Past.AttemptAt.Sub(began), got.Token().ExpiresAt.Sub(began))
	}
}

func TestClockSetBackOverARestart(t *testing.T) {
	r := newRig(t, p8, obtaining("a"), obtaining("named"))
	r.expect("a named")
	r.end("a", Result{Called: true, Token: counted(token("a", after(time.Hour)))})
	r.end("named", Result{Called: true, Token: token("n", after(time.Hour))})
	r.now = r.now.Add(-100 * day) // while nothing runs that could see it
	r = r.restart(p8, obtaining("a"), obtaining("named"))
	if got := r.look("a").Record.Token().ExpiresAt.Sub(r.now); got != time.Hour {
		t.Errorf("a life of an hour ends after %s", got)
	}
	if got := r.look("named").Record.Token().ExpiresAt; !got.Equal(after(time.Hour)) {
		t.Errorf("what the server named ends at %s", got)
	}
	if moved := r.Corrections(); len(moved) != 1 || moved[0].Key != keyOf("a") {
		t.Errorf("to be stored: %v", moved)
	}
	r.Kick(r.now, keyOf("a"))
	r.nextAt("a", -100*day+30*time.Second, whyMinInterval)
	r.pass(30 * time.Second)
	r.expect("a")
}

func TestClockSetBackDoesNotHoldARate(t *testing.T) {
	r := newRig(t, []Group{provider("p", 8, Rate{6, time.Minute})}, obtaining("a"), obtaining("b"), obtaining("c"))
	r.expect("a")
	r.obtain("a", day)
	r.pass(5 * time.Second)
	r.expect("")
	r.setBack(24 * time.Hour)
	back := r.now
	r.expect("")
	if got := r.wake.Sub(back); got < 3*time.Second || got > 4*time.Second {
		t.Errorf("the next turn is %s away, want what was left of it", got)
	}
	r.now = r.wake
	r.expect("b")
}

func TestClockSetBackDoesNotHoldARetry(t *testing.T) {
	r := newRig(t, p8, obtaining("a"), obtaining("asked"), obtaining("long", minInterval(time.Hour)), delivering("s", "b"), obtaining("b"))
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
	r.setBack(10 * day)
	r.due()
	for name, want := range map[string]time.Duration{"a": time.Minute, "sink:s": 2 * time.Second, "long": time.Hour - 30*time.Second} {
		if got := r.look(name).At.Sub(r.now); got != want {
			t.Errorf("%s is tried after %s, want what was left: %s", name, got, want)
		}
	}
	r.end("asked", Result{Called: true, Fault: &credential.Fault{Reason: credential.ReasonServer}})
	if got := r.look("asked").At.Sub(r.now); got != time.Minute {
		t.Errorf("asked is tried after %s", got)
	}
}

func TestClockSetBackKeepsTheLengthOfAnAskedWait(t *testing.T) {
	r := newRig(t, p8, obtaining("a"), obtaining("b"))
	r.expect("a b")
	r.fails("a", credential.ReasonThrottled, retryAfter(after(time.Hour)))
	r.setBack(day)
	r.expect("")
	r.nextAt("a", time.Hour-day, whyRetryAfter)
	if g, _ := r.LookGroup("p"); !g.Record.CooldownUntil.Equal(after(time.Hour - day)) {
		t.Errorf("the backend is left alone until %s", g.Record.CooldownUntil.Sub(instant0))
	}
	r.pass(time.Hour)
	r.expect("a")
}

func TestClockSetForwardIsNoStepForTheBoard(t *testing.T) {
	r := newRig(t, p8, obtaining("a"))
	r.expect("a")
	r.end("a", Result{Called: true, Token: counted(token("a", after(time.Hour)))})
	r.pass(2 * day)
	r.expect("a")
	r.end("a", Result{Called: true, Token: counted(token("b", r.now.Add(time.Hour)))})
	r.expect("")
	r.setBack(2 * day)
	if got := r.look("a").At.Sub(r.now); got != 45*time.Minute {
		t.Errorf("the clock is right again, and the next attempt comes after %s", got)
	}
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
