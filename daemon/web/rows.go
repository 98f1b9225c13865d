package web

import (
	"strconv"
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/view"
)

// when is a time, absolute and in words.
type when struct{ At, Words string }

// pageNote is a failure. Tongue is the language of Message, and Original the English
// message if Message is translated.
type pageNote struct{ Reason, Message, Tongue, Original, Ago, Fix, Class string }

// life has the positions of now, the next attempt and the last useful one between
// issue and expiry, in percent.
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
	Paused                                         string
	Sinks                                          []nameLink // that are not delivered
	Life                                           *life
	Expires, Next                                  when
	Notes                                          []pageNote
	Limits                                         []limitNote
}

type sinkRow struct {
	Anchor, Name, Type, Path, State, Class, Hook string
	Holds                                        []string
	Delivered                                    when
	Notes                                        []pageNote
}

func newCredentialRow(c engine.CredentialView, now time.Time, l tongue) credentialRow {
	row := credentialRow{
		Name: c.Name, Provider: c.Provider, Type: c.Type, State: l.say(string(c.State)), Class: view.Class(c.State),
		NextReason: l.say(c.NextReason), Generation: c.Generation, Running: c.Running, Life: lifeOf(c, now, l),
		Expires: l.seen(c.ExpiresAt, now), Next: l.seen(c.NextAttemptAt, now),
		Notes: l.notes(c.LastError, "", l.fix(view.CredentialAdviceText(c), c.Name), now), Limits: l.limits(view.LimitsOf(c.Limits), now),
	}
	if c.ExpiresAt.IsZero() && !c.RenewBy.IsZero() {
		row.Expires = when{view.Stamp(c.RenewBy), l.sayf("not stated; renewal due %s", l.relative(c.RenewBy, now))}
	}
	switch {
	case c.PausedUntil.IsZero():
	case c.PausedUntil.Year() == view.EndlessYear:
		row.Paused = l.say("paused until it is resumed")
	default:
		row.Paused = l.sayf("paused until %s", view.Local(c.PausedUntil))
	}
	return row
}

func newSinkRow(s engine.SinkView, now time.Time, l tongue) sinkRow {
	row := sinkRow{
		Anchor: anchorOf(s.Name), Name: s.Name, Type: s.Type, Path: s.Path, State: l.say(string(s.State)), Class: view.SinkClass(s.State),
		Delivered: l.seen(s.LastDeliveredAt, now),
		Notes:     append(l.notes(s.LastError, "", l.fix(view.SinkFix(s), s.Name), now), l.notes(s.HookError, "on_change: ", l.fix(view.HookFix(s), s.Name), now)...),
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

// notes returns a failure with its fix.
func (l tongue) notes(n *schedule.Note, head, fix string, now time.Time) []pageNote {
	if n == nil {
		return nil
	}
	note := pageNote{Reason: head + view.ReasonName(n.Reason), Ago: l.relative(n.At, now), Fix: fix, Class: view.ClassBad}
	if note.Message, note.Tongue = l.failure(n.Message); note.Message != n.Message {
		note.Original = n.Message
	}
	return []pageNote{note}
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
		Issued: when{view.Stamp(c.IssuedAt), l.sayf("issued %s", l.relative(c.IssuedAt, now))},
		Words:  l.sayf("%d %% of its life is over", used),
	}
}

// seen returns a time relative to now.
func (l tongue) seen(at, now time.Time) when { return when{view.Stamp(at), l.relative(at, now)} }

type limitNote struct{ Words, Class string }

// limits lists what ends soon and cannot be renewed automatically.
func (l tongue) limits(limits []view.Limit, now time.Time) (said []limitNote) {
	for _, limit := range view.LimitsSoon(limits, now) {
		words := l.sayf(view.LimitForm(limit, now), l.say(view.LimitNames[limit.Kind]), l.relative(limit.EndsAt.Time, now))
		class := view.ClassWarn
		if !limit.EndsAt.After(now) {
			class = view.ClassBad
		}
		said = append(said, limitNote{words, class})
	}
	return said
}

// listenerLimits is limits for the listener's own certificates.
func (l tongue) listenerLimits(limits []view.Limit, now time.Time) []limitNote {
	said := l.limits(limits, now)
	for i := range said {
		said[i].Words = l.say("The listener:") + " " + said[i].Words
	}
	return said
}
