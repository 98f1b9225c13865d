package schedule

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

// crashes simulates a daemon that dies during every call, and returns the waits
// between the calls.
func crashes(t testing.TB, n int, first Record) (waits []time.Duration) {
	t.Helper()
	task := obtaining("a")
	r := newRig(t, p8, task)
	r.records[task.Key] = first
	var last time.Time
	for range n {
		r = r.restart(p8, task)
		for r.due() == "" {
			if r.wake.IsZero() {
				t.Fatal("never tried again")
			}
			r.now = r.wake
		}
		if !last.IsZero() {
			waits = append(waits, r.now.Sub(last))
		}
		last = r.now
		r.records[task.Key] = Begin(r.running[task.Key].Record, r.now)
	}
	return waits
}

func TestCrashesInTheMiddleOfCallsSlowDown(t *testing.T) {
	const s, m = time.Second, time.Minute
	failed := Advance(obtaining("a"), Record{}, refused(instant0, credential.ReasonServer), 0)
	other := Advance(obtaining("a", inputs("old")), Record{}, refused(instant0, credential.ReasonRejected), 0)
	for _, c := range []struct {
		name  string
		first Record
		want  []time.Duration
	}{
		{"nothing yet", Record{}, []time.Duration{30 * s, m, 2 * m, 4 * m, 5 * m, 5 * m}},
		{"a secret that was just changed", other, []time.Duration{m, 2 * m, 4 * m, 5 * m, 5 * m, 5 * m}},
		{"in an outage", failed, []time.Duration{m, 2 * m, 4 * m, 5 * m, 5 * m, 5 * m}},
		{"with a token that still lives", held(obtaining("a"), 8*m), []time.Duration{30 * s, 30 * s, 30 * s, 30 * s, 5 * m, 5 * m}},
	} {
		if got := crashes(t, 7, c.first); !slices.Equal(got, c.want) {
			t.Errorf("%s: waits of %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAnEndThatIsKnownForgetsTheCrashes(t *testing.T) {
	task := obtaining("a")
	for _, res := range []Result{answered(after(time.Second), token("x", after(time.Hour))), refused(after(time.Second), credential.ReasonServer)} {
		rec := Advance(task, Begin(Begin(Record{}, instant0), after(time.Second)), res, 0)
		if rec.Past.Unknown != 0 {
			t.Errorf("%d attempts without an end after one that ended", rec.Past.Unknown)
		}
	}
	preflight := refused(after(time.Second), credential.ReasonInternal)
	preflight.Called = false
	if rec := Advance(task, Begin(Record{}, instant0), preflight, 0); rec.Past.Unknown != 1 {
		t.Error("an attempt that ended before its call was taken for an answer")
	}
}

func TestARefusedSecretThatParkedStaysSoWhateverCrashes(t *testing.T) {
	task := obtaining("a")
	parked := Advance(task, Record{}, refused(instant0, credential.ReasonRejected), 0)
	// It was requested manually, and the daemon died during that call.
	r := newRig(t, p8, task)
	r.records[task.Key] = Begin(parked, after(time.Minute))
	r = r.restart(p8, task)
	r.pass(30 * day)
	r.expect("")
}

func TestKillBeforeTheCooldownWasStoredDoesNotLoseIt(t *testing.T) {
	for _, c := range []struct {
		name  string
		edits []func(*credential.Fault)
		want  time.Duration
	}{
		{"named", []func(*credential.Fault){retryAfter(after(time.Hour))}, time.Hour},
		{"not named", nil, firstCooldown},
	} {
		tasks := []*Task{obtaining("a"), obtaining("b"), obtaining("other", in("q"))}
		groups := []Group{provider("p", 8), provider("q", 8)}
		r := newRig(t, groups, tasks[0], tasks[2])
		r.expect("a other")
		r.fails("a", credential.ReasonThrottled, c.edits...)
		r.obtain("other", 10*day)
		next := &rig{t: t, Board: New(7), now: after(time.Second), running: map[Key]Start{}, started: map[Key]time.Time{}, records: r.records}
		next.install(groups, tasks...) // with records, and nothing about providers
		next.expect("")
		if got := next.wake.Sub(instant0); got != c.want {
			t.Errorf("%s: the backend is called again after %s, want %s", c.name, got, c.want)
		}
	}
}

func TestRestartsGiveAFewCredentialsNoFreshBurst(t *testing.T) {
	often := pace(func(p *Policy) { p.MinInterval = time.Second })
	var tasks []*Task
	for i := range 3 {
		tasks = append(tasks, obtaining(fmt.Sprint("n", i), often))
	}
	groups := []Group{provider("p", 8, Rate{100, time.Hour})}
	r := newRig(t, groups, tasks...)
	var calls []time.Time
	for r.now.Before(after(3 * time.Hour)) {
		r.due()
		for key := range r.running {
			calls = append(calls, r.now)
			r.obtain(key.Name, time.Second)
		}
		r.pass(20 * time.Second)
		r = r.restart(groups, tasks...)
	}
	if n := busiest(calls, time.Hour); n > 100 || len(calls) < 200 {
		t.Errorf("%d calls in one hour over restarts, %d in three; want 100 at most, and little less", n, len(calls))
	}
}

// TestTwoKillsWithinCallsHideNoneFromTheRate: of two calls of a during which the daemon
// died, its record holds only the second, whether that one was answered or not.
// Restarts have used up the slack.
func TestTwoKillsWithinCallsHideNoneFromTheRate(t *testing.T) {
	for _, answer := range []bool{false, true} {
		rateAfterKills(t, answer)
	}
}

func rateAfterKills(t *testing.T, answer bool) {
	t.Helper()
	rate := Rate{6, time.Minute}
	a, next := obtaining("a"), obtaining("next")
	tasks := []*Task{a, next}
	r := newRig(t, nil)
	var calls []time.Time
	for i, ms := range []time.Duration{0, 10_450, 29_550, 40_000} {
		task, at := obtaining(fmt.Sprint("n", i)), after(ms*time.Millisecond)
		tasks, calls = append(tasks, task), append(calls, at)
		r.records[task.Key] = Advance(task, Record{}, answered(at, token("x", after(time.Hour))), 7)
	}
	r.records[a.Key] = Advance(a, Record{}, answered(after(-time.Hour), token("x", instant0)), 7)
	for _, ms := range []time.Duration{20_900, 50_900} {
		at := after(ms * time.Millisecond)
		calls, r.records[a.Key] = append(calls, at), Begin(r.records[a.Key], at)
	}
	if answer {
		r.records[a.Key] = Advance(a, r.records[a.Key], answered(calls[len(calls)-1], token("y", after(2*time.Hour))), 7)
	}
	r.now = after(53 * time.Second)
	r = r.restart([]Group{provider("p", 8, rate)}, tasks...)
	r.expect("")
	r.now = r.wake
	r.expect("next")
	slices.SortFunc(calls, time.Time.Compare)
	if n := busiest(append(calls, r.now), rate.Per); n > rate.Calls || r.now.After(after(65*time.Second)) {
		t.Errorf("the second answered %v: %d calls in one minute, want 6 at most; the last %s after the first", answer, n, r.now.Sub(instant0))
	}
}
