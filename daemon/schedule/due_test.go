package schedule

import (
	"fmt"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

func margin(m Margin) func(*Task)             { return pace(func(p *Policy) { p.RenewBefore = m }) }
func maxAge(d time.Duration) func(*Task)      { return pace(func(p *Policy) { p.MaxAge = d }) }
func minInterval(d time.Duration) func(*Task) { return pace(func(p *Policy) { p.MinInterval = d }) }
func jitter(m Margin) func(*Task)             { return pace(func(p *Policy) { p.Jitter = m }) }
func ownMargin(m Margin) func(*Task) {
	return pace(func(p *Policy) { p.RenewBefore, p.OwnRenewBefore = m, true })
}

func every(t testing.TB, expr string) func(*Task) {
	c := mustCron(t, expr, "UTC")
	return pace(func(p *Policy) { p.Schedule = c })
}

func TestDueForATokenInHand(t *testing.T) {
	for _, c := range []struct {
		name string
		task *Task
		life time.Duration // zero: the server states none
		want time.Duration // after instant0
		why  Why
	}{
		{"a share of the life", obtaining("a"), 4 * time.Hour, 3 * time.Hour, whyRenewBefore},
		{"no margin at all", obtaining("a", margin(Margin{})), time.Hour, time.Hour, whyRenewBefore},
		{"a large share", obtaining("a", margin(Margin{Share: 0.95})), 100 * time.Minute, 5 * time.Minute, whyRenewBefore},
		{"a duration", obtaining("a", margin(Margin{Fixed: 30 * time.Minute})), 4 * time.Hour, 210 * time.Minute, whyRenewBefore},
		{"a duration beyond half of the life", obtaining("a", margin(Margin{Fixed: 30 * time.Minute})), 40 * time.Minute, 10 * time.Minute, whyRenewBefore},
		{"a duration that leaves little", obtaining("a", margin(Margin{Fixed: 30 * time.Minute})), 32 * time.Minute, 2 * time.Minute, whyRenewBefore},
		{"a duration that leaves seconds", obtaining("a", margin(Margin{Fixed: 55 * time.Second}), pace(func(p *Policy) { p.MinInterval = time.Second })), time.Minute, 5 * time.Second, whyRenewBefore},
		{"a duration that leaves less than the minimum interval", obtaining("a", margin(Margin{Fixed: 55 * time.Second})), 80 * time.Second, 40 * time.Second, whyHalfLife},
		{"a share that leaves less than the minimum interval", obtaining("a", margin(Margin{Share: 0.9})), 2 * time.Minute, time.Minute, whyHalfLife},
		{"a duration longer than the life", obtaining("a", margin(Margin{Fixed: 30 * time.Minute})), 10 * time.Minute, 5 * time.Minute, whyHalfLife},
		{"a life under a minute", obtaining("a"), 50 * time.Second, 37500 * time.Millisecond, whyRenewBefore},
		{"a lifetime below the minimum interval", obtaining("a"), 20 * time.Second, 30 * time.Second, whyMinInterval},
		{"a life of one nanosecond", obtaining("a"), time.Nanosecond, 30 * time.Second, whyMinInterval},
		{"no expiry", obtaining("a"), 0, day - time.Minute, whyMaxAge},
		{"no expiry and a short max_age", obtaining("a", maxAge(10*time.Minute)), 0, 10*time.Minute - 12*time.Second, whyMaxAge},
		{"no expiry and the margin of the defaults", obtaining("a", margin(Margin{Fixed: 6 * time.Hour})), 0, day - time.Minute, whyMaxAge},
		{"no expiry and a margin of its own", obtaining("a", ownMargin(Margin{Fixed: 6 * time.Hour})), 0, 18 * time.Hour, whyMaxAge},
		{"no expiry and a share of its own", obtaining("a", ownMargin(Margin{Share: 0.5})), 0, 12 * time.Hour, whyMaxAge},
		{"nine years", obtaining("a"), 9 * year, 9 * year * 3 / 4, whyRenewBefore},
		{"a hundred years", obtaining("a"), 100 * year, day, whyEndless},
		{"beyond what a duration can hold", obtaining("a"), 1<<63 - 1, day, whyEndless},
		{"a schedule ahead of the margin", obtaining("a", every(t, "0 12 * * *")), 4 * time.Hour, time.Hour + 52*time.Minute + 47*time.Second, whySchedule},
		{"a schedule behind the margin", obtaining("a", every(t, "0 14 * * *")), 4 * time.Hour, 3 * time.Hour, whyRenewBefore},
		{"a schedule within the minimum interval", obtaining("a", every(t, "@every 1s")), 4 * time.Hour, 30 * time.Second, whyMinInterval},
	} {
		r := held(c.task, c.life)
		got, why := due(c.task, &r, after(time.Second), 0)
		if !got.Equal(after(c.want)) || why != c.why {
			t.Errorf("%s: after %s, %v; want after %s, %v", c.name, got.Sub(instant0), why, c.want, c.why)
		}
		if !r.Past.PlannedAt.Equal(got) {
			t.Errorf("%s: planned for %s, due %s", c.name, r.Past.PlannedAt, got)
		}
	}
}

func TestDueByTheRecord(t *testing.T) {
	hour := func(edit func(*Record)) Record {
		r := held(obtaining("a"), time.Hour)
		edit(&r)
		return r
	}
	asOther := func(r *Record) {
		held := r.Token()
		held.Inputs = "in-0"
		r.Part = held
	}
	for _, c := range []struct {
		name string
		rec  Record
		now  time.Duration
		want time.Duration // after instant0; negative: not by itself
		why  Why
	}{
		{"nothing yet", Record{}, 0, 0, whyFirst},
		{"nothing yet, and called already", Record{Past: Past{AttemptAt: instant0}}, time.Second, 30 * time.Second, whyMinInterval},
		{"overdue while it was down", hour(func(*Record) {}), 50 * time.Hour, 45 * time.Minute, whyRenewBefore},
		{"other inputs", hour(asOther), 5 * time.Minute, 5 * time.Minute, whyInputs},
		{"other inputs within the minimum interval", hour(asOther), 5 * time.Second, 30 * time.Second, whyMinInterval},
		{"other inputs of a parked one", hour(func(r *Record) { asOther(r); r.Past.Parked, r.Past.Failures = true, 1 }), 5 * time.Minute, 5 * time.Minute, whyInputs},
		{"other inputs during a backoff", hour(func(r *Record) { asOther(r); r.Past.RetryAt, r.Past.Failures = after(time.Hour), 9 }), 5 * time.Minute, 5 * time.Minute, whyInputs},
		{"parked", hour(func(r *Record) { r.Past.Parked, r.Past.Failures = true, 1 }), 5 * time.Minute, -1, whyParked},
		{"parked with a lost answer", hour(func(r *Record) { r.Past.Parked, r.Past.Failures, r.Past.Open = true, 1, true }), 5 * time.Minute, -1, whyParked},
		{"failed", hour(func(r *Record) { r.Past.Failures, r.Past.RetryAt = 2, after(7*time.Minute) }), 5 * time.Minute, 7 * time.Minute, whyRetry},
		{"failed, asked to wait", hour(func(r *Record) { r.Past.Failures, r.Past.RetryAt, r.Past.Asked = 2, after(7*time.Hour), true }), 5 * time.Minute, 7 * time.Hour, whyRetryAfter},
		{"the answer was lost", hour(func(r *Record) { r.Past.Open = true }), 5 * time.Minute, 5 * time.Minute, whyLost},
		{"the answer was lost a moment ago", hour(func(r *Record) { r.Past.Open = true }), 5 * time.Second, 30 * time.Second, whyMinInterval},
		{"the answer was lost and told as a failure", hour(func(r *Record) { r.Past.Open, r.Past.Failures, r.Past.RetryAt = true, 1, after(2*time.Minute) }), time.Minute, 2 * time.Minute, whyRetry},
	} {
		want := after(c.want)
		if c.want < 0 {
			want = never
		}
		got, why := due(obtaining("a"), &c.rec, after(c.now), 0)
		if !got.Equal(want) || why != c.why {
			t.Errorf("%s: %s, %v; want %s, %v", c.name, got, why, want, c.why)
		}
	}
}

func TestAHintGoesBeyondEverything(t *testing.T) {
	for _, hint := range []time.Duration{50 * time.Minute, 3 * time.Hour} {
		task := obtaining("a", every(t, "*/5 * * * *"))
		c := token("first", after(time.Hour))
		c.UsefulAfter = after(hint)
		r := Advance(task, Record{}, answered(instant0, c), 0)
		if got, why := due(task, &r, after(time.Second), 0); !got.Equal(c.UsefulAfter) || why != whyHint {
			t.Errorf("hint of %s: due after %s, %v", hint, got.Sub(instant0), why)
		}
		// It applies to planned calls, not to necessary ones.
		task.Inputs = "in-2"
		if got, why := due(task, &r, after(time.Minute), 0); !got.Equal(after(time.Minute)) || why != whyInputs {
			t.Errorf("hint of %s, other inputs: due after %s, %v", hint, got.Sub(instant0), why)
		}
	}
	task := obtaining("a")
	c := token("first", after(time.Hour))
	c.UsefulAfter = after(10 * time.Minute)
	r := Advance(task, Record{}, answered(instant0, c), 0)
	if got, why := due(task, &r, after(time.Second), 0); !got.Equal(after(45*time.Minute)) || why != whyRenewBefore {
		t.Errorf("an early hint: due after %s, %v", got.Sub(instant0), why)
	}
}

func TestAScheduleMissedWhileDownIsMadeUpFor(t *testing.T) {
	task := obtaining("a", every(t, "0 3 * * *"))
	r := held(task, 30*day)
	missed := at(t, "2026-03-03T03:00:00Z")
	if got, why := due(task, &r, missed.Add(90*time.Minute), 0); !got.Equal(missed) || why != whySchedule {
		t.Errorf("after a night that was missed: %s, %v; want %s", got, why, missed)
	}
	// A missed schedule is made up for once, however many nights were missed.
	r = Advance(task, r, answered(missed.Add(3*day), token("second", missed.Add(40*day))), 0)
	if got, _ := due(task, &r, missed.Add(3*day+time.Second), 0); !got.Equal(missed.Add(4 * day)) {
		t.Errorf("after making up: %s, want the next night", got)
	}
}

// useless answers every attempt at its due instant with the same values and expiry,
// and returns the instants of the attempts.
func useless(task *Task, r Record, c credential.Credential, until time.Time) (asked []time.Duration) {
	for range 1000 {
		next, _ := due(task, &r, r.Past.AttemptAt, 0)
		if next.After(until) {
			break
		}
		asked = append(asked, next.Sub(instant0))
		r = Advance(task, r, answered(next, c), 0)
	}
	return asked
}

func TestSameTokenIsAskedForInFixedSteps(t *testing.T) {
	m := time.Minute
	for _, c := range []struct {
		name string
		task *Task
		life time.Duration
		want []time.Duration
	}{
		{"a fifth of the margin", obtaining("a"), 80 * m, []time.Duration{60 * m, 64 * m, 68 * m, 72 * m, 76 * m, 80*m + time.Second}},
		{"never below the minimum interval", obtaining("a"), 4 * m, []time.Duration{3 * m, 210 * time.Second, 4*m + time.Second}},
		{"the minimum interval ends after expiry", obtaining("a", minInterval(2*m)), 4 * m, []time.Duration{3 * m, 5 * m}},
		{"no margin", obtaining("a", margin(Margin{})), 4 * m, []time.Duration{4 * m}},
	} {
		task := c.task
		got := useless(task, held(task, c.life), token("first", after(c.life)), after(c.life+time.Second))
		if c.name == "the minimum interval ends after expiry" {
			got = useless(task, held(task, c.life), token("first", after(c.life)), after(5*m))
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: asked after %v, want %v", c.name, got, c.want)
		}
	}
}

func TestATokenThatOutlivesOurClockBySecondsIsAskedForAtTheFloor(t *testing.T) {
	task := obtaining("a")
	r := held(task, day)
	// At our expiry the server says that one second is left.
	r = Advance(task, r, answered(after(day), token("first", after(day+time.Second))), 0)
	if got, why := due(task, &r, after(day), 0); !got.Equal(after(day+30*time.Second)) || why != whySame && why != whyMinInterval {
		t.Errorf("due %s after expiry, %v; want the minimum interval", got.Sub(after(day)), why)
	}
}

func TestJitterAddsNoSteps(t *testing.T) {
	for _, m := range []Margin{{}, {Share: 0.25}, {Fixed: time.Hour}} {
		task := obtaining("a", margin(m), jitter(Margin{Share: 0.5}))
		if asked := useless(task, held(task, day), token("first", after(day)), after(day)); len(asked) > 7 {
			t.Errorf("margin %s: asked %d times for one token", m, len(asked))
		}
	}
}

func TestALowerFloorEndsAWaitBeyondExpiry(t *testing.T) {
	task := obtaining("a", minInterval(2*time.Hour))
	r := held(task, 80*time.Minute)
	task = obtaining("a")
	if got, why := due(task, &r, after(70*time.Minute), 0); !got.Equal(after(80*time.Minute)) || why != whyRenewBefore {
		t.Errorf("due after %s, %v; want at expiry", got.Sub(instant0), why)
	}
}

func TestAnEarlyUselessAnswerBeginsNoPolling(t *testing.T) {
	task := obtaining("a")
	r := held(task, 80*time.Minute)
	r = Advance(task, r, answered(after(10*time.Minute), token("first", after(80*time.Minute))), 0) // somebody asked for it
	if got, why := due(task, &r, after(11*time.Minute), 0); !got.Equal(after(60*time.Minute)) || why != whyRenewBefore {
		t.Errorf("due after %s, %v; want the margin as before", got.Sub(instant0), why)
	}
	r = Advance(task, r, answered(after(58*time.Minute), token("first", after(80*time.Minute))), 0)
	if got, why := due(task, &r, after(59*time.Minute), 0); !got.Equal(after(62*time.Minute)) || why != whySame {
		t.Errorf("due after %s, %v; want one step on", got.Sub(instant0), why)
	}
}

func TestAnEndlessTokenIsRenewedByAgeForEver(t *testing.T) {
	task := obtaining("a", jitter(Margin{Share: 0.05}))
	r := held(task, 100*year)
	for i := range 400 {
		next, why := due(task, &r, r.Past.AttemptAt, 0)
		if gap := next.Sub(r.Past.AttemptAt); gap < 22*time.Hour || gap > day || why != whyEndless {
			t.Fatalf("renewal %d: %s after the one before, %v; want about max_age", i, gap, why)
		}
		// The server counts a hundred years from each of its answers.
		r = Advance(task, r, answered(next, token("first", next.Add(100*year))), 0)
	}
}

func TestFloorHoldsWhateverIsWanted(t *testing.T) {
	task := obtaining("a")
	for name, r := range map[string]Record{
		"first": {}, "inputs": {Part: Token{Inputs: "other"}}, "lost": {Past: Past{Open: true}},
		"failed": {Past: Past{Failures: 3, RetryAt: instant0}}, "token over": held(task, time.Nanosecond),
	} {
		for _, since := range []time.Duration{0, 1, time.Second, 30*time.Second - 1} {
			r.Past.AttemptAt = instant0
			if got, _ := due(task, &r, after(since), 0); got.Before(after(30 * time.Second)) {
				t.Errorf("%s, %s after an attempt: due after %s", name, since, got.Sub(instant0))
			}
		}
	}
}

func TestAChangeOfTimingCostsNoRenewal(t *testing.T) {
	before := obtaining("a")
	for _, c := range []struct {
		name string
		to   *Task
		now  time.Duration // into a life of 80 minutes that was planned for 60
		want time.Duration
		why  Why
	}{
		{"a larger margin, already begun", obtaining("a", margin(Margin{Share: 0.75})), 40 * time.Minute, 60 * time.Minute, whyPlanned},
		{"a larger margin, not yet begun", obtaining("a", margin(Margin{Share: 0.5})), 30 * time.Minute, 40 * time.Minute, whyRenewBefore},
		{"a smaller margin", obtaining("a", margin(Margin{Share: 0.125})), 30 * time.Minute, 70 * time.Minute, whyRenewBefore},
		{"a schedule whose last instant was before it", obtaining("a", every(t, "15 * * * *")), 20 * time.Minute, 60 * time.Minute, whyPlanned},
		{"a schedule with an instant to come", obtaining("a", every(t, "15,35 * * * *")), 20 * time.Minute, 27*time.Minute + 47*time.Second, whySchedule},
		{"a longer minimum interval", obtaining("a", minInterval(2*time.Hour)), 30 * time.Minute, 2 * time.Hour, whyMinInterval},
		{"when its time has come", obtaining("a", margin(Margin{Share: 0.75})), 60 * time.Minute, 20 * time.Minute, whyRenewBefore},
	} {
		r := held(before, 80*time.Minute)
		got, why := due(c.to, &r, after(c.now), 0)
		if !got.Equal(after(c.want)) || why != c.why {
			t.Errorf("%s: due after %s, %v; want after %s, %v", c.name, got.Sub(instant0), why, c.want, c.why)
		}
	}
}

func TestWhatWaitsForTheFloorIsToldSo(t *testing.T) {
	task := obtaining("a")
	r := held(task, 20*time.Second)
	for _, now := range []time.Duration{0, time.Second, 20 * time.Second, 29 * time.Second} {
		if got, why := due(task, &r, after(now), 0); !got.Equal(after(30*time.Second)) || why != whyMinInterval {
			t.Errorf("after %s: %s, %v", now, got.Sub(instant0), why)
		}
	}
}

func TestJitterIsEarlierBoundedAndStable(t *testing.T) {
	for _, j := range []Margin{{Share: 0.05}, {Share: 0.5}, {Fixed: 10 * time.Minute}} {
		const life = 10 * time.Hour
		earliest, latest := time.Duration(1<<62), time.Duration(0)
		for i := range 500 {
			task := obtaining(fmt.Sprintf("n%d", i), jitter(j))
			r := Advance(task, Record{}, answered(instant0, token("first", after(life))), 7)
			got, _ := due(task, &r, after(time.Second), 7)
			lead := after(life * 3 / 4).Sub(got)
			if lead < 0 || lead > j.Of(life*3/4) {
				t.Fatalf("jitter %s: %s early, want up to %s", j, lead, j.Of(life*3/4))
			}
			earliest, latest = min(earliest, lead), max(latest, lead)
			// A restart is another call with the same record.
			if again, _ := due(task, &r, after(time.Hour), 7); !again.Equal(got) {
				t.Fatalf("jitter %s: %s, and after a restart %s", j, got, again)
			}
		}
		if bound := j.Of(life * 3 / 4); earliest > bound/20 || latest < bound-bound/20 {
			t.Errorf("jitter %s of %s: 500 names lie between %s and %s, want them spread", j, bound, earliest, latest)
		}
	}
}

func TestJitterDiffersBetweenHostsAndLives(t *testing.T) {
	task := obtaining("a", jitter(Margin{Share: 0.05}))
	instants := map[time.Time]bool{}
	for seed := range uint64(50) {
		r := Advance(task, Record{}, answered(instant0, token("first", after(day))), seed)
		instants[r.Past.PlannedAt] = true
	}
	if len(instants) < 50 {
		t.Errorf("50 hosts plan for %d instants", len(instants))
	}
	r, leads := Record{}, map[time.Duration]bool{}
	for i := range 50 {
		begun := after(time.Duration(i) * day)
		r = Advance(task, r, answered(begun, token(fmt.Sprint(i), begun.Add(day))), 0)
		leads[r.Past.PlannedAt.Sub(begun)] = true
	}
	if len(leads) < 50 {
		t.Errorf("50 lives have %d different jitters", len(leads))
	}
}

func TestSinksAndHooksAreNotDueByThemselves(t *testing.T) {
	for _, task := range []*Task{delivering("s", "a"), hooking("s")} {
		if got, why := due(task, &Record{}, instant0, 0); !got.IsZero() || why != whyIdle {
			t.Errorf("%s: %s, %v", task.Kind, got, why)
		}
	}
}
