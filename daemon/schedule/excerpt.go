package schedule

import (
	"maps"
	"slices"
)

// Excerpt returns a board with the credentials and sinks that a change touches:
// those that it names, what these need, and the sinks that show them. It goes its
// own way from here, to find out what the change would bring, and costs what the
// change costs. Hooks are left out: they follow from the deliveries.
func (b *Board) Excerpt(c Change) *Board {
	x := &excerpt{of: b, to: New(b.seed), entries: map[*entry]*entry{}, groups: map[*group]*group{}}
	x.to.seen, x.to.setBack, x.to.applies, x.to.expiry = b.seen, b.setBack, b.applies, b.expiry
	x.to.closed, x.to.once, x.to.refused = b.closed, b.once, maps.Clone(b.refused)
	x.to.learned = Memory{map[Key]Record{}, maps.Clone(b.learned.Providers)}
	for name, g := range b.groups {
		x.to.groups[name] = x.group(g)
	}
	for _, key := range c.Gone {
		x.task(key)
	}
	for _, t := range c.Tasks {
		x.task(t.Key)
		x.needs(t.Needs)
		if r, found := b.learned.Records[t.Key]; found {
			x.to.learned.Records[t.Key] = r
		}
	}
	for _, spec := range c.Groups {
		if g := b.groups[spec.Name]; g != nil && !slices.Equal(g.spec.Rates, spec.Rates) {
			x.callers(g) // the calls of all of them count under the new rate
		}
	}
	for e, copied := range x.entries {
		for _, name := range e.task.Needs {
			if !e.gone {
				x.to.dependents[name] = append(x.to.dependents[name], copied)
			}
		}
	}
	for g, copied := range x.groups {
		if g.place >= 0 && copied.waiting.Len() > 0 {
			x.to.gates.set(copied)
		}
	}
	return x.to
}

// excerpt is an excerpt being made.
type excerpt struct {
	of, to  *Board
	entries map[*entry]*entry // by what they are copies of
	groups  map[*group]*group
}

// task takes over a task with what it needs and the sinks that show it.
func (x *excerpt) task(key Key) {
	e := x.of.entries[key]
	if e == nil || key.Kind == Hooking {
		return
	}
	x.entry(e)
	x.needs(e.task.Needs)
	if key.Kind != Obtaining {
		return
	}
	for _, d := range x.of.dependents[key.Name] {
		x.entry(d)
		x.needs(d.task.Needs)
	}
}

func (x *excerpt) needs(names []string) {
	for _, name := range names {
		if e := x.of.entries[Key{Obtaining, name}]; e != nil {
			x.entry(e)
		}
	}
}

// callers takes over the credentials of a backend.
func (x *excerpt) callers(g *group) {
	for _, e := range x.of.entries {
		if e.group == g && e.task.Kind == Obtaining {
			x.entry(e)
		}
	}
}

// entry copies an entry. Its record and its task are values that nobody changes.
func (x *excerpt) entry(e *entry) {
	if x.entries[e] != nil {
		return
	}
	n := &entry{}
	*n = *e
	n.in, n.touched, n.with, n.ranWith = nil, false, nil, nil
	x.entries[e] = n
	n.group = x.group(e.group)
	x.to.entries[e.task.Key] = n
	switch e.in {
	case &x.of.timed:
		x.to.timed.put(n)
	case &e.group.waiting:
		n.group.waiting.put(n)
	}
}

// group returns the copy of a group, which may have left the board already. It is
// made with nothing that waits yet.
func (x *excerpt) group(g *group) *group {
	if n := x.groups[g]; n != nil {
		return n
	}
	n := &group{}
	*n = *g
	n.buckets, n.waiting, n.place = slices.Clone(g.buckets), queue{less: g.waiting.less}, -1
	x.groups[g] = n
	return n
}
