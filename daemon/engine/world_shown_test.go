package engine

import (
	"reflect"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// readers checks the readers' rows against the board, task by task, and the counters
// against the rows.
func (l *laws) readers() {
	e := l.w.e
	now := e.wall() // a look changes nothing: it is not the loop's reading of the clock
	e.publish(now)
	all := e.Select(Query{History: true})
	if len(all.Credentials) != len(e.credentials) || len(all.Sinks) != len(e.sinks) {
		l.breaks("readers are shown %d credentials and %d sinks of %d and %d", len(all.Credentials), len(all.Sinks), len(e.credentials), len(e.sinks))
		return
	}
	for _, got := range all.Credentials {
		if want := truthOfCredential(e, got.Name, now); !reflect.DeepEqual(got, want) {
			l.breaks("readers are shown %+v in place of %+v", got, want)
			return
		}
	}
	for _, got := range all.Sinks {
		if want := truthOfSink(e, got.Name, now); !reflect.DeepEqual(got, want) {
			l.breaks("readers are shown %+v in place of %+v", got, want)
			return
		}
		one, _ := e.Get(got.Needs[0])
		found := false
		for _, s := range one.Sinks {
			found = found || s.Name == got.Name
		}
		if !found && e.credentials[got.Needs[0]] != nil {
			l.breaks("%s is not shown with its sink %s", got.Needs[0], got.Name)
		}
	}
	sum, want := e.Summary(), Summarize(all)
	if !reflect.DeepEqual(sum.Totals, want.Totals) || !reflect.DeepEqual(sum.Sinks, want.Sinks) || !reflect.DeepEqual(sum.Credentials, want.Credentials) {
		l.breaks("the counters are %+v in place of %+v", sum, want)
	}
}

// truthOfCredential returns the view of a credential according to the board.
func truthOfCredential(e *Engine, name string, now time.Time) CredentialView {
	spec := e.credentials[name].spec
	s, _ := e.board.Look(now, obtaining(name))
	r := s.Record
	v := CredentialView{
		Name: name, Provider: spec.Provider, Type: spec.Type,
		NextAttemptAt: s.At, NextReason: s.Why.Text, NextRule: ruleKey(spec, s.Why.Rule), Running: s.Running,
		Failures: int(r.Past.Failures), FailingSince: r.Past.FailingSince, LastError: r.LastError(), History: r.Past.History.Attempts(), Limits: r.Token().Limits,
	}
	row := &credentialRow{spec: spec, record: schedule.Pack(r), running: s.Running}
	v.State, _ = row.judge(now)
	v.PausedUntil = r.Past.PausedAt(now)
	if schedule.HasValue(r.Token().Credential) {
		v.Generation, v.IssuedAt, v.ExpiresAt = r.Token().Generation, r.Token().IssuedAt, r.Token().StatedEnd()
		v.LastUsefulAttemptAt = row.lastUseful()
		if r.Token().PolicyExpiry {
			v.RenewBy = r.Token().ExpiresAt
		}
	}
	return v
}

// truthOfSink returns the view of a sink according to the board.
func truthOfSink(e *Engine, name string, now time.Time) SinkView {
	one := e.sinks[name]
	s, _ := e.board.Look(now, delivering(name))
	row := &sinkRow{spec: one.spec, record: schedule.Pack(s.Record), at: schedule.InstantOf(s.At), owed: s.Owed, refused: one.refused, foreign: one.foreign}
	if f := e.running[delivering(name)]; f != nil {
		row.begun = momentOf(f.at)
	}
	v := row.view(now)
	if v.HasHook {
		h, _ := e.board.Look(now, hooking(name))
		v.HookOwed, v.HookRunning, v.HookError = h.Owed, h.Running, h.Record.Past.Last
	}
	return v
}
