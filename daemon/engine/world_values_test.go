package engine

import (
	"slices"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// holds records the daemon's current values.
func (l *laws) holds(g *ledger, c credential.Credential) {
	g.values, g.until = c.Values["token"].Reveal(), 0
	n := l.w.nature.plan.credential(g.name)
	if n == nil || g.values == "" {
		return
	}
	a := l.w.account(n, l.w.providerOf(n))
	g.lied = a.lies[g.values]
	if g.values == a.values {
		g.until = a.until
	} else {
		g.until = a.older[g.values]
	}
}

// saved checks a record that becomes durable.
func (l *laws) saved(key schedule.Key, r schedule.Record) {
	if key.Kind != schedule.Obtaining {
		return
	}
	old, ok := l.w.disk.records[key]
	g := l.ledgers[key.Name]
	if ok && g != nil && !g.reborn {
		// An answer for another identity than the plan has by now is stored, and then dropped.
		same := r.Token().Identity == old.Token().Identity
		if same && r.Token().Generation < old.Token().Generation {
			l.breaks("%s goes back from generation %d to %d on the disk", key.Name, old.Token().Generation, r.Token().Generation)
		}
		if same && r.Token().Generation == old.Token().Generation && !r.Token().SameValues(old.Token().Credential) && len(r.Token().Values) > 0 {
			l.breaks("%s shows two values as generation %d", key.Name, r.Token().Generation)
		}
		if r.Token().Revision == old.Token().Revision && schedule.HasValue(r.Token().Credential) && schedule.HasValue(old.Token().Credential) && (!r.Token().SameValues(old.Token().Credential) || !r.Token().ExpiresAt.Equal(old.Token().ExpiresAt)) {
			l.breaks("%s shows something else as the same revision %d", key.Name, r.Token().Revision)
		}
		if is, was := r.Past.History.Attempts(), old.Past.History.Attempts(); same && len(is) > 0 && len(was) > 0 && l.setBackAt == 0 && is[len(is)-1].At.Before(was[len(was)-1].At) {
			l.breaks("%s: an older record takes the place of a newer one on the disk", key.Name)
		}
		if same && r.Token().Revision < old.Token().Revision {
			l.breaks("%s goes back from revision %d to %d on the disk", key.Name, old.Token().Revision, r.Token().Revision)
		}
	}
	if g != nil {
		g.reborn = false
	}
}

// told records that the engine knows the result of a save.
func (l *laws) told(key schedule.Key, r schedule.Record) {
	if key.Kind == schedule.Obtaining {
		l.heard[r.Token().Values["token"].Reveal()] = true
	}
}

// shown checks the values of a delivery.
func (l *laws) shown(d *door, t *target, set credential.Set, changed bool) {
	if !slices.Equal(set.Names(), d.n.needs) {
		l.breaks("%s is handed %v in place of %v", d.n.name, set.Names(), d.n.needs)
		return
	}
	for _, name := range d.n.needs {
		c := set[name]
		values := c.Values["token"].Reveal()
		switch {
		case values == "":
			l.breaks("%s is handed nothing of %s", d.n.name, name)
		case c.Values["check"].Reveal() != "check of "+values:
			l.breaks("%s is handed a mixture of answers of %s", d.n.name, name)
		case !l.heard[values]:
			l.breaks("%s is handed %s before it was durable", d.n.name, values)
		}
		if g := l.ledgers[name]; c.Generation < t.order[name] && g != nil {
			l.breaks("%s goes back from generation %d of %s to %d", d.n.name, t.order[name], name, c.Generation)
		}
		t.order[name] = c.Generation
	}
}
