package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// Get returns a credential with the sinks that show it, or a sink; false when
// nothing has the name. Like Select and Summary it never waits for the engine's
// loop and does not slow it down: what it tells is at most 250 ms old, and holds
// all that a command (renew, reload, pause and the like) has reported before.
func (e *Engine) Get(name string) (View, bool) {
	v := e.Select(Query{Names: []string{name}, History: true})
	return v, len(v.Unknown) == 0
}

// Select returns what the query selects. See Get.
func (e *Engine) Select(q Query) View {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	all, err := e.View(ctx)
	if err != nil {
		return View{Totals: newTotals(), Unknown: q.Names}
	}
	return q.Of(all)
}

// Summary counts everything that there is. See Get.
func (e *Engine) Summary() Summary {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	all, err := e.View(ctx)
	if err != nil {
		return Summary{Totals: newTotals()}
	}
	return Summarize(all)
}

const answerTime = 5 * time.Second

// View returns the state as the loop knows it now: it waits for the loop. Use
// Get, Select or Summary, and Alive to learn whether the loop makes progress.
func (e *Engine) View(ctx context.Context) (View, error) {
	var v View
	err := e.ask(ctx, func() { v = e.view() })
	return v, err
}

// Credential returns a credential with its values, for showing and signing.
func (e *Engine) Credential(ctx context.Context, name string) (c credential.Credential, spec plan.Credential, err error) {
	found := false
	askErr := e.ask(ctx, func() {
		if known := e.credentials[name]; known != nil {
			found, spec = true, *known.spec
			c, _ = e.board.Token(name)
		}
	})
	switch {
	case askErr != nil:
		return c, spec, askErr
	case !found:
		return c, spec, fmt.Errorf("credential %q is not in the configuration", name)
	}
	return c, spec, nil
}

func (e *Engine) view() View {
	now := e.now()
	v := View{At: now, StateError: e.unsaved.failing}
	for _, c := range e.credentials {
		v.Credentials = append(v.Credentials, e.viewCredential(c.spec, now))
	}
	for _, s := range e.sinks {
		v.Sinks = append(v.Sinks, e.viewSink(s, now))
	}
	for name, p := range e.providers {
		g, _ := e.board.LookGroup(name)
		pv := ProviderView{Name: name, Type: p.spec.Type, Waiting: g.Waiting, Running: g.Running}
		if g.Record.CooldownUntil.After(now) {
			pv.CooldownUntil = g.Record.CooldownUntil
		}
		v.Providers = append(v.Providers, pv)
	}
	slices.SortFunc(v.Credentials, func(a, b CredentialView) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(v.Sinks, func(a, b SinkView) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(v.Providers, func(a, b ProviderView) int { return cmp.Compare(a.Name, b.Name) })
	return v
}

func (e *Engine) viewCredential(spec *plan.Credential, now time.Time) CredentialView {
	s, _ := e.board.Look(now, schedule.Key{Kind: schedule.Obtaining, Name: spec.Name})
	r := s.Record
	v := CredentialView{
		Name: spec.Name, Provider: spec.Provider, Type: spec.Type,
		NextAttemptAt: s.At, NextReason: s.Why.Text, NextRule: ruleKey(spec, s.Why.Rule), Running: s.Running,
		Failures: r.Past.Failures, FailingSince: r.Past.FailingSince, LastError: r.LastError(), History: r.Past.History, Limits: credential.JoinLimits(spec.Limits, r.Token.Limits),
	}
	if schedule.HasValue(r.Token) {
		v.Generation, v.IssuedAt, v.ExpiresAt = r.Token.Generation, r.Token.IssuedAt, r.Token.ExpiresAt
		v.LastUsefulAttemptAt = r.Token.ExpiresAt.Add(-spec.Policy.Timeout)
	}
	switch {
	case r.Past.Parked:
		v.State = Parked
	case v.Generation == 0:
		v.State = Pending
	case !v.InForce(now):
		v.State = Expired
	case v.Failures > 0:
		v.State = Failing
	default:
		v.State = Valid
	}
	return v
}

func (e *Engine) viewSink(one *sink, now time.Time) SinkView {
	spec := one.spec
	key := schedule.Key{Kind: schedule.Delivering, Name: spec.Name}
	s, _ := e.board.Look(now, key)
	v := SinkView{
		Name: spec.Name, Type: spec.Type, Path: spec.Path, Needs: spec.Needs,
		Delivered: map[string]uint64{}, LastDeliveredAt: s.Record.DeliveredAt,
		NextAttemptAt: s.At, LastError: s.Record.Past.Last, HasHook: spec.Hook != nil,
	}
	for name, mark := range s.Record.Delivered {
		if slices.Contains(spec.Needs, name) {
			v.Delivered[name] = mark.Generation
		}
	}
	if note := one.refused; note != nil && v.LastError == nil {
		v.LastError = note
	}
	if f := e.running[key]; f != nil && e.read().awake-f.begun > hangingAfter && v.LastError == nil {
		v.LastError = &schedule.Note{Reason: credential.ReasonTimeout, Message: "writing hangs since " + f.at.UTC().Format(time.RFC3339) + ": look at the disk or the file server", At: now}
	}
	foreign := one.foreign
	switch {
	case v.LastError != nil:
		v.State = Failing
	case foreign != nil:
		v.State, v.LastError = Behind, foreign
	case !s.Owed && len(v.Delivered) == len(spec.Needs):
		v.State = Delivered
	case len(v.Delivered) > 0:
		v.State = Behind
	default:
		v.State = Pending
	}
	if spec.Hook != nil {
		h, _ := e.board.Look(now, schedule.Key{Kind: schedule.Hooking, Name: spec.Name})
		v.HookOwed, v.HookRunning, v.HookError = h.Owed, h.Running, h.Record.Past.Last
	}
	return v
}

// ruleKey returns the configuration key behind a rule.
func ruleKey(spec *plan.Credential, rule string) string {
	if rule == "rate" || rule == "concurrency" {
		return "providers." + spec.Provider + "." + rule
	}
	return spec.Policy.Key(rule)
}
