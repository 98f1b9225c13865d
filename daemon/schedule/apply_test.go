package schedule

import (
	"maps"
	"reflect"
	"slices"
	"time"
)

// install applies the change that makes a board hold exactly these groups and tasks;
// new tasks get their records from memory. Every other call also passes unchanged
// tasks, which must have no effect.
func (b *Board) install(now time.Time, groups []Group, tasks []*Task, memory Memory) (removed []Key) {
	c := Change{Groups: groups, Tasks: tasks}
	for name := range b.groups {
		if !slices.ContainsFunc(groups, func(g Group) bool { return g.Name == name }) {
			c.GoneGroups = append(c.GoneGroups, name)
		}
	}
	wanted := make(map[Key]bool, len(tasks))
	for _, t := range tasks {
		wanted[t.Key] = true
	}
	for key := range b.entries {
		if !wanted[key] {
			c.Gone = append(c.Gone, key)
		}
	}
	if b.applies%2 == 1 {
		c.Groups = slices.DeleteFunc(slices.Clone(groups), func(g Group) bool { return b.groups[g.Name] != nil && reflect.DeepEqual(b.groups[g.Name].spec, g) })
		c.Tasks = slices.DeleteFunc(slices.Clone(tasks), func(t *Task) bool {
			e := b.entries[t.Key]
			return e != nil && !e.gone && reflect.DeepEqual(e.task, t)
		})
	}
	if b.applies == 0 {
		b.LearnAll(Memory{maps.Clone(memory.Records), maps.Clone(memory.Providers)})
	}
	for key, r := range memory.Records {
		if b.entries[key] == nil && wanted[key] && b.applies > 0 {
			b.keep(key, r, now)
		}
	}
	removed = b.Apply(now, c)
	b.Unclaimed(now, func(string) bool { return false })
	return removed
}
