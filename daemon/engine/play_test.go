package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// troubledPlan is a plan with outages, refusals, panics and a sink that is full now and
// then, the same each time.
func troubledPlan() *plan.Plan {
	start := time.Time{}
	flaky := living(50 * time.Minute)
	flaky.answer = func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
		if start.IsZero() {
			start = req.At
		}
		since := req.At.Sub(start)
		switch {
		case since > 5*time.Hour && since < 7*time.Hour:
			return credential.Credential{}, errDown
		case since > 12*time.Hour && since < 12*time.Hour+20*time.Minute:
			return credential.Credential{}, &credential.Fault{Reason: credential.ReasonThrottled, RetryAfter: req.At.Add(25 * time.Minute)}
		case n%7 == 0:
			return req.Previous, nil
		case n%11 == 0:
			panic("now and then")
		}
		return token(n, req, 50*time.Minute), nil
	}
	other := living(3 * time.Hour)
	aged := living(0)
	aged.answer = func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
		c := token(n, req, 0)
		c.ExpiresAt = time.Time{}
		return c, nil
	}
	n := 0
	sink := &place{}
	sink.onDeliver = func() {
		n++
		if n%3 == 0 {
			sink.set(func(p *place) { p.fail = errors.New("full") })
		} else {
			sink.set(func(p *place) { p.fail = nil })
		}
	}
	specs := planOf(map[string]*backend{"flaky": flaky, "other": other, "aged": aged}, map[string]*place{"flaky": sink})
	specs.Sinks[0].Hook = &reload{}
	for i := range specs.Credentials {
		specs.Credentials[i].Policy.Jitter = schedule.Margin{Share: 0.05}
	}
	slices.SortFunc(specs.Credentials, func(a, b plan.Credential) int { return cmp.Compare(a.Name, b.Name) })
	return specs
}

// traceOf returns a line for each attempt, counted from an instant.
func traceOf(w *witness, from time.Time) (lines []string) {
	for _, o := range w.all {
		reason := ""
		if o.Fault != nil {
			reason = string(o.Fault.Reason)
		}
		lines = append(lines, fmt.Sprintf("%12s %-10s %-6s %s %s", o.StartedAt.Sub(from), o.Kind, o.Name, o.Result, reason))
	}
	slices.Sort(lines)
	return lines
}

// TestPlayGivesTheTraceOfRun runs one scenario twice, with goroutines in a bubble and
// by Play, and compares every attempt.
func TestPlayGivesTheTraceOfRun(t *testing.T) {
	const span = 30 * time.Hour
	steps := []Step{{By: -time.Hour}, {By: 2 * time.Hour}, {By: -time.Hour}}
	stepsAt := func(from time.Time) []Step {
		out := slices.Clone(steps)
		for i := range out {
			out[i].At = from.Add(time.Duration(i)*time.Hour + 20*time.Hour + 7*time.Minute)
		}
		return out
	}
	var run, play []string
	synctest.Test(t, func(t *testing.T) {
		from := wall()
		clock, w := &settable{}, &witness{}
		e := New(Options{Ledger: onDisk{newKeeper()}, Observer: w, Seed: 7})
		clock.give(e)
		e.Install(plan.Between(&plan.Plan{}, troubledPlan()), schedule.Memory{})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { e.run(ctx, false); close(ended) }() // as Run, but nobody is shown anything, as in Play
		for _, s := range stepsAt(from) {
			pass(s.At.Sub(wall()))
			clock.step(s.By)
		}
		pass(span - wall().Sub(from))
		stop()
		<-ended
		run = traceOf(w, from)
	})
	w := &witness{}
	e := New(Options{Ledger: onDisk{newKeeper()}, Observer: w, Seed: 7})
	from := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // where a bubble begins
	course := &Course{From: from, Until: from.Add(span), Steps: stepsAt(from)}
	e.Begin(course)
	e.Install(plan.Between(&plan.Plan{}, troubledPlan()), schedule.Memory{})
	e.Play(t.Context(), course)
	play = traceOf(w, from)
	if len(run) < 100 {
		t.Fatalf("only %d attempts: the world is too quiet to compare", len(run))
	}
	for i := range max(len(run), len(play)) {
		a, b := "(none)", "(none)"
		if i < len(run) {
			a = run[i]
		}
		if i < len(play) {
			b = play[i]
		}
		if a != b {
			t.Fatalf("attempt %d differs:\nrun:  %s\nplay: %s", i, a, b)
		}
	}
}
