package schedule

import (
	"fmt"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

func TestOtherConcurrencyAndRate(t *testing.T) {
	tasks := []*Task{obtaining("a"), obtaining("b"), obtaining("c"), obtaining("d")}
	r := newRig(t, []Group{provider("p", 1)}, tasks...)
	r.expect("a")
	r.install([]Group{provider("p", 3)}, tasks...)
	r.expect("b c")
	r.install([]Group{provider("p", 1)}, tasks...)
	r.obtain("a", time.Hour)
	r.obtain("b", time.Hour)
	r.expect("") // c still runs
	r.obtain("c", time.Hour)
	r.expect("d")
}

func TestOtherRateGivesNoFreshBurst(t *testing.T) {
	var tasks []*Task
	for i := range 12 {
		tasks = append(tasks, obtaining(fmt.Sprintf("n%02d", i)))
	}
	r := newRig(t, []Group{provider("p", 10)}, tasks...)
	r.due() // ten at once, and no end yet
	r.obtain("n00", time.Hour)
	r.install([]Group{provider("p", 100, Rate{2, time.Minute})}, tasks...)
	r.expect("")
	r.pass(59 * time.Second)
	r.expect("")
	r.pass(time.Second)
	if got := r.due(); got != "n10" {
		t.Errorf("a minute after ten calls under two a minute: %q", got)
	}
	// An unchanged rate keeps its count.
	r.install([]Group{provider("p", 100, Rate{2, time.Minute})}, tasks...)
	r.expect("")
}

func TestRestartGivesNoFreshBurst(t *testing.T) {
	var tasks []*Task
	for i := range 100 {
		tasks = append(tasks, obtaining(fmt.Sprintf("n%02d", i)))
	}
	groups := []Group{provider("p", 100, Rate{30, time.Second}, Rate{40, time.Minute})}
	r := newRig(t, groups, tasks...)
	var calls []time.Time
	for range 300 {
		r.due()
		for key := range r.running {
			calls = append(calls, r.now)
			r.obtain(key.Name, 24*time.Hour)
		}
		r.pass(100 * time.Millisecond)
		r = r.restart(groups, tasks...)
	}
	for _, rate := range groups[0].Rates {
		if n := busiest(calls, rate.Per); n > rate.Calls {
			t.Errorf("%v: %d calls in one window over restarts", rate, n)
		}
	}
	if len(calls) < 15 {
		t.Errorf("only %d calls in half a minute", len(calls))
	}
}

func TestCallsAreCountedOnceHoweverOftenItIsInstalled(t *testing.T) {
	tasks := []*Task{obtaining("a"), obtaining("b")}
	r := newRig(t, p8, tasks[0])
	r.expect("a")
	r.obtain("a", time.Hour)
	r.pass(2 * time.Second)
	rated := []Group{provider("p", 8, Rate{1, time.Second}, Rate{2, time.Minute})}
	for range 20 {
		r.install(rated, tasks[0])
	}
	r.install(rated, tasks...)
	r.expect("")
	if got := r.wake.Sub(instant0); got.Round(time.Second) != 30*time.Second {
		t.Errorf("the next call fits %s after the first, want half a window", got)
	}
}

func TestLowerRateDelaysForOneWindowAtMost(t *testing.T) {
	var tasks []*Task
	for i := range 300 {
		tasks = append(tasks, obtaining(fmt.Sprintf("n%03d", i)))
	}
	r := newRig(t, []Group{provider("p", 300)}, tasks...)
	r.due()
	for i := range 299 {
		r.obtain(fmt.Sprintf("n%03d", i), 24*time.Hour)
	}
	r.pass(time.Minute)
	r.fails("n299", credential.ReasonServer)
	r = r.restart([]Group{provider("p", 1000, Rate{60, time.Hour})}, tasks...)
	r.pass(time.Hour)
	r.expect("n299")
	// Calls outside the window delay nothing: of a burst of two, one was just used.
	r.obtain("n299", 24*time.Hour)
	r = r.restart([]Group{provider("p", 1000, Rate{60, time.Hour})}, tasks...)
	for i := range 10 {
		r.Kick(r.now, keyOf(fmt.Sprint("n15", i)))
	}
	r.expect("n150")
	if step := time.Minute * stepPart / 1000; r.wake.After(r.now.Add(step)) {
		t.Errorf("the next call waits for %s, want %s at most", r.wake.Sub(r.now), step)
	}
	r.now = r.wake.Add(-1)
	r.expect("")
	r.pass(1)
	r.expect("n151")
}
