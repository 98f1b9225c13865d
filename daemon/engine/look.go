package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
)

// Get returns a credential with the sinks that use it, or a sink; false if the name
// is unknown. Like Select and Summary, it never waits for the loop and does not
// slow it down. Its result is at most 250 ms old, and includes the effects of all
// completed commands (renew, reload, pause and so on).
func (e *Engine) Get(name string) (View, bool) {
	v := e.Select(Query{Names: []string{name}, History: true})
	return v, len(v.Unknown) == 0
}

// Select returns the result of a query. See Get.
func (e *Engine) Select(q Query) View { return e.selectOf(e.model.now.Load(), q) }

// Summary counts all credentials and sinks. See Get.
func (e *Engine) Summary() Summary {
	s, now := e.model.now.Load(), e.reads.wall()
	sum := s.sum
	sum.Providers = s.providers(now)
	return sum
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

// providers returns the backends at an instant.
func (s *shown) providers(now time.Time) []ProviderView {
	out := slices.Clone(s.sum.Providers)
	for i := range out {
		if !out[i].CooldownUntil.After(now) {
			out[i].CooldownUntil = time.Time{}
		}
	}
	return out
}

func sortProviders(all []ProviderView) {
	slices.SortFunc(all, func(a, b ProviderView) int { return cmp.Compare(a.Name, b.Name) })
}

// selection is the evaluation of a query.
type selection struct {
	q           Query
	now         time.Time
	names       *names
	s           *shown
	named       map[uint32]bool // sinks that use a named credential
	providers   map[uint32]bool // sinks that use a credential of the query's provider
	credentials best[credentialRow]
	sinks       best[sinkRow]
	totals      Totals
}

func (e *Engine) selectOf(s *shown, q Query) View {
	sel := &selection{q: q, now: e.reads.wall(), names: newNames(q.Names), s: s, named: map[uint32]bool{}, providers: map[uint32]bool{}, totals: newTotals()}
	if len(q.Names) > 0 && len(sel.names.globs) == 0 {
		e.selectNamed(sel)
	} else {
		rows(s.credentials, sel.credential)
		for i, c := range s.sinks {
			for j, row := range c {
				sel.sink(uint32(i*chunkSize+j), row)
			}
		}
	}
	return sel.view()
}

// selectNamed looks up names, at a cost that does not depend on the table sizes.
func (e *Engine) selectNamed(sel *selection) {
	e.model.names.RLock()
	var credentials, sinks []uint32
	for name := range sel.names.plain {
		if c := e.credentials[name]; c != nil {
			credentials = append(credentials, c.slot)
		}
		if one := e.sinks[name]; one != nil {
			sinks = append(sinks, one.slot)
		}
	}
	e.model.names.RUnlock()
	for _, slot := range credentials {
		if row := rowOf(sel.s.credentials, slot); row != nil {
			sel.credential(row)
			row.shownBy.all(func(slot uint32) { sinks = append(sinks, slot) })
		}
	}
	slices.Sort(sinks)
	for _, slot := range slices.Compact(sinks) {
		if row := rowOf(sel.s.sinks, slot); row != nil {
			sel.sink(slot, row)
		}
	}
}

func (sel *selection) credential(row *credentialRow) {
	named := sel.names.fit(row.spec.Name)
	ofProvider := sel.q.Provider == "" || row.spec.Provider == sel.q.Provider
	row.shownBy.all(func(slot uint32) {
		if named && len(sel.q.Names) > 0 {
			sel.named[slot] = true
		}
		if ofProvider && sel.q.Provider != "" {
			sel.providers[slot] = true
		}
	})
	if state := row.stateAt(sel.now); named && ofProvider && sel.q.admits(row.spec.Name, state) {
		sel.totals.Credentials[state]++
		sel.credentials.add(row, sel.q.Limit, sel.compareCredentials)
	}
}

func (sel *selection) sink(slot uint32, row *sinkRow) {
	if row == nil {
		return
	}
	named := sel.names.fit(row.spec.Name) || sel.named[slot]
	if !named || sel.q.Provider != "" && !sel.providers[slot] {
		return
	}
	if state := row.stateNow(sel.now); sel.q.admits(row.spec.Name, state) {
		sel.totals.Sinks[state]++
		sel.sinks.add(row, sel.q.Limit, sel.compareSinks)
	}
}

// best collects the selected rows. With a limit, it drops rows beyond it early.
type best[R any] struct {
	rows  []*R
	bound *R // the last row within the limit so far; nil before the limit is reached
}

func (b *best[R]) add(row *R, limit int, compare func(a, b *R) int) {
	if b.bound != nil && compare(row, b.bound) > 0 {
		return
	}
	b.rows = append(b.rows, row)
	if limit > 0 && len(b.rows) >= 2*limit+64 {
		slices.SortFunc(b.rows, compare)
		b.rows = b.rows[:limit]
		b.bound = b.rows[limit-1]
	}
}

func (sel *selection) compareCredentials(a, b *credentialRow) int {
	if sel.q.Worst {
		if c := worse(CredentialStates[:], a.stateAt(sel.now), b.stateAt(sel.now)); c != 0 {
			return c
		}
	}
	return cmp.Compare(a.spec.Name, b.spec.Name)
}

func (sel *selection) compareSinks(a, b *sinkRow) int {
	if sel.q.Worst {
		if c := worse(SinkStates[:], a.state.state(), b.state.state()); c != 0 {
			return c
		}
	}
	return cmp.Compare(a.spec.Name, b.spec.Name)
}

// view sorts the selected rows, applies the limit and converts the rest.
func (sel *selection) view() View {
	v := View{At: sel.now, Providers: sel.s.providers(sel.now), StateError: sel.s.sum.StateError, Totals: sel.totals, Unknown: sel.names.unknown()}
	credentials, sinks := sel.credentials.rows, sel.sinks.rows
	slices.SortFunc(credentials, sel.compareCredentials)
	slices.SortFunc(sinks, sel.compareSinks)
	if n := sel.q.Limit; n > 0 {
		credentials, sinks = credentials[:min(n, len(credentials))], sinks[:min(n, len(sinks))]
	}
	v.Credentials = make([]CredentialView, 0, len(credentials))
	for _, row := range credentials {
		v.Credentials = append(v.Credentials, row.view(sel.s, sel.now, sel.q.History))
	}
	v.Sinks = make([]SinkView, 0, len(sinks))
	for _, row := range sinks {
		v.Sinks = append(v.Sinks, row.view(sel.now))
	}
	return v
}
