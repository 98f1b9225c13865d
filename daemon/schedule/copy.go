package schedule

import (
	"maps"
	"slices"
)

// Copy returns a board that holds the same and goes its own way from here, to
// find out what another Install would bring. It costs what an Install costs.
func (b *Board) Copy() *Board {
	c := &copying{
		to:      &Board{},
		entries: make(map[*entry]*entry, len(b.entries)),
		groups:  make(map[*group]*group, len(b.groups)),
	}
	*c.to = *b
	c.to.starts, c.to.touched = nil, nil
	c.to.corrected, c.to.refused = maps.Clone(b.corrected), maps.Clone(b.refused)
	c.to.learned.Records = maps.Clone(b.learned.Records)
	c.to.entries = make(map[Key]*entry, len(b.entries))
	for key, e := range b.entries {
		c.to.entries[key] = c.entry(e)
	}
	c.to.groups = make(map[string]*group, len(b.groups))
	for name, g := range b.groups {
		c.to.groups[name] = c.group(g)
	}
	c.to.timed = c.queue(&c.to.timed, b.timed)
	c.to.gates = make(gates, len(b.gates))
	for i, g := range b.gates {
		c.to.gates[i] = c.group(g)
	}
	c.to.dependents = make(map[string][]*entry, len(b.dependents))
	for name, list := range b.dependents {
		for _, e := range list {
			c.to.dependents[name] = append(c.to.dependents[name], c.entry(e))
		}
	}
	return c.to
}

// copying pairs what was copied with its copy.
type copying struct {
	to      *Board
	entries map[*entry]*entry
	groups  map[*group]*group
}

// entry returns the copy of an entry. Its record and its task are values that
// nobody changes; its queue is told when the queue is copied.
func (c *copying) entry(e *entry) *entry {
	if n := c.entries[e]; n != nil {
		return n
	}
	n := &entry{}
	*n = *e
	n.in, n.touched = nil, false
	c.entries[e] = n
	n.group = c.group(e.group)
	return n
}

// group returns the copy of a group, which may have left the board already.
func (c *copying) group(g *group) *group {
	if g == nil {
		return nil
	}
	if n := c.groups[g]; n != nil {
		return n
	}
	n := &group{}
	*n = *g
	n.buckets = slices.Clone(g.buckets)
	c.groups[g] = n
	n.waiting = c.queue(&n.waiting, g.waiting)
	return n
}

// queue returns the copy of a queue that will stand at the given place.
func (c *copying) queue(at *queue, q queue) queue {
	items := make([]*entry, len(q.items))
	for i, e := range q.items {
		items[i] = c.entry(e)
		items[i].in = at
	}
	return queue{items: items, less: q.less}
}
