package schedule

import (
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

// TestEndThatCannotBeReadIsShort: an expiry that cannot be parsed does not become
// max_age, unless that is even shorter.
func TestEndThatCannotBeReadIsShort(t *testing.T) {
	for _, c := range []struct{ maxAge, want time.Duration }{
		{24 * time.Hour, credential.MaxUnreadAge},
		{10 * time.Minute, 10 * time.Minute},
	} {
		task := obtaining("a", pace(func(p *Policy) { p.MaxAge = c.maxAge }))
		answer := token("first", time.Time{})
		answer.UnreadEnd = "cannot be read"
		r := Advance(task, Record{}, answered(instant0, answer), 0)
		if !r.Token().PolicyExpiry || !r.Token().ExpiresAt.Equal(after(c.want)) {
			t.Errorf("max_age %s: counted until %s, want %s", c.maxAge, r.Token().ExpiresAt.Sub(instant0), c.want)
		}
		b := New(1)
		b.install(after(time.Minute), []Group{provider("p", 1)}, []*Task{task}, Memory{Records: map[Key]Record{task.Key: r}})
		if got, _ := b.Look(after(time.Minute), task.Key); !got.Record.Token().ExpiresAt.Equal(after(c.want)) {
			t.Errorf("max_age %s: after a restart until %s, want %s", c.maxAge, got.Record.Token().ExpiresAt.Sub(instant0), c.want)
		}
	}
}

// TestWaitOfOneCredentialIsItsOwn: only 429 and 5xx apply to the whole backend.
func TestWaitOfOneCredentialIsItsOwn(t *testing.T) {
	b := New(1)
	one, other := obtaining("a"), obtaining("b", pace(func(p *Policy) { p.MinInterval = time.Minute }))
	b.install(instant0, []Group{provider("p", 1)}, []*Task{one, other}, Memory{})
	starts, _ := b.Due(instant0)
	res := refused(instant0, credential.ReasonInvalidRequest, retryAfter(after(20*time.Minute)))
	res.Fault.RetryAlone = true
	rec := Advance(starts[0].Task, Begin(starts[0].Record, instant0), res, 1)
	out := b.Fold(instant0, starts[0], rec, res)
	if out.Cooled {
		t.Errorf("the provider cools down until %s", out.Provider.CooldownUntil)
	}
	if !rec.Past.RetryAt.Equal(after(20 * time.Minute)) {
		t.Errorf("the credential waits until %s, want 20 minutes", rec.Past.RetryAt.Sub(instant0))
	}
	later := New(1)
	later.install(after(time.Minute), []Group{provider("p", 1)}, []*Task{one, other}, Memory{Records: map[Key]Record{one.Key: rec}})
	starts, _ = later.Due(after(time.Minute))
	if len(starts) != 1 || starts[0].Task.Name != "b" {
		t.Errorf("after a restart %d start, want the other credential", len(starts))
	}
}

// TestUselessCallsWait: until the instant in the fault there is no call, unless
// requested.
func TestUselessCallsWait(t *testing.T) {
	b := New(1)
	task := obtaining("a")
	b.install(instant0, []Group{provider("p", 1)}, []*Task{task}, Memory{})
	starts, _ := b.Due(instant0)
	res := refused(instant0, credential.ReasonBadResponse)
	res.Fault.IdleUntil = after(9 * time.Hour)
	out := b.Fold(instant0, starts[0], Advance(task, Begin(starts[0].Record, instant0), res, 1), res)
	if starts, wake := b.Due(after(8 * time.Hour)); len(starts) > 0 || !wake.Equal(after(9*time.Hour)) || out.Cooled {
		t.Errorf("%d start, the next look is after %s, cooled %v, want none before 9 hours", len(starts), wake.Sub(instant0), out.Cooled)
	}
	b.Kick(after(8*time.Hour), task.Key)
	if starts, _ := b.Due(after(8 * time.Hour)); len(starts) != 1 {
		t.Errorf("%d start when somebody asks, want one", len(starts))
	}
}
