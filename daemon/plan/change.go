package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Change is the difference between two plans, which a reload applies. A start is a
// change from the empty plan.
type Change struct {
	Providers   Difference[Provider]
	Credentials Difference[Credential]
	Sinks       Difference[Sink]
	// Retain names credentials that are only temporarily unusable, such as a row with
	// a fault: their records and those of their sinks are kept. A name that ends in a
	// slash stands for all names that begin with it.
	Retain []string
}

// Retained reports whether the record of a credential or sink is kept although the
// plan no longer has it.
func (c Change) Retained(name string) bool {
	return slices.ContainsFunc(c.Retain, func(kept string) bool {
		rest, ok := strings.CutPrefix(name, kept)
		return ok && (rest == "" || strings.HasSuffix(kept, "/") || rest[0] == '/')
	})
}

// Difference holds the new specs of one table, the changed ones, and the names of
// the removed ones, each sorted by name. The specs are read-only.
type Difference[S any] struct {
	Added, Changed []*S
	Removed        []string
	// Was holds the previous specs of changed and removed objects, in any order.
	Was []*S
}

// Empty reports whether there is no difference.
func (d Difference[S]) Empty() bool {
	return len(d.Added) == 0 && len(d.Changed) == 0 && len(d.Removed) == 0
}

// Empty reports whether there is no change.
func (c Change) Empty() bool {
	return c.Providers.Empty() && c.Credentials.Empty() && c.Sinks.Empty()
}

// Added returns the names of new objects with their table ("credentials.loja"),
// sorted.
func (c Change) Added() []string {
	return c.names(func(d Difference[Provider]) []string { return keys(d.Added, (*Provider).key) },
		func(d Difference[Credential]) []string { return keys(d.Added, (*Credential).key) },
		func(d Difference[Sink]) []string { return keys(d.Added, (*Sink).key) })
}

// Changed returns the names of changed objects, like Added.
func (c Change) Changed() []string {
	return c.names(func(d Difference[Provider]) []string { return keys(d.Changed, (*Provider).key) },
		func(d Difference[Credential]) []string { return keys(d.Changed, (*Credential).key) },
		func(d Difference[Sink]) []string { return keys(d.Changed, (*Sink).key) })
}

// Removed returns the names of removed objects, like Added.
func (c Change) Removed() []string {
	return c.names(func(d Difference[Provider]) []string { return d.Removed },
		func(d Difference[Credential]) []string { return d.Removed },
		func(d Difference[Sink]) []string { return d.Removed })
}

func (c Change) names(p func(Difference[Provider]) []string, o func(Difference[Credential]) []string, s func(Difference[Sink]) []string) []string {
	var all []string
	for _, table := range []struct {
		name  string
		names []string
	}{{"providers", p(c.Providers)}, {"credentials", o(c.Credentials)}, {"sinks", s(c.Sinks)}} {
		for _, name := range table.names {
			all = append(all, table.name+"."+name)
		}
	}
	return all
}

func keys[S any](specs []*S, key func(*S) (string, Hash)) []string {
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i], _ = key(s)
	}
	return names
}

// Between returns the change from was to is.
func Between(was, is *Plan) Change {
	return Change{
		Providers:   between(was.Providers, is.Providers, (*Provider).key),
		Credentials: between(was.Credentials, is.Credentials, (*Credential).key),
		Sinks:       between(was.Sinks, is.Sinks, (*Sink).key),
	}
}

// ContentHash returns the hash of the content.
func (p *Provider) ContentHash() Hash { return p.Hash }

// ContentHash returns the hash of the content.
func (c *Credential) ContentHash() Hash { return c.Hash }

// ContentHash returns the hash of the content.
func (s *Sink) ContentHash() Hash { return s.Hash }

func (p *Provider) key() (string, Hash)   { return p.Name, p.Hash }
func (c *Credential) key() (string, Hash) { return c.Name, c.Hash }
func (s *Sink) key() (string, Hash)       { return s.Name, s.Hash }

func between[S any](was, is []S, key func(*S) (string, Hash)) Difference[S] {
	var d Difference[S]
	old := make(map[string]*S, len(was))
	for i := range was {
		name, _ := key(&was[i])
		old[name] = &was[i]
	}
	for i := range is {
		name, hash := key(&is[i])
		before := old[name]
		delete(old, name)
		if before == nil {
			d.Added = append(d.Added, &is[i])
		} else if _, was := key(before); hash != was || hash == (Hash{}) {
			d.Changed, d.Was = append(d.Changed, &is[i]), append(d.Was, before)
		}
	}
	byName := func(a, b *S) int {
		x, _ := key(a)
		y, _ := key(b)
		return cmp.Compare(x, y)
	}
	slices.SortFunc(d.Added, byName)
	slices.SortFunc(d.Changed, byName)
	d.Removed = slices.Sorted(maps.Keys(old))
	d.Was = slices.AppendSeq(d.Was, maps.Values(old))
	return d
}
