package engine

import (
	"slices"
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
	why              unique.Handle[schedule.Why]
	sum              *credentialSum
	until            moment // end of the state; zero for never
	shownBy          users
	at               schedule.Instant
	running, waiting bool
	rush             bool // it ignores the cool-down of its provider
	state            stateCode
}

// sinkRow is the readers' data of one sink, like credentialRow.
type sinkRow struct {
	spec             *plan.Sink
	record           *schedule.Packed
	refused, foreign *schedule.Note
	hook             *schedule.Glimpse // nil if there is none
	sum              *sinkSum
	begun            moment // start of the running delivery; zero if none
	until            moment
	at               schedule.Instant
	owed             bool
	unseen           bool // not checked since the start
	lost             bool
	state            stateCode
}

// stateCode is a State in one byte; zero is the empty State.
type stateCode uint8

var stateCodes = [...]State{"", Parked, Pending, Handover, Expired, Overdue, Failing, Valid, Behind, Delivered}

func codeOf(s State) stateCode { return stateCode(max(0, slices.Index(stateCodes[:], s))) } //nolint:gosec // of ten

func (c stateCode) state() State { return stateCodes[c] }

// users are the slots of the sinks that use a credential. Nearly always there is one.
type users struct {
	first uint32 // plus one; zero if there are none
	rest  *[]uint32
}

func usersOf(slots []uint32) users {
	if len(slots) == 0 {
		return users{}
	}
	u := users{first: slots[0] + 1}
	if rest := slots[1:]; len(rest) > 0 {
		u.rest = &rest
	}
	return u
}

func (u users) all(tell func(slot uint32)) {
	if u.first == 0 {
		return
	}
	tell(u.first - 1)
	if u.rest != nil {
		for _, slot := range *u.rest {
			tell(slot)
		}
	}
}

// stateAt returns the state now, which may have changed with time.
func (r *credentialRow) stateAt(now time.Time) State {
	if r.until == 0 || momentOf(now) < r.until {
		return r.state.state()
	}
	state, _ := r.judge(now)
	return state
}

// view converts the row.
func (r *credentialRow) view(s *shown, now time.Time, history bool) CredentialView {
	past, held := r.record.Past(), r.record.Outline()
	at, why := s.groups[r.spec.Provider].Turn(now, r.at.Time(), r.why.Value(), r.waiting, r.rush)
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

// stateNow returns the state now, which may have changed with time.
func (r *sinkRow) stateNow(now time.Time) State {
	if r.until == 0 || momentOf(now) < r.until {
		return r.state.state()
	}
	state, _, _ := r.stateAt(now)
	return state
}

// view converts the row.
func (r *sinkRow) view(now time.Time) SinkView {
	state, note, _ := r.stateAt(now)
	d := r.record.Delivery()
	v := SinkView{
		Name: r.spec.Name, Type: r.spec.Type, Path: r.spec.Path, State: state, Needs: r.spec.Needs,
		Delivered: make(map[string]uint64, len(r.spec.Needs)), LastDeliveredAt: d.DeliveredAt,
		NextAttemptAt: r.at.Time(), LastError: note, HasHook: r.spec.Hook != nil,
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
