package schedule

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

func TestVet(t *testing.T) {
	full := map[string]credential.Secret{"token": credential.NewSecret("x")}
	for _, c := range []struct {
		name string
		c    credential.Credential
		good bool
	}{
		{"no expiry", credential.Credential{Values: full}, true},
		{"an expiry to come", credential.Credential{Values: full, ExpiresAt: after(1)}, true},
		{"an expiry just now", credential.Credential{Values: full, ExpiresAt: instant0}, false},
		{"an expiry in the past", credential.Credential{Values: full, ExpiresAt: after(-year)}, false},
		{"nothing", credential.Credential{}, false},
		{"no value", credential.Credential{Values: map[string]credential.Secret{}, ExpiresAt: after(year)}, false},
		{"an empty value", credential.Credential{Values: map[string]credential.Secret{"token": {}}}, false},
		{"an empty value among others", credential.Credential{Values: map[string]credential.Secret{"token": credential.NewSecret("x"), "jwt": credential.NewSecret("")}}, false},
		{"only a seed", credential.Credential{Seed: full}, false},
	} {
		f := Vet(c.c, instant0)
		if (f == nil) != c.good || f != nil && f.Reason != credential.ReasonBadResponse {
			t.Errorf("%s: %v", c.name, f)
		}
	}
}

func TestBeginRecordsTheIntent(t *testing.T) {
	r := held(obtaining("a"), time.Hour)
	begun := Begin(r, after(time.Minute))
	if !begun.Past.Open || !begun.Past.AttemptAt.Equal(after(time.Minute)) {
		t.Errorf("begun: %+v", begun.Past)
	}
	if r.Past.Open || !r.Past.AttemptAt.Equal(instant0) {
		t.Error("the record that was begun with has changed")
	}
}

func TestAnAttemptThatEndedBeforeItBeganIsOfItsEnd(t *testing.T) {
	res := answered(after(time.Hour), token("first", after(time.Minute)))
	res.End = instant0
	r := Advance(obtaining("a"), Begin(Record{}, res.At), res, 0)
	if !r.Past.AttemptAt.Equal(instant0) || !r.Past.PlannedAt.Equal(after(45*time.Second)) {
		t.Errorf("attempt after %s, planned after %s", r.Past.AttemptAt.Sub(instant0), r.Past.PlannedAt.Sub(instant0))
	}
}

func TestSuccessStartsALife(t *testing.T) {
	task := obtaining("a")
	res := answered(instant0, token("first", after(time.Hour)))
	res.End = after(2 * time.Second)
	r := Advance(task, Begin(Record{}, instant0), res, 0)
	switch {
	case r.Token().Generation != 1 || r.Token().Revision != 1 || r.Token().Unchanged != 0:
		t.Errorf("generation %d, revision %d, unchanged %d; want 1, 1, 0", r.Token().Generation, r.Token().Revision, r.Token().Unchanged)
	case !r.Token().IssuedAt.Equal(instant0):
		t.Errorf("issued at %s; want the instant before the call", r.Token().IssuedAt)
	case !r.Token().ObtainedAt.Equal(res.End) || r.Token().PolicyExpiry || !r.Token().ExpiresAt.Equal(after(time.Hour)):
		t.Errorf("obtained at %s, expires at %s", r.Token().ObtainedAt, r.Token().ExpiresAt)
	case r.Token().Identity != task.Identity || r.Token().Inputs != task.Inputs:
		t.Errorf("identity %q, inputs %q", r.Token().Identity, r.Token().Inputs)
	case r.Past.Open || !r.Past.AttemptAt.Equal(instant0):
		t.Errorf("past %+v", r.Past)
	}
	stated := token("second", after(2*time.Hour))
	stated.IssuedAt = after(-time.Minute)
	if r = Advance(task, r, answered(after(time.Hour), stated), 0); !r.Token().IssuedAt.Equal(after(-time.Minute)) {
		t.Errorf("issued at %s; want the server's word", r.Token().IssuedAt)
	}
}

func TestExpiryOfKnownValues(t *testing.T) {
	const h = time.Hour
	for _, c := range []struct {
		name               string
		first, then        time.Duration // stated expiry after instant0, zero for none
		at                 time.Duration // of the second answer
		want               time.Duration
		policy             bool
		revision           uint64
		unchanged          int
		newLife, newIssued bool
	}{
		{name: "the same", first: 10 * h, then: 10 * h, at: h, want: 10 * h, revision: 1, unchanged: 1},
		{name: "wobbles within two seconds", first: 10 * h, then: 10*h + 2*time.Second, at: h, want: 10 * h, revision: 1, unchanged: 1},
		{name: "wobbles back", first: 10 * h, then: 10*h - 2*time.Second, at: h, want: 10 * h, revision: 1, unchanged: 1},
		{name: "drifts by a little", first: 10 * h, then: 10*h + 20*time.Minute, at: h, want: 10*h + 20*time.Minute, revision: 2, unchanged: 1},
		{name: "ends earlier", first: 10 * h, then: 5 * h, at: h, want: 5 * h, revision: 2, unchanged: 1},
		{name: "is extended", first: 10 * h, then: 11 * h, at: h, want: 11 * h, revision: 2, newLife: true},
		{name: "is not told any more", first: 10 * h, at: h, want: 10 * h, revision: 1, unchanged: 1},
		{name: "is over and not told any more", first: 10 * h, at: 11 * h, want: 35 * h, policy: true, revision: 2, newLife: true, newIssued: true},
		{name: "was never told", at: h, want: 25 * h, policy: true, revision: 2, newLife: true, newIssued: true},
		{name: "is told for the first time", then: 30 * h, at: h, want: 30 * h, revision: 2, newLife: true},
		{name: "is told for the first time, earlier", then: 5 * h, at: h, want: 5 * h, revision: 2, unchanged: 1},
	} {
		task := obtaining("a")
		first := held(task, c.first)
		var then time.Time
		if c.then != 0 {
			then = after(c.then)
		}
		r := Advance(task, first, answered(after(c.at), token("first", then)), 0)
		if !r.Token().ExpiresAt.Equal(after(c.want)) || r.Token().PolicyExpiry != c.policy {
			t.Errorf("%s: expires after %s, by policy %v", c.name, r.Token().ExpiresAt.Sub(instant0), r.Token().PolicyExpiry)
		}
		if r.Token().Generation != 1 || r.Token().Revision != c.revision || r.Token().Unchanged != c.unchanged {
			t.Errorf("%s: generation %d, revision %d, unchanged %d; want 1, %d, %d", c.name, r.Token().Generation, r.Token().Revision, r.Token().Unchanged, c.revision, c.unchanged)
		}
		if got := r.Token().ObtainedAt.Equal(after(c.at)); got != c.newLife {
			t.Errorf("%s: obtained after %s", c.name, r.Token().ObtainedAt.Sub(instant0))
		}
		if got := r.Token().IssuedAt.Equal(after(c.at)); got != c.newIssued {
			t.Errorf("%s: issued after %s", c.name, r.Token().IssuedAt.Sub(instant0))
		}
		if h := r.Past.History.Attempts(); h[len(h)-1].Outcome != Unchanged {
			t.Errorf("%s: told as %s", c.name, h[len(h)-1].Outcome)
		}
	}
}

// TestRemainingLifeOfOneTokenCountsDown simulates a server that states the remaining
// lifetime of its only token, rounded. The steps must not shrink.
func TestRemainingLifeOfOneTokenCountsDown(t *testing.T) {
	task := obtaining("a")
	r := held(task, time.Hour)
	var last time.Duration
	for calls := 0; ; calls++ {
		next, _ := due(task, &r, r.Past.AttemptAt, 0)
		if !next.Before(after(time.Hour)) {
			break
		}
		if calls > 6 {
			t.Fatalf("asked %d times for one token", calls)
		}
		gap := next.Sub(r.Past.AttemptAt)
		if calls > 1 && gap < last {
			t.Fatalf("the step shrinks from %s to %s", last, gap)
		}
		last = gap
		remaining := after(time.Hour).Sub(next).Truncate(time.Second)
		r = Advance(task, r, answered(next, token("first", next.Add(remaining))), 0)
	}
	if r.Token().Revision != 1 || !r.Token().ExpiresAt.Equal(after(time.Hour)) {
		t.Errorf("revision %d, expiry %s; want 1 and the first statement", r.Token().Revision, r.Token().ExpiresAt)
	}
}

func TestValuesOlderThanMaxAgeGetALifeOfTheirOwn(t *testing.T) {
	task := obtaining("a")
	old := token("first", time.Time{})
	old.IssuedAt = after(-30 * time.Hour)
	r := Advance(task, Record{}, answered(instant0, old), 0)
	if !r.Token().IssuedAt.Equal(instant0) || !r.Token().ExpiresAt.Equal(after(day)) {
		t.Errorf("issued at %s, expires at %s; want a life from now", r.Token().IssuedAt, r.Token().ExpiresAt)
	}
	// The time of issue is known: the same answer again does not extend the lifetime.
	old.IssuedAt = after(-10 * time.Hour)
	r = Advance(task, Record{}, answered(instant0, old), 0)
	r = Advance(task, r, answered(after(13*time.Hour), old), 0)
	if r.Token().Revision != 1 || r.Token().Unchanged != 1 || !r.Token().ExpiresAt.Equal(after(14*time.Hour)) {
		t.Errorf("revision %d, unchanged %d, expires %s", r.Token().Revision, r.Token().Unchanged, r.Token().ExpiresAt)
	}
}

func TestGenerationAndRevisionOnlyGrow(t *testing.T) {
	task, r := obtaining("a"), Record{}
	texts := []string{"x", "x", "y", "x", "x", "z"}
	for i, text := range texts {
		was := r
		now := after(time.Duration(i) * time.Hour)
		r = Advance(task, r, answered(now, token(text, now.Add(2*time.Hour))), 0)
		fresh := i == 0 || texts[i-1] != text
		if got := r.Token().Generation - was.Token().Generation; (got == 1) != fresh || got > 1 {
			t.Errorf("answer %d: generation %d after %d", i, r.Token().Generation, was.Token().Generation)
		}
		if r.Token().Revision < was.Token().Revision || fresh && r.Token().Revision != was.Token().Revision+1 {
			t.Errorf("answer %d: revision %d after %d", i, r.Token().Revision, was.Token().Revision)
		}
		if o := r.Past.History.Attempts()[len(r.Past.History)-1].Outcome; (o == Renewed) != fresh {
			t.Errorf("answer %d: told as %s", i, o)
		}
	}
}

func TestTheGenerationOfAnAnswerIsOurs(t *testing.T) {
	c := token("first", after(time.Hour))
	c.Generation, c.PolicyExpiry = 77, true
	if r := Advance(obtaining("a"), Record{}, answered(instant0, c), 0); r.Token().Generation != 1 {
		t.Errorf("generation %d; a provider has no say in it", r.Token().Generation)
	}
}

// fail simulates a streak of failures, each at its due instant, and returns the
// waits after them.
func fail(t *testing.T, task *Task, r Record, begin time.Time, n int, edit func(*Result)) (waits []time.Duration, last Record) {
	t.Helper()
	now := begin
	for i := range n {
		res := refused(now, credential.ReasonServer)
		if edit != nil {
			edit(&res)
		}
		r = Advance(task, r, res, 0)
		if int(r.Past.Failures) != i+1 || !r.Past.FailingSince.Equal(begin) || r.Past.Last == nil {
			t.Fatalf("failure %d: %+v", i+1, r.Past)
		}
		if task.Kind == Obtaining && r.Past.PlannedAt.Before(r.Past.RetryAt) {
			t.Fatalf("failure %d: planned for %s, before the retry at %s", i+1, r.Past.PlannedAt, r.Past.RetryAt)
		}
		waits = append(waits, r.Past.RetryAt.Sub(now))
		now = r.Past.RetryAt
	}
	return waits, r
}

func TestPaceAfterFailures(t *testing.T) {
	s := time.Second
	local := func(res *Result) { res.Called = false }
	for _, c := range []struct {
		name string
		task *Task
		rec  Record
		edit func(*Result)
		want []time.Duration
	}{
		{"a call", obtaining("a"), Record{}, nil, []time.Duration{30 * s, 60 * s, 120 * s, 240 * s, 300 * s, 300 * s, 300 * s}},
		{"a call with a minimum interval of a second", obtaining("a", minInterval(s)), Record{}, nil, []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 64 * s, 128 * s, 256 * s, 300 * s}},
		{"a call with a minimum interval above the ceiling", obtaining("a", minInterval(time.Hour)), Record{}, nil, []time.Duration{3600 * s, 3600 * s, 3600 * s}},
		{"a preflight", obtaining("a"), Record{}, local, []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s}},
		{"a sink", delivering("s", "a"), Record{}, nil, []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s}},
		{"a hook", hooking("s"), Record{}, nil, []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s}},
		{"a call with a token over", obtaining("a"), held(obtaining("a"), time.Second), nil, []time.Duration{30 * s, 60 * s, 120 * s, 240 * s, 300 * s}},
	} {
		got, _ := fail(t, c.task, c.rec, after(time.Hour), len(c.want), c.edit)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: waits %v, want %v", c.name, got, c.want)
		}
	}
}

func TestSeveralAttemptsFitBeforeExpiry(t *testing.T) {
	for _, left := range []time.Duration{5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Hour} {
		task := obtaining("a", jitter(Margin{Share: 0.05}))
		r := held(task, 24*time.Hour)
		begin := after(24*time.Hour - left)
		waits, _ := fail(t, task, r, begin, 80, nil)
		fit, at := 1, begin
		for _, w := range waits {
			if at = at.Add(w); at.Before(after(24 * time.Hour)) {
				fit++
			}
		}
		// As many as the minimum interval allows, and at most eight.
		if want := min(8, int(left/policy0.MinInterval)); fit < want {
			t.Errorf("%s before expiry: %d attempts fit, want %d: %v", left, fit, want, waits[:fit])
		}
	}
}

func TestWaitsOfAStreakNeverShrink(t *testing.T) {
	for _, j := range []Margin{{}, {Share: 0.05}, {Share: 0.9}, {Fixed: 45 * time.Second}, {Fixed: time.Hour}} {
		for i := range 50 {
			task := obtaining(fmt.Sprintf("n%d", i), jitter(j))
			r := held(task, time.Hour)
			begin := after(45 * time.Minute)
			waits, _ := fail(t, task, r, begin, 40, nil)
			// Except for the waits adjusted to the last useful instant.
			steady, at, met := []time.Duration{}, begin, false
			for _, wait := range waits {
				at = at.Add(wait)
				switch left := after(time.Hour - policy0.Timeout).Sub(at); left {
				case 0:
					met = true
				case policy0.MinInterval:
				default:
					steady = append(steady, wait)
				}
			}
			if !slices.IsSorted(steady) || !met || len(waits)-len(steady) > 2 {
				t.Fatalf("jitter %s: %v, met the last useful instant: %v", j, waits, met)
			}
			if waits[0] != policy0.MinInterval || waits[39] > maxCallDelay {
				t.Fatalf("jitter %s: from %s to %s", j, waits[0], waits[39])
			}
		}
	}
}

func TestRetryAfterIsWaitedFor(t *testing.T) {
	task := obtaining("a")
	for _, c := range []struct {
		ask   time.Duration
		want  time.Duration
		asked bool
	}{
		{0, 30 * time.Second, false},
		{-time.Hour, 30 * time.Second, false},
		{10 * time.Second, 30 * time.Second, false},
		{31 * time.Second, 31 * time.Second, true},
		{7 * day, 7 * day, true},
	} {
		var edits []func(*credential.Fault)
		if c.ask != 0 {
			edits = append(edits, retryAfter(after(c.ask)))
		}
		r := Advance(task, Record{}, refused(instant0, credential.ReasonThrottled, edits...), 0)
		if got := r.Past.RetryAt.Sub(instant0); got != c.want || r.Past.Asked != c.asked {
			t.Errorf("asked to wait %s: retry after %s, asked %v; want %s, %v", c.ask, got, r.Past.Asked, c.want, c.asked)
		}
	}
	r := Advance(task, Record{}, refused(instant0, credential.ReasonThrottled, retryAfter(after(time.Hour))), 0)
	if r = Advance(task, r, refused(after(time.Hour), credential.ReasonServer), 0); r.Past.Asked {
		t.Error("a later failure still says that the backend asked to wait")
	}
}

func TestOnlyARejectionParks(t *testing.T) {
	for _, reason := range credential.Reasons {
		r := Advance(obtaining("a"), Record{}, refused(instant0, reason), 0)
		if want := reason == credential.ReasonRejected; r.Past.Parked != want {
			t.Errorf("%s: parked %v", reason, r.Past.Parked)
		}
		if r.Past.Last.Reason != reason || r.Past.History.Attempts()[0].Reason != reason || r.Past.History.Attempts()[0].Outcome != Failed {
			t.Errorf("%s: told as %+v", reason, r.Past)
		}
		if s := Advance(delivering("s", "a"), Record{}, refused(instant0, reason), 0); s.Past.Parked {
			t.Errorf("%s: a sink is parked", reason)
		}
	}
	r := Advance(obtaining("a"), Record{}, refused(instant0, credential.ReasonRejected), 0)
	if !r.Past.PlannedAt.IsZero() {
		t.Errorf("parked, and planned for %s", r.Past.PlannedAt)
	}
}

func TestSuccessForgetsTheFailures(t *testing.T) {
	task := obtaining("a")
	_, r := fail(t, task, Record{}, instant0, 5, nil)
	r = Advance(task, r, refused(r.Past.RetryAt, credential.ReasonRejected, retryAfter(after(3*time.Hour))), 0)
	r = Advance(task, Begin(r, after(time.Hour)), answered(after(time.Hour), token("first", after(2*time.Hour))), 0)
	p := r.Past
	if p.Failures != 0 || !p.FailingSince.IsZero() || !p.RetryAt.IsZero() || p.Asked || p.Parked || p.Open || p.Last != nil {
		t.Errorf("after a success: %+v", p)
	}
}

func TestOtherInputsBeginAnotherStreak(t *testing.T) {
	task := obtaining("a")
	_, r := fail(t, task, Record{}, instant0, 9, nil)
	task = obtaining("a", inputs("in-2"))
	now := r.Past.RetryAt
	r = Advance(task, r, refused(now, credential.ReasonNetwork), 0)
	if r.Past.Failures != 1 || !r.Past.FailingSince.Equal(now) || r.Past.RetryAt.Sub(now) != 30*time.Second {
		t.Errorf("first failure with other inputs: %d failures since %s, retry after %s", r.Past.Failures, r.Past.FailingSince, r.Past.RetryAt.Sub(now))
	}
}

func TestALostAnswerStaysOpen(t *testing.T) {
	task := obtaining("a")
	lost := func(f *credential.Fault) { f.Lost = true }
	r := Advance(task, Begin(Record{}, instant0), refused(instant0, credential.ReasonTimeout, lost), 0)
	if !r.Past.Open {
		t.Error("a lost answer is not open")
	}
	preflight := Result{At: after(time.Minute), End: after(time.Minute), Fault: &credential.Fault{Reason: credential.ReasonInternal}}
	if r = Advance(task, r, preflight, 0); !r.Past.Open || !r.Past.AttemptAt.Equal(instant0) {
		t.Errorf("a preflight that failed: open %v, attempt at %s; want neither touched", r.Past.Open, r.Past.AttemptAt)
	}
	if r = Advance(task, Begin(r, after(time.Hour)), refused(after(time.Hour), credential.ReasonServer), 0); r.Past.Open {
		t.Error("still open after a clear answer")
	}
}
