package web

import (
	"slices"
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
				t.Errorf("ready %v, good %v; want %v, %v", got.Ready, got.Good(), tt.ready, tt.good)
			}
			var lines []string
			for _, r := range got.Reasons {
				lines = append(lines, r.String())
			}
			if text := strings.Join(lines, "\n"); text != tt.reason {
				t.Errorf("the reason is %q, want %q", text, tt.reason)
			}
		})
	}
}

// A state that cannot be saved is told, and makes nothing unready.
func TestJudgeTellsOfTheState(t *testing.T) {
	got := Judge(engine.View{At: at, StateError: "no space left on device"})
	if !got.Ready || !got.Good() || got.StateError != "no space left on device" {
		t.Errorf("%+v", got)
	}
}

func TestSelect(t *testing.T) {
	names := func(v engine.View) (found []string) {
		for _, c := range v.Credentials {
			found = append(found, c.Name)
		}
		for _, s := range v.Sinks {
			found = append(found, s.Name)
		}
		return found
	}
	tests := []struct {
		ask, kept, unknown []string
	}{
		{nil, []string{"cofre", "loja", "novo", "api", "till"}, nil},
		{[]string{"loja"}, []string{"loja", "api", "till"}, nil},
		{[]string{"cofre", "cofre"}, []string{"cofre", "api"}, nil},
		{[]string{"till"}, []string{"till"}, nil},
		{[]string{"novo"}, []string{"novo"}, nil},
		{[]string{"nada", "novo", "nichts", "nada"}, []string{"novo"}, []string{"nada", "nichts"}},
	}
	for _, tt := range tests {
		kept, unknown := Select(fleet(), tt.ask)
		if got := names(kept); !slices.Equal(got, tt.kept) || !slices.Equal(unknown, tt.unknown) {
			t.Errorf("Select(%v) kept %v and does not know %v; want %v and %v", tt.ask, got, unknown, tt.kept, tt.unknown)
		}
	}
}

func TestUrgency(t *testing.T) {
	cred := func(name string, state engine.State, left time.Duration) engine.CredentialView {
		c := engine.CredentialView{Name: name, State: state, Generation: 1}
		if left != 0 {
			c.ExpiresAt = at.Add(left)
		}
		return c
	}
	v := engine.View{At: at, Credentials: []engine.CredentialView{
		cred("valid-unknown", engine.Valid, 0),
		cred("valid-late", engine.Valid, 2*time.Hour),
		cred("valid-soon-b", engine.Valid, time.Hour),
		cred("valid-soon-a", engine.Valid, time.Hour),
		cred("failing", engine.Failing, 3*time.Hour),
		cred("parked-alive", engine.Parked, 3*time.Hour),
		cred("pending", engine.Pending, 0),
		cred("expired", engine.Expired, -time.Hour),
		cred("parked-dead", engine.Parked, -time.Minute),
	}, Sinks: []engine.SinkView{
		{Name: "good", State: engine.Delivered},
		{Name: "hook", State: engine.Delivered, HookError: &schedule.Note{}},
		{Name: "pending", State: engine.Pending},
		{Name: "behind", State: engine.Behind},
		{Name: "failing-b", State: engine.Failing},
		{Name: "failing-a", State: engine.Failing},
	}}
	first, firstSink := v.Credentials[0].Name, v.Sinks[0].Name
	for range 2 { // from either end
		var credentials, sinks []string
		for _, c := range ByUrgency(v) {
			credentials = append(credentials, c.Name)
		}
		for _, s := range SinksByUrgency(v) {
			sinks = append(sinks, s.Name)
		}
		want := []string{"parked-dead", "expired", "pending", "parked-alive", "failing", "valid-soon-a", "valid-soon-b", "valid-late", "valid-unknown"}
		if !slices.Equal(credentials, want) {
			t.Errorf("credentials %v, want %v", credentials, want)
		}
		if want := []string{"failing-a", "failing-b", "behind", "pending", "hook", "good"}; !slices.Equal(sinks, want) {
			t.Errorf("sinks %v, want %v", sinks, want)
		}
		if v.Credentials[0].Name != first || v.Sinks[0].Name != firstSink {
			t.Error("the view was sorted in place")
		}
		slices.Reverse(v.Credentials)
		slices.Reverse(v.Sinks)
		first, firstSink = v.Credentials[0].Name, v.Sinks[0].Name
	}
}

func TestEveryFailureHasACure(t *testing.T) {
	for _, kind := range []engine.TaskKind{engine.Obtain, engine.Deliver, engine.RunHook} {
		for _, reason := range append(credential.Reasons[:], "unheard of") {
			if Cure(kind, engine.Failing, reason, "loja") == "" {
				t.Errorf("no cure for %s of a %s", reason, kind)
			}
		}
	}
}

// The disk and the owner of the file have no part in another's value.
func TestAnothersValueHasACureOfItsOwn(t *testing.T) {
	ours := Cure(engine.Deliver, engine.Failing, credential.ReasonInternal, "till")
	theirs := Cure(engine.Deliver, engine.Behind, credential.ReasonInternal, "till")
	if ours == theirs || strings.Contains(theirs, "by itself") || !strings.Contains(theirs, "second daemon") {
		t.Errorf("failing: %s\nbehind: %s", ours, theirs)
	}
}

func TestEveryStateHasAClass(t *testing.T) {
	want := map[engine.State][2]string{
		engine.Pending: {ClassWarn, ClassWarn}, engine.Valid: {ClassGood, ""}, engine.Failing: {ClassWarn, ClassBad},
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
