package schedule

import (
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

// TestASeedThatWorksOnceIsKeptBack checks when a seed is sent again after a lost
// answer.
func TestASeedThatWorksOnceIsKeptBack(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	secret := map[string]credential.Secret{"x": credential.NewSecret("x")}
	policy := Policy{MinInterval: 30 * time.Second, Timeout: 30 * time.Second}
	lost := func(life time.Duration) Record {
		return Record{
			Part: Token{Credential: credential.Credential{Values: secret, Seed: secret, ExpiresAt: at.Add(life)}, Inputs: "i"},
			Past: Past{AttemptAt: at, Open: true, Failures: 1, FailingSince: at, RetryAt: at.Add(30 * time.Second)},
		}
	}
	for _, c := range []struct {
		what  string
		life  time.Duration
		task  Task
		until time.Duration // zero for not kept back
	}{
		{"the last tenth of an hour", time.Hour, Task{Extra: &Extra{OneWay: true}}, 54 * time.Minute},
		{"at least timeout and minimum interval", 5 * time.Minute, Task{Extra: &Extra{OneWay: true}}, 4 * time.Minute},
		{"never in the first half", time.Minute, Task{Extra: &Extra{OneWay: true}}, 30 * time.Second},
		{"within the grace", time.Hour, Task{Extra: &Extra{OneWay: true, Grace: 2 * time.Minute}}, 0},
		{"another way in", time.Hour, Task{}, 0},
		{"no value in force", -time.Second, Task{Extra: &Extra{OneWay: true}}, 0},
	} {
		c.task.Policy, c.task.Inputs = &policy, "i"
		r := lost(c.life)
		until, kept := keptBack(&c.task, &r, at.Add(time.Second))
		if kept != (c.until > 0) || kept && !until.Equal(at.Add(c.until)) {
			t.Errorf("%s: kept back %v until %s, want %s", c.what, kept, until.Sub(at), c.until)
		}
	}
	policy.MaxAge = time.Hour
	for what, change := range map[string]func(*Token){
		"what is made from something that works once":  func(held *Token) { held.Seed = nil },
		"a value whose end is not stated":              func(held *Token) { held.ExpiresAt, held.IssuedAt = time.Time{}, at },
		"a value that came before the clock was right": func(held *Token) { held.ObtainedAt, held.IssuedAt = time.Unix(60, 0), time.Unix(60, 0) },
	} {
		r := lost(time.Hour)
		held := r.Token()
		change(&held)
		r.Part = held
		task := Task{Extra: &Extra{OneWay: true, Seedless: true}, Policy: &policy, Inputs: "i"}
		if until, kept := keptBack(&task, &r, at.Add(time.Second)); !kept || !until.Equal(at.Add(54*time.Minute)) {
			t.Errorf("%s: kept back %v until %s", what, kept, until.Sub(at))
		}
	}
	task := Task{Extra: &Extra{OneWay: true}, Policy: &policy, Inputs: "i"}
	r := lost(100 * 365 * day) // nobody can say when it really ends
	r.Past.FailingSince = at.Add(policy.Timeout)
	if until, kept := keptBack(&task, &r, at.Add(time.Second)); !kept || !until.Equal(at.Add(54*time.Minute)) {
		t.Errorf("an end that is a century away: kept back %v until %s, want nine tenths of max_age", kept, until.Sub(at))
	}
	r = lost(time.Hour)
	if next, why := due(&task, &r, at.Add(time.Second), 1); !next.Equal(at.Add(54*time.Minute)) || why != whyKeptBack {
		t.Errorf("the next attempt is after %s: %s", next.Sub(at), why.Text)
	}
	task.Inputs = "changed" // another secret shows no seed earlier
	if next, _ := due(&task, &r, at.Add(time.Second), 1); !next.Equal(at.Add(54 * time.Minute)) {
		t.Errorf("with another secret the next attempt is after %s", next.Sub(at))
	}
	after := at.Add(54 * time.Minute)
	if next, _ := due(&task, &r, after, 1); next.After(after) {
		t.Errorf("about to end, the next attempt is %s later", next.Sub(after))
	}
	task.Extra = &Extra{OneWay: true, Grace: 2 * time.Minute}
	if _, kept := keptBack(&task, &r, at.Add(2*time.Minute)); !kept {
		t.Error("after the grace the seed is shown again")
	}
}

// TestASeedOfAParkedCredentialIsKeptBack: the call that a changed secret, or a
// person, allowed to a parked credential may lose its answer like any other.
func TestASeedOfAParkedCredentialIsKeptBack(t *testing.T) {
	oneWay := func(t *Task) { t.Extra = &Extra{OneWay: true} }
	task, changed := obtaining("a", oneWay), obtaining("a", oneWay, inputs("in-2"))
	token := token("first", after(time.Hour))
	token.Seed = map[string]credential.Secret{"refresh": credential.NewSecret("once")}
	good := Advance(task, Record{}, answered(instant0, token), 0)
	began := after(10 * time.Minute)
	now, last := began.Add(time.Minute), began.Add(45*time.Minute)
	parked := Advance(task, good, refused(after(time.Minute), credential.ReasonRejected), 0)
	killed := Begin(parked, began) // and nothing was heard any more
	if at, why := due(changed, &killed, now, 0); !at.Equal(last) || why != whyKeptBack {
		t.Errorf("with another secret the seed is shown again after %s: %s", at.Sub(began), why.Text)
	}
	if at, why := due(changed, &killed, last, 0); !at.Equal(last) || why != whyInputs {
		t.Errorf("about to end, it is due %s later: %s", at.Sub(last), why.Text)
	}
	if at, why := due(task, &killed, last, 0); !at.IsZero() || why != whyParked {
		t.Errorf("with the refused secret it is due after %s: %s", at.Sub(began), why.Text)
	}
	if until, kept := keptBack(task, &killed, now); !kept || !until.Equal(last) {
		t.Errorf("kept back from a person: %v until %s", kept, until.Sub(began))
	}
	killed.Past.Last = &Note{Reason: credential.ReasonAmbiguous}
	if _, kept := keptBack(task, &killed, now); kept {
		t.Error("kept back from a person who takes another machine's call over")
	}
}

func TestAPlantedSeedBeginsAnew(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	secret := map[string]credential.Secret{"x": credential.NewSecret("x")}
	r := Record{
		Part: Token{Credential: credential.Credential{Values: secret, Generation: 3, ExpiresAt: at}},
		Past: Past{AttemptAt: at, Open: true, Parked: true, Failures: 2, FailingSince: at, RetryAt: at, Asked: true, Last: &Note{}},
	}
	got := Plant(&Task{Inputs: "i", Identity: "d"}, r, secret)
	if got.Past.Parked || got.Past.Open || got.Past.Failures != 0 || got.Past.Last != nil || !got.Past.AttemptAt.Equal(at) {
		t.Errorf("the past is %+v", got.Past)
	}
	if got.Token().Generation != 3 || len(got.Token().Seed) != 1 || got.Token().Inputs != "i" || got.Token().Identity != "d" {
		t.Errorf("the record is %+v", got)
	}
}
