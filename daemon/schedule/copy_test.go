package schedule

import (
	"reflect"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

// boardState is all that can be seen of a board.
func boardState(b *Board, now time.Time) map[Key]Status {
	all := map[Key]Status{}
	for key := range b.entries {
		all[key], _ = b.Look(now, key)
	}
	return all
}

// TestACopyGoesItsOwnWay does the same things to a board and to a copy of it
// that was taken in the middle: they stay alike, and whatever is done to the
// copy alone leaves the board as it was.
func TestACopyGoesItsOwnWay(t *testing.T) {
	groups := append(localGroups(), provider("p", 1, Rate{Calls: 60, Per: time.Minute}), provider("q", 2))
	tasks := []*Task{
		obtaining("a"), obtaining("b"), obtaining("c", in("q"), needs("a")), obtaining("d", in("q")),
		delivering("s", "a", "d"), delivering("u", "c"), hooking("s"),
	}
	b := New(7)
	b.install(instant0, groups, tasks, Memory{})
	now, running := instant0, map[Key]Start{}
	for step := range 60 {
		if step%7 == 3 {
			b.Kick(now, Key{Obtaining, "abcd"[step%4 : step%4+1]})
		}
		before := boardState(b, now)
		c := b.Copy()
		if got := boardState(c, now); !reflect.DeepEqual(got, before) {
			t.Fatalf("step %d: the copy shows %+v, the board %+v", step, got, before)
		}
		// The copy is given another plan, and played on for itself.
		alone := b.Copy()
		alone.install(now, groups[:3], []*Task{obtaining("a", inputs("in-2")), obtaining("new"), delivering("s", "a")}, Memory{})
		for range 3 {
			starts, wake := alone.Due(now.Add(time.Hour))
			for _, s := range starts {
				alone.Fold(now.Add(time.Hour), s, Advance(s.Task, s.Record, answered(now.Add(time.Hour), token("x", now.Add(2*time.Hour))), 7), answered(now, token("x", now.Add(2*time.Hour))))
			}
			_ = wake
		}
		if got := boardState(b, now); !reflect.DeepEqual(got, before) {
			t.Fatalf("step %d: what was done to a copy reached the board", step)
		}
		starts, wake := b.Due(now)
		again, wakeAgain := c.Due(now)
		if !reflect.DeepEqual(starts, again) || !wake.Equal(wakeAgain) {
			t.Fatalf("step %d: the board starts %+v until %v, the copy %+v until %v", step, starts, wake, again, wakeAgain)
		}
		for _, s := range starts {
			running[s.Task.Key] = s
		}
		for key, s := range running {
			if step%2 == 0 && key.Kind == Obtaining {
				continue // it takes its time
			}
			delete(running, key)
			res := answered(now, credential.Credential{})
			switch {
			case key.Kind == Delivering:
				res.Delivered, res.Changed = map[string]Mark{}, true
				for _, name := range s.Task.Needs {
					_, res.Delivered[name] = b.Token(name)
				}
			case key.Kind == Obtaining && step%5 == 1:
				res = refused(now, credential.ReasonThrottled, retryAfter(now.Add(90*time.Second)))
			case key.Kind == Obtaining:
				res = answered(now, token(key.Name+string(rune('a'+step%26)), now.Add(20*time.Minute)))
			}
			rec := Advance(s.Task, s.Record, res, 7)
			if one, two := b.Fold(now, s, rec, res), c.Fold(now, s, rec, res); one != two {
				t.Fatalf("step %d: folded to %+v and %+v", step, one, two)
			}
		}
		if one, two := boardState(b, now), boardState(c, now); !reflect.DeepEqual(one, two) {
			t.Fatalf("step %d: the board went to %+v, the copy to %+v", step, one, two)
		}
		now = now.Add(47 * time.Second)
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
		{func(p *Policy) { p.Keys = map[string]string{"max_age": "providers.x.max_age"} }, ""},
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
