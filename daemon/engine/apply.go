package engine

import (
	"context"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// provider is a backend with its rate limiter.
type provider struct {
	spec  *plan.Provider
	turns *turns
}

// held is a credential with the number of its ended attempts.
type held struct {
	spec *plan.Credential
	ends uint64
	slot uint32 // its row; never changes
}

// Install sets the plan before Run, as a change from an empty one. Memory holds the
// records of earlier runs.
func (e *Engine) Install(change plan.Change, memory schedule.Memory) {
	e.board.LearnAll(memory)
	e.apply(change)
	for _, key := range e.board.Unclaimed(e.now(), change.Retained) {
		e.unsaved.forget(key)
	}
	if e.opt.Ledger != nil {
		e.publish(e.now())
	}
}

// Apply applies a change while the engine runs, in time proportional to the
// change. It does not affect other credentials and sinks. It returns, by name, why
// the change renews credentials. A credential whose record was kept, because it
// had been removed or had this identity before, is not renewed.
func (e *Engine) Apply(ctx context.Context, change plan.Change) (renewals map[string]Cause, err error) {
	err = e.ask(ctx, func() {
		before := e.statuses(change)
		e.apply(change)
		renewals = causes(change, e.now(), before, e.board)
	})
	return renewals, err
}

func (e *Engine) apply(change plan.Change) {
	e.applyProviders(change)
	e.model.names.Lock()
	e.applyCredentials(change)
	e.applySinks(change)
	e.model.names.Unlock()
	board := boardChange(change)
	for _, t := range board.Tasks {
		e.unsaved.wanted(t.Key)
	}
	for _, key := range e.board.Apply(e.now(), board) {
		e.unsaved.forget(key)
	}
	e.keepCorrections()
	if e.model.on {
		e.publish(e.now())
	}
}

func (e *Engine) applyCredentials(change plan.Change) {
	for _, name := range change.Credentials.Removed {
		if c := e.credentials[name]; c != nil {
			e.removeCredentialRow(c)
			delete(e.credentials, name)
		}
	}
	for _, c := range both(change.Credentials) {
		if known := e.credentials[c.Name]; known != nil {
			known.spec = c
			continue
		}
		e.credentials[c.Name] = &held{spec: c, slot: e.model.credentials.claim()}
		e.model.stale[c.Name] = true
	}
}

func (e *Engine) applySinks(change plan.Change) {
	for _, name := range change.Sinks.Removed {
		e.dropSink(name)
	}
	for _, s := range both(change.Sinks) {
		known := e.sinks[s.Name]
		if known == nil {
			known = &sink{place: -1, slot: e.model.sinks.claim()}
			e.sinks[s.Name] = known
		} else {
			e.model.markStale(known.spec.Needs)
		}
		known.spec = s
		e.model.markStale(s.Needs)
	}
}

// applyProviders creates a rate limiter for every backend with changed rates; the
// others keep theirs.
func (e *Engine) applyProviders(change plan.Change) {
	for _, name := range change.Providers.Removed {
		delete(e.providers, name)
	}
	for _, p := range both(change.Providers) {
		was := e.providers[p.Name]
		if was != nil && was.turns.sameRates(p.Rates) {
			was.spec = p
			continue
		}
		is := &provider{p, newTurns(p.Rates)}
		if was != nil {
			is.turns.until = was.turns.closedUntil()
		}
		e.providers[p.Name] = is
	}
}

// both returns the added and the changed specs.
func both[S any](d plan.Difference[S]) []*S {
	return append(append(make([]*S, 0, len(d.Added)+len(d.Changed)), d.Added...), d.Changed...)
}

// sharing returns a function that returns one shared copy of equal Extras.
func sharing() func(schedule.Extra) *schedule.Extra {
	known := map[schedule.Extra]*schedule.Extra{{}: nil}
	return func(x schedule.Extra) *schedule.Extra {
		one, found := known[x]
		if !found {
			one = &x
			known[x] = one
		}
		return one
	}
}

// boardChange converts a change for the board.
func boardChange(change plan.Change) schedule.Change {
	shared := sharing()
	out := schedule.Change{
		Groups:     append(deviceGroups(change.Sinks), schedule.Group{Name: schedule.HookGroup, Concurrency: hooksAtOnce}),
		GoneGroups: change.Providers.Removed,
	}
	for _, p := range both(change.Providers) {
		out.Groups = append(out.Groups, schedule.Group{Name: p.Name, Concurrency: max(1, p.Concurrency), Rates: p.Rates})
	}
	for _, c := range both(change.Credentials) {
		task := &schedule.Task{
			Key: obtaining(c.Name), Group: c.Provider, Policy: &c.Policy,
			Needs: c.Needs, Identity: c.Identity, Inputs: c.Inputs,
		}
		extra := schedule.Extra{Absent: c.Absent(), Client: c.Client}
		if s, ok := c.Source.(credential.OneWayer); ok {
			extra.OneWay, extra.Grace = s.OneWay()
		}
		if s, ok := c.Source.(credential.Spender); ok {
			extra.Seedless = s.Spends(credential.Credential{})
		}
		task.Extra = shared(extra)
		out.Tasks = append(out.Tasks, task)
	}
	for _, s := range both(change.Sinks) {
		out.Tasks = append(out.Tasks, &schedule.Task{
			Key: delivering(s.Name), Group: schedule.SinkGroup + s.Device, Needs: s.Needs, Target: s.Target,
		})
		if s.Hook != nil {
			out.Tasks = append(out.Tasks, &schedule.Task{Key: hooking(s.Name), Group: schedule.HookGroup, Extra: shared(schedule.Extra{Together: s.Together})})
		} else {
			out.Gone = append(out.Gone, hooking(s.Name))
		}
	}
	for _, name := range change.Credentials.Removed {
		out.Gone = append(out.Gone, obtaining(name))
	}
	for _, name := range change.Sinks.Removed {
		out.Gone = append(out.Gone, delivering(name), hooking(name))
	}
	return out
}

// deviceGroups returns one group of sinks per device, so that a hanging device does
// not delay sinks on others. A group stays when its last sink is removed.
func deviceGroups(sinks plan.Difference[plan.Sink]) (groups []schedule.Group) {
	seen := map[string]bool{}
	for _, s := range both(sinks) {
		if seen[s.Device] {
			continue
		}
		seen[s.Device] = true
		most := sinksOnADevice
		if s.Device == "" {
			most = sinksAtOnce
		}
		groups = append(groups, schedule.Group{Name: schedule.SinkGroup + s.Device, Concurrency: most})
	}
	return groups
}

func obtaining(name string) schedule.Key {
	return schedule.Key{Kind: schedule.Obtaining, Name: name}
}

func delivering(name string) schedule.Key {
	return schedule.Key{Kind: schedule.Delivering, Name: name}
}

func hooking(name string) schedule.Key {
	return schedule.Key{Kind: schedule.Hooking, Name: name}
}
