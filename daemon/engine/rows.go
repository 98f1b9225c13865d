package engine

import (
	"time"
	"unique"

	"github.com/vigented/vigente/credential"

	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// credentialRow is the readers' data of one credential. It never changes once it is
// in the table.
type credentialRow struct {
	spec             *plan.Credential
	record           *schedule.Packed
	at               time.Time
	why              unique.Handle[schedule.Why]
	running, waiting bool
	shownBy          []uint32 // the slots of the sinks that use it
	sum              *credentialSum
	state            State
	until            moment // end of the state; zero for never
}

// sinkRow is the readers' data of one sink, like credentialRow.
type sinkRow struct {
	spec             *plan.Sink
	record           *schedule.Packed
	at               time.Time
	begun            moment // start of the running delivery; zero if none
	owed             bool
	unseen           bool // not checked since the start
	lost             bool
	refused, foreign *schedule.Note
	hook             *schedule.Glimpse // nil if there is none
	sum              *sinkSum
	state            State
	until            moment
}

// stateAt returns the state now, which may have changed with time.
func (r *credentialRow) stateAt(now time.Time) State {
	if r.until == 0 || momentOf(now) < r.until {
		return r.state
	}
	state, _ := r.judge(now)
	return state
}

// view converts the row.
func (r *credentialRow) view(s *shown, now time.Time, history bool) CredentialView {
	past, held := r.record.Past(), r.record.Outline()
	at, why := s.groups[r.spec.Provider].Turn(now, r.at, r.why.Value(), r.waiting)
	v := CredentialView{
		Name: r.spec.Name, Provider: r.spec.Provider, Type: r.spec.Type, State: r.stateAt(now),
		NextAttemptAt: at, NextReason: why.Text, NextRule: ruleKey(r.spec, why.Rule), Running: r.running,
		Failures: int(past.Failures), FailingSince: past.FailingSince, LastError: r.record.LastError(), Limits: credential.JoinLimits(r.spec.Limits, held.Limits),
	}
	v.PausedUntil = past.PausedAt(now)
	if absent := r.spec.Absent(); absent != "" {
		v.LastError = &schedule.Note{Reason: credential.ReasonInternal, Message: absent, At: r.spec.Missing[0].At}
	}
	if history {
		v.History = past.History.Attempts()
	}
	if schedule.HasValue(held.Credential) {
		v.Generation, v.IssuedAt, v.ExpiresAt = held.Generation, held.IssuedAt, held.StatedEnd()
		if held.PolicyExpiry {
			v.RenewBy = held.ExpiresAt
		}
		v.LastUsefulAttemptAt = r.lastUseful()
	}
	return v
}

// lastUseful returns the LastUsefulAttemptAt of the view.
func (r *credentialRow) lastUseful() time.Time {
	end := r.record.Outline().StatedEnd()
	if end.IsZero() {
		return time.Time{}
	}
	return end.Add(-r.spec.Policy.Timeout)
}

// view converts the row.
func (r *sinkRow) view(now time.Time) SinkView {
	state, note, _ := r.stateAt(now)
	d := r.record.Delivery()
	v := SinkView{
		Name: r.spec.Name, Type: r.spec.Type, Path: r.spec.Path, State: state, Needs: r.spec.Needs,
		Delivered: make(map[string]uint64, len(r.spec.Needs)), LastDeliveredAt: d.DeliveredAt,
		NextAttemptAt: r.at, LastError: note, HasHook: r.spec.Hook != nil,
	}
	for _, name := range r.spec.Needs {
		if d.Delivered.Has(name) && !r.unseen && !r.lost {
			v.Delivered[name] = d.Delivered.Of(name).Generation
		}
	}
	if v.HasHook && r.hook != nil {
		v.HookOwed, v.HookRunning, v.HookError = r.hook.Owed, r.hook.Running, r.hook.Record.LastNote()
	}
	return v
}

// ruleKey returns the configuration key of a rule.
func ruleKey(spec *plan.Credential, rule string) string {
	if rule == "rate" || rule == "concurrency" {
		return "providers." + spec.Provider + "." + rule
	}
	return spec.Policy.Key(rule, spec.Table())
}
