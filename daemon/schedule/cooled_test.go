package schedule

import (
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

// TestCooldownOfAClockThatWasAheadKeepsItsLength: the clock was two days ahead when a
// backend asked for a pause, and was corrected while the daemon was down. The
// cool-down lasts as long as the pause, not two days.
func TestCooldownOfAClockThatWasAheadKeepsItsLength(t *testing.T) {
	ahead := instant0.Add(2 * day)
	b := New(1)
	task := obtaining("a")
	b.install(ahead, []Group{provider("p", 1)}, []*Task{task}, Memory{})
	starts, _ := b.Due(ahead)
	res := refused(ahead, credential.ReasonThrottled, retryAfter(ahead.Add(20*time.Minute)))
	out := b.Fold(ahead, starts[0], Advance(task, Begin(starts[0].Record, ahead), res, 1), res)
	later := New(1)
	other := obtaining("b")
	later.install(instant0, []Group{provider("p", 1)}, []*Task{other}, Memory{Providers: map[string]ProviderRecord{"p": out.Provider}})
	if starts, wake := later.Due(instant0); len(starts) != 0 || !wake.Equal(after(20*time.Minute)) {
		t.Errorf("%d tasks start, the next look is at %s, want none before 20 minutes are over", len(starts), wake.Sub(instant0))
	}
	if g, _ := later.LookGroup("p"); !g.Record.CooledAt.Equal(instant0) {
		t.Errorf("the pause began at %s, want now", g.Record.CooledAt)
	}
}
