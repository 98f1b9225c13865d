package schedule

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

// boardState is the observable state of a board.
func boardState(b *Board, now time.Time) map[Key]Status {
	all := map[Key]Status{}
	for key := range b.entries {
		all[key], _ = b.Look(now, key)
	}
	return all
}

// TestAnExcerptForetellsAChange applies changes to excerpts of a working board. The
// board must stay unchanged, and after the same change every task that it names must
// have the same status as in the excerpt.
func TestAnExcerptForetellsAChange(t *testing.T) {
	p := provider("p", 1, Rate{Calls: 60, Per: time.Minute})
	tasks := []*Task{
		obtaining("a"), obtaining("b"), obtaining("c", in("q"), needs("a")), obtaining("d", in("q")),
		delivering("s", "a", "d"), delivering("u", "c"), delivering("v", "b"), hooking("s"),
	}
	changes := []Change{
		{Tasks: []*Task{obtaining("a", inputs("in-2"))}},
		{Tasks: []*Task{obtaining("new"), delivering("n", "new", "b")}},
		{Tasks: []*Task{obtaining("a", identity("other")), obtaining("b", in("q"))}},
		{Tasks: []*Task{delivering("u", "c", "d")}, Gone: []Key{{Delivering, "v"}, {Obtaining, "b"}}},
		{Groups: []Group{provider("p", 3, Rate{Calls: 1, Per: time.Minute})}, Tasks: []*Task{obtaining("b", inputs("in-2"))}},
		{Gone: []Key{{Obtaining, "a"}}},
	}
	for i, change := range changes {
		for steps := range 40 {
			b, now := New(7), instant0
			b.Apply(instant0, Change{Groups: append(localGroups(), p, provider("q", 2)), Tasks: tasks})
			for step := range steps {
				if step%7 == 3 {
					b.Kick(now, Key{Obtaining, "abcd"[step%4 : step%4+1]})
				}
				playOn(b, now, step)
				now = now.Add(47 * time.Second)
			}
			foretell(t, b, now, fmt.Sprintf("change %d after %d steps", i, steps), change)
		}
	}
}

// foretell applies the change to an excerpt, and then to the board.
func foretell(t *testing.T, b *Board, now time.Time, what string, change Change) {
	t.Helper()
	before := boardState(b, now)
	alone := b.Excerpt(change)
	alone.Apply(now, change)
	foretold := boardState(alone, now)
	alone.Due(now.Add(time.Hour))
	if got := boardState(b, now); !reflect.DeepEqual(got, before) {
		t.Fatalf("%s: what was done to an excerpt reached the board", what)
	}
	b.Apply(now, change)
	for _, task := range change.Tasks {
		if _, found := foretold[task.Key]; !found {
			t.Errorf("%s: %v is not foretold", what, task.Key)
		}
	}
	for key, want := range foretold {
		if got, _ := b.Look(now, key); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v was foretold as %+v and is %+v", what, key, want, got)
		}
	}
}

// playOn starts the due tasks and ends some of them.
func playOn(b *Board, now time.Time, step int) {
	starts, _ := b.Due(now)
	for _, s := range slices.Clone(starts) {
		res := answered(now, token(s.Task.Name+string(rune('a'+step%26)), now.Add(20*time.Minute)))
		switch {
		case s.Task.Kind == Delivering:
			res = answered(now, credential.Credential{})
			res.Changed = true
			for _, name := range s.Task.Needs {
				_, mark := b.Token(name)
				res.Delivered = append(res.Delivered, CredentialMark{name, mark})
			}
		case s.Task.Kind == Obtaining && step%5 == 1:
			res = refused(now, credential.ReasonThrottled, retryAfter(now.Add(90*time.Second)))
		case s.Task.Kind == Obtaining && step%5 == 2:
			continue // it takes for ever
		}
		b.Fold(now, s, Advance(s.Task, s.Record, res, 7), res)
	}
}

func TestPoliciesDiffer(t *testing.T) {
	cron := func(expr, zone string) *Cron {
		c, err := ParseCron(expr, zone)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	base := policy0
	base.Schedule = cron("0 3 * * *", "UTC")
	for _, c := range []struct {
		edit func(p *Policy)
		want string
	}{
		{func(*Policy) {}, ""},
		{func(p *Policy) { p.Keys = map[string]string{"max_age": "providers.x"} }, ""},
		{func(p *Policy) { p.Schedule = cron(" 0 3 * * *", "UTC") }, ""},
		{func(p *Policy) { p.RenewBefore = Margin{Fixed: time.Minute} }, "renew_before"},
		{func(p *Policy) { p.OwnRenewBefore = true }, "renew_before"},
		{func(p *Policy) { p.MaxAge++ }, "max_age"},
		{func(p *Policy) { p.Schedule = nil }, "schedule"},
		{func(p *Policy) { p.Schedule = cron("0 4 * * *", "UTC") }, "schedule"},
		{func(p *Policy) { p.Schedule = cron("0 3 * * *", "Asia/Tokyo") }, "schedule"},
		{func(p *Policy) { p.Schedule = cron("@every 6h", "UTC") }, "schedule"},
		{func(p *Policy) { p.Jitter = Margin{Share: 0.5} }, "jitter"},
		{func(p *Policy) { p.MinInterval++ }, "min_interval"},
		{func(p *Policy) { p.Timeout++ }, "timeout"},
	} {
		p := base
		c.edit(&p)
		got := base.Differing(p)
		if back := p.Differing(base); !reflect.DeepEqual(got, back) {
			t.Errorf("%v one way, %v the other", got, back)
		}
		if len(got) > 1 || c.want == "" && len(got) > 0 || c.want != "" && (len(got) == 0 || got[0] != c.want) {
			t.Errorf("%v, want %q", got, c.want)
		}
	}
}
