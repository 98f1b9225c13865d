package view

import (
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

func TestJudge(t *testing.T) {
	note := &schedule.Note{Reason: credential.ReasonServer, Message: "broken"}
	cred := func(state engine.State, generation uint64, left time.Duration, note *schedule.Note) engine.View {
		return engine.View{At: at, Credentials: []engine.CredentialView{
			{Name: "c", State: state, Generation: generation, ExpiresAt: at.Add(left), LastError: note},
		}}
	}
	sink := func(state engine.State, note *schedule.Note) engine.View {
		return engine.View{At: at, Sinks: []engine.SinkView{{Name: "s", State: state, LastError: note, HookRunning: true}}}
	}
	tests := []struct {
		name        string
		view        engine.View
		ready, good bool
		reason      string
	}{
		{"nothing configured", engine.View{At: at}, true, true, ""},
		{"valid", cred(engine.Valid, 1, time.Hour, nil), true, true, ""},
		{"failing and in force", cred(engine.Failing, 1, time.Hour, note), true, false, "credential c: failing: broken"},
		{"parked and in force", cred(engine.Parked, 1, time.Hour, note), true, false, "credential c: parked: broken"},
		{"parked and over", cred(engine.Parked, 1, 0, note), false, false, "credential c: parked: broken"},
		{"parked and never there", cred(engine.Parked, 0, time.Hour, note), false, false, "credential c: parked: broken"},
		{"pending", cred(engine.Pending, 0, time.Hour, nil), false, false, "credential c: pending: nothing obtained yet"},
		{"handover", cred(engine.Handover, 1, -time.Second, nil), true, true, "credential c: handover: being renewed at its end, as planned"},
		{"overdue", cred(engine.Overdue, 1, time.Hour, nil), true, false, "credential c: overdue: not renewed within max_age"},
		{"expired", cred(engine.Expired, 1, -time.Hour, nil), false, false, "credential c: expired: no longer in force"},
		{"delivered while its hook runs", sink(engine.Delivered, nil), true, true, ""},
		{"sink pending", sink(engine.Pending, nil), false, false, "sink s: pending: nothing delivered yet"},
		{"sink behind", sink(engine.Behind, nil), false, false, "sink s: behind: does not hold the newest values"},
		{"sink failing", sink(engine.Failing, note), false, false, "sink s: failing: broken"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Judge(tt.view)
			if got.Ready != tt.ready || got.Good() != tt.good {
				t.Errorf("got ready %v, good %v; want %v, %v", got.Ready, got.Good(), tt.ready, tt.good)
			}
			var lines []string
			for _, r := range got.Reasons {
				lines = append(lines, r.String())
			}
			if text := strings.Join(lines, "\n"); text != tt.reason {
				t.Errorf("got reason %q, want %q", text, tt.reason)
			}
		})
	}
}

// TestJudgeTellsOfTheState: a state that cannot be saved is reported, but does not affect
// readiness.
func TestJudgeTellsOfTheState(t *testing.T) {
	got := Judge(engine.View{At: at, StateError: "no space left on device"})
	if !got.Ready || !got.Good() || got.StateError != "no space left on device" {
		t.Errorf("%+v", got)
	}
}

func TestEveryFailureHasAFix(t *testing.T) {
	for _, reason := range append(credential.Reasons[:], "unheard of") {
		note := &schedule.Note{Reason: reason}
		for _, fix := range []string{
			CredentialFix(engine.CredentialView{State: engine.Failing, LastError: note}),
			CredentialFix(engine.CredentialView{State: engine.Parked, LastError: note}),
			SinkFix(engine.SinkView{State: engine.Failing, LastError: note}),
			SinkFix(engine.SinkView{State: engine.Behind, LastError: note}),
			SinkFix(engine.SinkView{State: engine.Delivered, HookError: note}),
		} {
			if fix == "" || strings.Count(fix, Retries) > 1 {
				t.Errorf("the fix for %s is %q", reason, fix)
			}
		}
	}
	if CredentialFix(engine.CredentialView{}) != "" || SinkFix(engine.SinkView{}) != "" {
		t.Error("got a fix without a failure, want none")
	}
}

// TestParkedIsNotRetried: the fix must not promise a retry if action is needed.
func TestParkedIsNotRetried(t *testing.T) {
	for _, reason := range credential.Reasons {
		c := engine.CredentialView{Name: "loja", State: engine.Parked, LastError: &schedule.Note{Reason: reason}}
		if fix := CredentialFix(c); strings.Contains(fix, Retries) {
			t.Errorf("%s: %s", reason, fix)
		}
	}
}

// TestAnothersValueHasAFixOfItsOwn: a foreign value has nothing to do with the disk or the
// owner of the file.
// TestNoAdviceTwice: a message that names the command to log in is advice enough for
// people. Programs get the fix all the same.
func TestNoAdviceTwice(t *testing.T) {
	c := engine.CredentialView{Name: "loja", State: engine.Parked, LastError: &schedule.Note{
		Reason: credential.ReasonRejected, Message: "it waits for a person to log in: run vigente login loja",
	}}
	if got := CredentialFix(c); !strings.HasSuffix(got, "Run: vigente login loja") {
		t.Errorf("got the fix %q", got)
	}
	if got := CredentialAdvice(c); got != "" {
		t.Errorf("got the advice %q, want none", got)
	}
	c.LastError.Message = "the server refuses the client"
	if got := CredentialAdvice(c); got == "" || got != CredentialFix(c) {
		t.Errorf("got the advice %q, want %q", got, CredentialFix(c))
	}
}

func TestAnothersValueHasAFixOfItsOwn(t *testing.T) {
	note := &schedule.Note{Reason: credential.ReasonInternal}
	ours := SinkFix(engine.SinkView{Name: "till", State: engine.Failing, LastError: note})
	theirs := SinkFix(engine.SinkView{Name: "till", State: engine.Behind, LastError: note})
	if ours == theirs || strings.Contains(theirs, Retries) || !strings.Contains(theirs, "second daemon") {
		t.Errorf("failing: %s\nbehind: %s", ours, theirs)
	}
}

func TestHeadlines(t *testing.T) {
	note := &schedule.Note{Reason: credential.ReasonInternal, Message: "m"}
	cred := func(s engine.State) engine.View {
		return engine.View{At: at, Credentials: []engine.CredentialView{{Name: "c", State: s, Generation: 1}}}
	}
	sink := func(s engine.State, last *schedule.Note) engine.View {
		return engine.View{At: at, Sinks: []engine.SinkView{{Name: "s", State: s, LastError: last}}}
	}
	ended := cred(engine.Valid)
	ended.Credentials[0].Limits = []credential.Limit{{Kind: "certificate", EndsAt: at, Person: true}}
	unsaved := cred(engine.Valid)
	unsaved.StateError = "no space left on device"
	for _, tt := range []struct {
		name string
		view engine.View
		c    Config
		want string
	}{
		{"nothing", engine.View{}, Config{}, empty},
		{"valid", cred(engine.Valid), Config{}, allGood},
		{"handover is planned", cred(engine.Handover), Config{}, allGood},
		{"pending", cred(engine.Pending), Config{}, beginning},
		{"failing", cred(engine.Failing), Config{}, failing},
		{"overdue", cred(engine.Overdue), Config{}, failing},
		{"expired", cred(engine.Expired), Config{}, outage},
		{"parked", cred(engine.Parked), Config{}, action},
		{"ended", ended, Config{}, action},
		{"unsaved", unsaved, Config{}, action},
		{"refused", cred(engine.Valid), Config{LastError: "x"}, action},
		{"no listener", cred(engine.Valid), Config{Listener: "x"}, failing},
		{"bad row", cred(engine.Valid), Config{Fleets: []Fleet{{Name: "f", Bad: 1}}}, action},
		{"sink fails", sink(engine.Failing, note), Config{}, outage},
		{"another's value", sink(engine.Behind, note), Config{}, action},
		{"older value of ours", sink(engine.Behind, nil), Config{}, failing},
		{"sink pending", sink(engine.Pending, nil), Config{}, beginning},
	} {
		if got := HeadlineOf(tt.view, tt.c); got.Words != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got.Words, tt.want)
		}
	}
}

func TestEveryStateHasAClass(t *testing.T) {
	want := map[engine.State][2]string{
		engine.Handover: {ClassGood, ""}, engine.Overdue: {ClassWarn, ""}, engine.Pending: {ClassWarn, ClassWarn}, engine.Valid: {ClassGood, ""}, engine.Failing: {ClassWarn, ClassBad},
		engine.Expired: {ClassBad, ""}, engine.Parked: {ClassBad, ""}, engine.Delivered: {"", ClassGood}, engine.Behind: {"", ClassWarn},
	}
	for _, s := range engine.CredentialStates {
		if Class(s) != want[s][0] {
			t.Errorf("a credential that is %s is %s", s, Class(s))
		}
	}
	for _, s := range engine.SinkStates {
		if SinkClass(s) != want[s][1] {
			t.Errorf("a sink that is %s is %s", s, SinkClass(s))
		}
	}
}
