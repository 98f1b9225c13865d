package schedule

import (
	"cmp"
	"container/heap"
)

// queue is a heap of entries ordered by less. An entry is in at most one queue at
// a time and knows its index there, so that it can be moved or removed in
// O(log n).
type queue struct {
	items []*entry
	less  func(a, b *entry) bool
}

// sooner orders planned tasks. Equal instants need no order here, because tasks
// are then ordered by group, and groups by name.
func sooner(a, b *entry) bool {
	if a.plannedSecond != b.plannedSecond {
		return a.plannedSecond < b.plannedSecond
	}
	return a.plannedNano < b.plannedNano
}

func (q *queue) Len() int           { return len(q.items) }
func (q *queue) Less(i, j int) bool { return q.less(q.items[i], q.items[j]) }
func (q *queue) Swap(i, j int) {
	q.items[i], q.items[j] = q.items[j], q.items[i]
	q.items[i].place, q.items[j].place = int32(i), int32(j)
}

func (q *queue) Push(x any) {
	e := x.(*entry)
	e.place, e.in = int32(len(q.items)), q
	q.items = append(q.items, e)
}

func (q *queue) Pop() any {
	last := len(q.items) - 1
	e := q.items[last]
	q.items[last] = nil
	q.items = q.items[:last]
	e.in = nil
	return e
}

func (q *queue) first() *entry {
	if len(q.items) == 0 {
		return nil
	}
	return q.items[0]
}

// put moves the entry into q, out of any other queue.
func (q *queue) put(e *entry) {
	if e.in == q {
		heap.Fix(q, int(e.place))
		return
	}
	e.leave()
	heap.Push(q, e)
}

// leave removes the entry from its queue, if it is in one.
func (e *entry) leave() {
	if e.in != nil {
		heap.Remove(e.in, int(e.place))
	}
}

// gates is a heap of groups by the instant at which their next waiting task may
// start.
type gates []*group

func (g gates) Len() int { return len(g) }
func (g gates) Less(i, j int) bool {
	return cmp.Or(g[i].gate.Compare(g[j].gate), cmp.Compare(g[i].spec.Name, g[j].spec.Name)) < 0
}

func (g gates) Swap(i, j int) {
	g[i], g[j] = g[j], g[i]
	g[i].place, g[j].place = i, j
}

func (g *gates) Push(x any) {
	grp := x.(*group)
	grp.place = len(*g)
	*g = append(*g, grp)
}

func (g *gates) Pop() any {
	last := len(*g) - 1
	grp := (*g)[last]
	(*g)[last] = nil
	*g = (*g)[:last]
	grp.place = -1
	return grp
}

// set adds the group to the heap, or updates its position.
func (g *gates) set(grp *group) {
	if grp.place >= 0 {
		heap.Fix(g, grp.place)
		return
	}
	heap.Push(g, grp)
}

// drop removes the group from the heap, if present.
func (g *gates) drop(grp *group) {
	if grp.place >= 0 {
		heap.Remove(g, grp.place)
	}
}
