package control

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// progress notes what it is told.
type progress struct {
	total   int
	waiting []Waiting
	ends    []engine.RenewResult
}

func (p *progress) Begin(total int) { p.total = total }

func (p *progress) Waiting(w Waiting) { p.waiting = append(p.waiting, w) }

func (p *progress) End(end engine.RenewResult) { p.ends = append(p.ends, end) }

func TestRenew(t *testing.T) {
	ends := []engine.RenewResult{{Name: "novo", Failure: "broken"}, {Name: "loja", Generation: 4}, {Name: "x", Failure: "full", Sink: "till"}}
	tests := []struct {
		ask  Selection
		want []string
	}{
		{Selection{Names: []string{"novo", "loja", "novo"}}, []string{"loja", "novo"}},
		{Selection{Names: []string{"*o*"}}, []string{"loja", "novo"}},
		{Selection{All: true}, []string{"loja", "novo"}},
		{Selection{State: engine.Pending}, []string{"novo"}},
	}
	for _, tt := range tests {
		backend := &fakeBackend{view: fleet(), ends: ends}
		var told progress
		if err := start(t, backend).Renew(t.Context(), tt.ask, RenewOptions{Force: true}, &told); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(backend.renewed, tt.want) {
			t.Errorf("asked for %v, renewed %v", tt.ask, backend.renewed)
		}
		if told.total != len(tt.want) || !backend.options.Force || !reflect.DeepEqual(told.ends, ends) {
			t.Errorf("told %+v", told)
		}
	}
}

func TestRenewIsToldStepByStep(t *testing.T) {
	first := make(chan struct{})
	backend := &steps{fakeBackend: fakeBackend{view: fleet()}, first: first}
	err := start(t, backend).Renew(t.Context(), Selection{All: true}, RenewOptions{}, stepwise{first})
	if err != nil {
		t.Error(err)
	}
}

// steps goes on with the second end only when the client has seen the first.
type steps struct {
	fakeBackend
	first chan struct{}
}

func (s *steps) Renew(_ context.Context, names []string, _ RenewOptions, tell func(engine.RenewResult)) error {
	tell(engine.RenewResult{Name: names[0]})
	<-s.first
	tell(engine.RenewResult{Name: names[1]})
	return nil
}

type stepwise struct{ first chan struct{} }

func (s stepwise) End(end engine.RenewResult) {
	if end.Name == "loja" {
		close(s.first)
	}
}

func TestRenewCutByTheEndOfTheDaemon(t *testing.T) {
	backend := &stopping{fakeBackend{view: fleet()}}
	problem, ok := errors.AsType[*Problem](start(t, backend).Renew(t.Context(), Selection{All: true}, RenewOptions{}, &progress{}))
	if !ok || problem.Code != CodeSilent {
		t.Errorf("%+v", problem)
	}
}

type stopping struct{ fakeBackend }

func (*stopping) Renew(context.Context, []string, RenewOptions, func(engine.RenewResult)) error {
	return errors.New(canary)
}

// TestRenewSaysWhatItWaitsFor asks for renewals that do not begin at once.
func TestRenewSaysWhatItWaitsFor(t *testing.T) {
	v := fleet()
	v.Credentials[0].NextAttemptAt, v.Credentials[0].NextReason = at.Add(20*time.Second), "the minimum interval"
	v.Credentials[1].Running = true
	backend := &held{fakeBackend{view: v}, make(chan struct{})}
	told := &waits{release: backend.release}
	if err := start(t, backend).Renew(t.Context(), Selection{All: true}, RenewOptions{}, told); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(told.waiting, func(a, b Waiting) int { return strings.Compare(a.Name, b.Name) })
	if w := told.waiting; len(w) != 2 || !w[0].Until.Equal(at.Add(20*time.Second)) || w[0].Why != "the minimum interval" || !w[1].Until.IsZero() {
		t.Errorf("told %+v", w)
	}
}

// TestRenewWaitsForTheDelivery: once the call was made, the next attempt of the
// credential is not what the request waits for.
func TestRenewWaitsForTheDelivery(t *testing.T) {
	for name, tt := range map[string]struct {
		attempt schedule.Attempt
		until   time.Time
		why     string
	}{
		"called":     {schedule.Attempt{At: time.Now().Add(time.Hour), Outcome: schedule.Renewed}, time.Time{}, "not delivered yet"},
		"unchanged":  {schedule.Attempt{At: time.Now().Add(time.Hour), Outcome: schedule.Unchanged}, time.Time{}, "not delivered yet"},
		"not called": {schedule.Attempt{At: time.Now().Add(-time.Hour), Outcome: schedule.Renewed}, at.Add(20 * time.Second), "the minimum interval"},
		"failed":     {schedule.Attempt{At: time.Now().Add(time.Hour), Outcome: schedule.Failed}, at.Add(20 * time.Second), "the minimum interval"},
	} {
		v := fleet()
		for i := range v.Credentials {
			c := &v.Credentials[i]
			c.NextAttemptAt, c.NextReason, c.History = at.Add(20*time.Second), "the minimum interval", []schedule.Attempt{tt.attempt}
		}
		backend := &held{fakeBackend{view: v}, make(chan struct{})}
		told := &waits{release: backend.release}
		if err := start(t, backend).Renew(t.Context(), Selection{All: true}, RenewOptions{}, told); err != nil {
			t.Fatal(err)
		}
		for _, w := range told.waiting {
			if !w.Until.Equal(tt.until) || !strings.Contains(w.Why, tt.why) {
				t.Errorf("%s: told %+v, want %q until %v", name, w, tt.why, tt.until)
			}
		}
	}
}

// TestNoAnswerInTimeIsNoDaemon: a socket at which nobody answers is reported as such,
// and not as the end of the command.
func TestNoAnswerInTimeIsNoDaemon(t *testing.T) {
	ctx, cancel := context.WithDeadlineCause(t.Context(), time.Now(), errSilent)
	defer cancel()
	<-ctx.Done()
	err := NewClient("/x.sock").lost(ctx, ctx.Err())
	if _, ok := errors.AsType[*UnreachableError](err); !ok || !strings.Contains(err.Error(), "did not answer at /x.sock") {
		t.Errorf("got %v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := NewClient("/x.sock").lost(ended, ended.Err()); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled command: got %v", err)
	}
}

// held ends renewals when the client has been told what is waited for.
type held struct {
	fakeBackend
	release chan struct{}
}

func (h *held) Renew(_ context.Context, names []string, _ RenewOptions, tell func(engine.RenewResult)) error {
	<-h.release
	for _, name := range names {
		tell(engine.RenewResult{Name: name})
	}
	return nil
}

type waits struct {
	progress
	release chan struct{}
}

func (w *waits) Waiting(one Waiting) {
	if w.progress.Waiting(one); len(w.waiting) == 2 {
		close(w.release)
	}
}
