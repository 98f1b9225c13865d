package schedule

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestOrderUnderPressure: after an outage twenty thousand tokens are due at once and
// expire one after another within the hour, and the backend's rate just suffices. They
// are renewed in order of expiry, none expires, and more than 95 % of the rate is
// used.
func TestOrderUnderPressure(t *testing.T) {
	const n, answer, ahead = 20_000, 150 * time.Millisecond, time.Minute
	rate := Rate{6, time.Second}
	ends := func(i int) time.Time { return after(ahead + time.Duration(i)*time.Hour/n) }
	b, dice := New(1), rand.New(rand.NewPCG(1, 2))
	memory, tasks := Memory{Records: map[Key]Record{}}, make([]*Task, 0, n)
	for i, name := range dice.Perm(n) {
		task := obtaining(fmt.Sprintf("n%05d", name))
		tasks = append(tasks, task)
		r := Advance(task, Record{}, answered(after(-time.Hour), token("old", ends(i))), 1)
		r.Past.RetryAt, r.Past.Failures = after(-time.Second), 1 // the outage is over
		memory.Records[task.Key] = r
	}
	b.install(instant0, []Group{provider("p", 8, rate)}, tasks, memory)
	type flight struct {
		start Start
		at    time.Time
	}
	var running []flight
	now, calls, last := instant0, 0, time.Time{}
	for calls < n {
		starts, wake := b.Due(now)
		for _, s := range starts {
			expiry := s.Record.Token().ExpiresAt
			if expiry.Before(last) {
				t.Fatalf("call %d: %s ends at %s and is renewed after one that ends at %s", calls, s.Task.Name, expiry, last)
			}
			if !now.Add(answer).Before(expiry) {
				t.Fatalf("call %d: %s lapsed at %s, its answer comes at %s", calls, s.Task.Name, expiry, now.Add(answer))
			}
			last = expiry
			calls++
			running = append(running, flight{s, now.Add(answer)})
		}
		if len(running) > 0 && (wake.IsZero() || running[0].at.Before(wake)) {
			wake = running[0].at
		}
		now = wake
		for len(running) > 0 && !running[0].at.After(now) {
			f := running[0]
			running = running[1:]
			res := Result{At: f.at.Add(-answer), End: f.at, Called: true, Token: token("new", f.at.Add(6*time.Hour))}
			b.Fold(now, f.start, Advance(f.start.Task, f.start.Record, res, 1), res)
		}
	}
	if used := float64(calls) / (now.Sub(instant0).Seconds() * float64(rate.Calls)); used < 0.95 {
		t.Errorf("%.1f %% of the rate is used", 100*used)
	}
}
