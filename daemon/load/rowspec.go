package load

import (
	"cmp"
	"slices"

	"github.com/vigented/vigente/daemon/plan"
)

// changeRows adds the changes of the rows of all fleets.
func (l *Loader) changeRows(c *plan.Change, d *Loaded, key *sealer) {
	for _, f := range d.fleets {
		was := l.now.fleet[f.Name]
		if was == nil {
			was = &fleet{}
		}
		if f.base != nil {
			for _, r := range f.changed {
				l.changeRow(c, r, was.byName[r.name], key)
			}
			for _, old := range f.removed {
				removeRow(c, old)
			}
			continue
		}
		for _, r := range f.rows {
			l.changeRow(c, r, was.byName[r.name], key)
		}
		for _, old := range was.rows {
			if f.byName[old.name] == nil {
				removeRow(c, old)
			}
		}
		f.retain(c)
	}
	for name, was := range l.now.fleet {
		if d.fleet[name] != nil {
			continue
		}
		for _, old := range was.rows {
			removeRow(c, old)
		}
	}
	sortChange(c)
}

// changeRow makes the specs of a row and compares them with the previous ones.
func (l *Loader) changeRow(c *plan.Change, r, was *row, key *sealer) {
	if !r.fresh {
		return // it is unchanged
	}
	if !r.sealed {
		r.sealed = true
		sealCredential(r.credential, key)
		for _, s := range r.sinks {
			sealSink(s, key)
		}
	}
	if was == nil {
		c.Credentials.Added = append(c.Credentials.Added, r.credential)
		c.Sinks.Added = append(c.Sinks.Added, r.sinks...)
		return
	}
	if was.credential.Hash == r.credential.Hash {
		r.credential = was.credential
	} else {
		c.Credentials.Changed = append(c.Credentials.Changed, r.credential)
		c.Credentials.Was = append(c.Credentials.Was, was.credential)
	}
	for i, s := range r.sinks {
		j := slices.IndexFunc(was.sinks, func(old *plan.Sink) bool { return old.Name == s.Name })
		switch {
		case j < 0:
			c.Sinks.Added = append(c.Sinks.Added, s)
		case was.sinks[j].Hash == s.Hash:
			r.sinks[i] = was.sinks[j]
		default:
			c.Sinks.Changed, c.Sinks.Was = append(c.Sinks.Changed, s), append(c.Sinks.Was, was.sinks[j])
		}
	}
	for _, old := range was.sinks {
		if !slices.ContainsFunc(r.sinks, func(s *plan.Sink) bool { return s.Name == old.Name }) {
			c.Sinks.Removed, c.Sinks.Was = append(c.Sinks.Removed, old.Name), append(c.Sinks.Was, old)
		}
	}
}

func removeRow(c *plan.Change, r *row) {
	c.Credentials.Removed, c.Credentials.Was = append(c.Credentials.Removed, r.name), append(c.Credentials.Was, r.credential)
	for _, s := range r.sinks {
		c.Sinks.Removed, c.Sinks.Was = append(c.Sinks.Removed, s.Name), append(c.Sinks.Was, s)
	}
}

// retain names the objects that are only temporarily unusable, so that their records
// are kept.
func (f *fleet) retain(c *plan.Change) {
	if f.problem != "" || f.unnamed > 0 {
		c.Retain = append(c.Retain, f.Name+"/")
		return
	}
	for _, b := range f.bad {
		if b.name != "" && f.byName[b.name] == nil {
			c.Retain = append(c.Retain, b.name)
		}
	}
}

func sortChange(c *plan.Change) {
	credentialByName := func(a, b *plan.Credential) int { return cmp.Compare(a.Name, b.Name) }
	slices.SortFunc(c.Credentials.Added, credentialByName)
	slices.SortFunc(c.Credentials.Changed, credentialByName)
	slices.Sort(c.Credentials.Removed)
	sinkByName := func(a, b *plan.Sink) int { return cmp.Compare(a.Name, b.Name) }
	slices.SortFunc(c.Sinks.Added, sinkByName)
	slices.SortFunc(c.Sinks.Changed, sinkByName)
	slices.Sort(c.Sinks.Removed)
}
