package schedule

import (
	"maps"
	"slices"
)

// Excerpt returns an independent board with the credentials and sinks that a
// change affects: those that it names, their inputs, and the sinks that use them.
// It serves to preview the change, and costs as much as applying it. Hooks are
// omitted: they follow from the deliveries.
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
			x.callers(g) // all their calls count under the new rate
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

// excerpt builds an Excerpt.
type excerpt struct {
	of, to  *Board
	entries map[*entry]*entry // copies by original
	groups  map[*group]*group
}

// task copies a task, its inputs and the sinks that use it.
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

// callers copies the credentials of a backend.
func (x *excerpt) callers(g *group) {
	for _, e := range x.of.entries {
		if e.group == g && e.task.Kind == Obtaining {
			x.entry(e)
		}
	}
}

// entry copies an entry. It shares the record and the task, which never change.
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

// group returns the copy of a group, which may have left the board already. A new
// copy has no waiting tasks.
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
