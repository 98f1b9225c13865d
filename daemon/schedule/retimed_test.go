package schedule

import (
	"fmt"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

func TestChangeOfTimingMovesNothingToNow(t *testing.T) {
	r := newRig(t, p8, obtaining("a"), obtaining("b"))
	r.expect("a b")
	r.obtain("a", 80*time.Minute) // planned after an hour
	r.end("b", Result{Called: true, Token: token("b", time.Time{})})
	r.pass(40 * time.Minute)
	for name, edit := range map[string]func(*Task){
		"renew_before": margin(Margin{Share: 0.9}), "schedule": every(t, "@every 30m"), "jitter": jitter(Margin{Share: 0.9}),
		"min_interval": minInterval(time.Second), "max_age": maxAge(time.Minute), "timeout": pace(func(p *Policy) { p.Timeout = time.Second }),
	} {
		r.install(p8, obtaining("a", edit), obtaining("b", edit))
		if got := r.due(); got != "" {
			t.Errorf("another %s started %s", name, got)
		}
		r.install(p8, obtaining("a"), obtaining("b"))
	}
	r.nextAt("a", time.Hour, whyRenewBefore)
}

func TestShorterMaxAge(t *testing.T) {
	seeded := func() *rig {
		r := newRig(t, p8, obtaining("a"), delivering("s", "a"))
		r.expect("a")
		r.end("a", Result{Called: true, Token: token("a", time.Time{})})
		r.expect("sink:s")
		r.deliver("sink:s", true)
		return r
	}
	r := seeded()
	r.pass(time.Hour)
	r.install(p8, obtaining("a", maxAge(6*time.Hour)), delivering("s", "a"))
	r.nextAt("a", 6*time.Hour-time.Minute, whyMaxAge)
	if c, _ := r.Token("a"); !c.ExpiresAt.Equal(after(6 * time.Hour)) {
		t.Errorf("expires after %s", c.ExpiresAt.Sub(instant0))
	}
	r.expect("sink:s") // it may show the expiry
	// Within the new margin, before the new expiry: it is renewed.
	r = seeded()
	r.pass(6*time.Hour - 30*time.Second)
	r.install(p8, obtaining("a", maxAge(6*time.Hour)), delivering("s", "a"))
	r.nextAt("a", 6*time.Hour, whyMaxAge)
	// The new expiry has passed: the old one still applies.
	r = seeded()
	r.pass(7 * time.Hour)
	r.install(p8, obtaining("a", maxAge(6*time.Hour)), delivering("s", "a"))
	r.expect("")
	if c, _ := r.Token("a"); !c.ExpiresAt.Equal(after(day)) {
		t.Errorf("expires after %s; want the old end", c.ExpiresAt.Sub(instant0))
	}
	r.nextAt("a", day-time.Minute, whyMaxAge)
}

func TestMaxAgeChangedDuringACall(t *testing.T) {
	r := newRig(t, p8, obtaining("a"), obtaining("b"))
	r.expect("a b")
	r.end("b", Result{Called: true, Token: token("b", time.Time{})})
	r.pass(day - time.Minute)
	r.expect("b")
	r.install(p8, obtaining("a", maxAge(2*day)), obtaining("b", maxAge(2*day)))
	r.end("a", Result{Called: true, Token: token("a", time.Time{})})
	r.fails("b", credential.ReasonServer)
	for name, want := range map[string]time.Duration{"a": 2 * day, "b": 2 * day} {
		if c, _ := r.Token(name); !c.ExpiresAt.Equal(after(want)) {
			t.Errorf("%s expires after %s, want %s", name, c.ExpiresAt.Sub(instant0), want)
		}
	}
}

func TestManyExpiriesMoveTogetherInTheQueue(t *testing.T) {
	var short, long []*Task
	r := newRig(t, nil)
	for i := range 60 {
		n := fmt.Sprintf("n%02d", i)
		short = append(short, obtaining(n, maxAge(time.Duration(7+(i*37)%60)*time.Hour)))
		long = append(long, obtaining(n, maxAge(time.Duration(7+(i*53+11)%60)*time.Hour)))
		r.records[Key{Obtaining, n}] = held(short[i], 0)
	}
	one := []Group{provider("p", 1)}
	for _, task := range short {
		task.Inputs = "in-2" // all are due
	}
	for _, task := range long {
		task.Inputs = "in-2"
	}
	r.pass(time.Hour)
	r.install(one, short...)
	r.due()
	r.install(one, long...)
	var last time.Time
	for range 59 {
		r.end(r.only(), Result{Called: true, Token: token("new", after(100*day))})
		r.due()
		c, _ := r.Token(r.only())
		if c.ExpiresAt.Before(last) {
			t.Fatalf("%s expires at %s and was served after one of %s", r.only(), c.ExpiresAt, last)
		}
		last = c.ExpiresAt
	}
}
