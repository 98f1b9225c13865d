package plan

import (
	"cmp"
	"maps"
	"slices"
)

// Change is what one plan has over another: the difference that a reload
// applies. A start is the change from nothing.
type Change struct {
	Providers   Difference[Provider]
	Credentials Difference[Credential]
	Sinks       Difference[Sink]
}

// Difference holds the specs of one table that are new, those whose content is
// another one than before, and the names of those that are gone. All three are
// sorted by name. The specs must not be written to.
type Difference[S any] struct {
	Added, Changed []*S
	Removed        []string
}

// Empty reports whether nothing is different.
func (d Difference[S]) Empty() bool {
	return len(d.Added) == 0 && len(d.Changed) == 0 && len(d.Removed) == 0
}

// Empty reports whether nothing is different.
func (c Change) Empty() bool {
	return c.Providers.Empty() && c.Credentials.Empty() && c.Sinks.Empty()
}

// Between returns what must be done to was to arrive at is.
func Between(was, is *Plan) Change {
	return Change{
		Providers:   between(was.Providers, is.Providers, (*Provider).key),
		Credentials: between(was.Credentials, is.Credentials, (*Credential).key),
		Sinks:       between(was.Sinks, is.Sinks, (*Sink).key),
	}
}

func (p *Provider) key() (string, Hash)   { return p.Name, p.Hash }
func (c *Credential) key() (string, Hash) { return c.Name, c.Hash }
func (s *Sink) key() (string, Hash)       { return s.Name, s.Hash }

func between[S any](was, is []S, key func(*S) (string, Hash)) Difference[S] {
	var d Difference[S]
	old := make(map[string]Hash, len(was))
	for i := range was {
		name, hash := key(&was[i])
		old[name] = hash
	}
	for i := range is {
		name, hash := key(&is[i])
		before, known := old[name]
		delete(old, name)
		switch {
		case !known:
			d.Added = append(d.Added, &is[i])
		case hash != before || hash == Hash{}:
			d.Changed = append(d.Changed, &is[i])
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
	return d
}
