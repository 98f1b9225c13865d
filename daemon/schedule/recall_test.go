package schedule

import (
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

// TestACooldownIsNoLongerAfterARestart: the cool-down that the backend asked for
// applies, and is not longer, whether the kill came before or after it was stored.
func TestACooldownIsNoLongerAfterARestart(t *testing.T) {
	groups := []Group{provider("p", 8)}
	for _, reason := range []credential.Reason{credential.ReasonThrottled, credential.ReasonServer} {
		for _, stored := range []bool{true, false} {
			b, a := New(1), obtaining("a")
			b.install(instant0, groups, []*Task{a}, Memory{})
			starts, _ := b.Due(instant0)
			res := refused(instant0, reason, retryAfter(after(3*time.Second)))
			rec := Advance(a, Begin(starts[0].Record, instant0), res, 1)
			memory := Memory{Records: map[Key]Record{a.Key: rec}, Providers: map[string]ProviderRecord{}}
			if out := b.Fold(instant0, starts[0], rec, res); stored {
				memory.Providers["p"] = out.Provider
			}
			next := New(1)
			next.install(after(time.Second), groups, []*Task{a, obtaining("b")}, memory)
			if starts, wake := next.Due(after(time.Second)); len(starts) > 0 || !wake.Equal(after(3*time.Second)) {
				t.Errorf("%s, stored %v: %d calls within the pause, the next after %s, want 3s", reason, stored, len(starts), wake.Sub(instant0))
			}
		}
	}
}

// TestAnotherMaxAgeIsStored: sinks track the changed expiry by its revision, which must
// not be reused for something else after a restart.
func TestAnotherMaxAgeIsStored(t *testing.T) {
	b, groups := New(1), []Group{provider("p", 8)}
	aged := func(d time.Duration) *Task {
		return obtaining("a", pace(func(p *Policy) { p.MaxAge = d }))
	}
	b.install(instant0, groups, []*Task{aged(time.Hour)}, Memory{})
	starts, _ := b.Due(instant0)
	res := Result{At: instant0, End: instant0, Called: true, Token: token("v", time.Time{})}
	b.Fold(instant0, starts[0], Advance(starts[0].Task, starts[0].Record, res, 1), res)
	b.Corrections()
	b.install(after(time.Minute), groups, []*Task{aged(2 * time.Hour)}, Memory{})
	_, mark := b.Token("a")
	if moved := b.Corrections(); len(moved) != 1 || moved[0].Record.Token().Revision != mark.Revision || mark.Revision != 2 {
		t.Errorf("to be stored: %+v, want revision 2 of a", moved)
	}
}

// TestASetBackMakesRefusedValuesNoOthers: the expiry of an input moves with the clock,
// but its values are still the refused ones.
func TestASetBackMakesRefusedValuesNoOthers(t *testing.T) {
	r := newRig(t, []Group{provider("p", 8)}, obtaining("a"), obtaining("b", needs("a")))
	r.expect("a")
	counted := token("v", after(10*time.Hour))
	counted.CountedExpiry = true
	r.end("a", Result{Called: true, Token: counted})
	r.pass(time.Minute)
	r.expect("b")
	r.fails("b", credential.ReasonServer, func(f *credential.Fault) { f.StaleInput = "a" })
	r.expect("a")
	r.fails("a", credential.ReasonServer) // it keeps its own pace from here
	r.setBack(time.Hour)
	r.pass(20 * time.Second)
	r.expect("")
	if s := r.look("b"); s.Why != whyInput || !s.At.IsZero() {
		t.Errorf("b shows what was refused again at %s: %s", s.At, s.Why.Text)
	}
}
