package web

import (
	"strconv"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// when is an instant in words and in full.
type when struct{ At, Words string }

type pageNote struct{ Reason, Message, Ago, Cure, Class string }

// life is where the present, the next attempt and the last useful one stand
// between issue and expiry, in percent.
type life struct {
	Used, Next, Late, LateWidth int
	HasNext                     bool
	Issued                      when
	Words                       string
}

type credentialRow struct {
	Name, Provider, Type, State, Class, NextReason string
	Generation                                     uint64
	Running                                        bool
	Life                                           *life
	Expires, Next                                  when
	Notes                                          []pageNote
	Limits                                         []limitNote
}

type sinkRow struct {
	Name, Type, Path, State, Class, Hook string
	Holds                                []string
	Delivered                            when
	Notes                                []pageNote
}

func newCredentialRow(c engine.CredentialView, now time.Time, l tongue) credentialRow {
	return credentialRow{
		Name: c.Name, Provider: c.Provider, Type: c.Type, State: l.say(string(c.State)), Class: Class(c.State),
		NextReason: l.say(c.NextReason), Generation: c.Generation, Running: c.Running, Life: lifeOf(c, now, l),
		Expires: l.seen(c.ExpiresAt, now), Next: l.seen(c.NextAttemptAt, now),
		Notes: l.notes(c.LastError, engine.Obtain, c.State, c.Name, now), Limits: l.limits(c.Limits, now),
	}
}

func newSinkRow(s engine.SinkView, now time.Time, l tongue) sinkRow {
	row := sinkRow{
		Name: s.Name, Type: s.Type, Path: s.Path, State: l.say(string(s.State)), Class: SinkClass(s.State),
		Delivered: l.seen(s.LastDeliveredAt, now),
		Notes:     append(l.notes(s.LastError, engine.Deliver, s.State, s.Name, now), l.notes(s.HookError, engine.RunHook, s.State, s.Name, now)...),
	}
	switch {
	case s.HookRunning:
		row.Hook = l.say("on_change is running")
	case s.HookOwed:
		row.Hook = l.say("on_change is still to run")
	}
	for _, name := range s.Needs {
		row.Holds = append(row.Holds, name+" "+strconv.FormatUint(s.Delivered[name], 10))
	}
	return row
}

// notes tells a failure and its cure.
func (l tongue) notes(n *schedule.Note, kind engine.TaskKind, state engine.State, name string, now time.Time) []pageNote {
	if n == nil {
		return nil
	}
	what := string(n.Reason)
	if kind == engine.RunHook {
		what = "on_change: " + what
	}
	return []pageNote{{
		Reason: what, Message: n.Message, Ago: l.relative(n.At, now), Cure: l.cure(kind, state, n.Reason, name), Class: ClassBad,
	}}
}

func lifeOf(c engine.CredentialView, now time.Time, l tongue) *life {
	whole := c.ExpiresAt.Sub(c.IssuedAt)
	if c.IssuedAt.IsZero() || c.ExpiresAt.IsZero() || whole <= 0 {
		return nil
	}
	percent := func(at time.Time) int {
		return int(min(100, max(0, 100*at.Sub(c.IssuedAt).Seconds()/whole.Seconds())))
	}
	late := 100
	if !c.LastUsefulAttemptAt.IsZero() {
		late = percent(c.LastUsefulAttemptAt)
	}
	used := percent(now)
	return &life{
		Used: used, Next: min(98, percent(c.NextAttemptAt)), HasNext: !c.NextAttemptAt.IsZero(), Late: late, LateWidth: 100 - late,
		Issued: when{Stamp(c.IssuedAt), l.sayf("issued %s", l.relative(c.IssuedAt, now))},
		Words:  l.sayf("%d %% of its life is over", used),
	}
}

// seen is an instant as seen from now.
func (l tongue) seen(at, now time.Time) when { return when{Stamp(at), l.relative(at, now)} }

// limitNames are the kinds of limit in words.
var limitNames = map[string]string{
	"refresh_token": "refresh token", "term": "term", "certificate": "certificate", "authorization": "authorization",
}

// soon is how long before the end of a limit a person should think of it.
const soon = 60 * 24 * time.Hour

type limitNote struct{ Words, Class string }

// Limits says, for people, what ends and needs a person.
func Limits(limits []credential.Limit, now time.Time) (said []string) {
	for _, n := range english.limits(limits, now) {
		said = append(said, n.Words)
	}
	return said
}

// limits is Limits in the language, each with its class.
func (l tongue) limits(limits []credential.Limit, now time.Time) (said []limitNote) {
	for _, limit := range limits {
		if !limit.Person {
			continue
		}
		class := "soft"
		if limit.EndsAt.Sub(now) < soon {
			class = ClassWarn
		}
		words := l.sayf("its %s ends %s, and only a person can renew it", l.say(limitNames[limit.Kind]), l.relative(limit.EndsAt, now))
		said = append(said, limitNote{words, class})
	}
	return said
}
