package engine

import (
	"container/heap"
	"time"
)

// instants holds an instant for each slot of a table, and the slot's index in its
// heap.
type instants struct {
	at    []moment
	place []int32 // -1 if in no heap
}

func (i *instants) grow(slots int) {
	for len(i.at) < slots {
		i.at = append(i.at, 0)
		i.place = append(i.place, -1)
	}
}

// slotHeap is a heap of slots ordered by their instants, earliest first. A slot is in at
// most one heap of its instants.
type slotHeap struct {
	of    *instants
	slots []uint32
}

func (p *slotHeap) Len() int { return len(p.slots) }
func (p *slotHeap) Less(i, j int) bool {
	return p.of.at[p.slots[i]] < p.of.at[p.slots[j]]
}

func (p *slotHeap) Swap(i, j int) {
	p.slots[i], p.slots[j] = p.slots[j], p.slots[i]
	p.of.place[p.slots[i]], p.of.place[p.slots[j]] = int32(i), int32(j)
}

func (p *slotHeap) Push(x any) {
	slot := x.(uint32)
	p.of.place[slot] = int32(len(p.slots))
	p.slots = append(p.slots, slot)
}

func (p *slotHeap) Pop() any {
	last := len(p.slots) - 1
	slot := p.slots[last]
	p.slots = p.slots[:last]
	p.of.place[slot] = -1
	return slot
}

// set sets the slot's instant; zero removes the slot.
func (p *slotHeap) set(slot uint32, at time.Time) {
	place := p.of.place[slot]
	p.of.at[slot] = momentOf(at)
	switch {
	case place < 0 && !at.IsZero():
		heap.Push(p, slot)
	case place >= 0 && at.IsZero():
		heap.Remove(p, int(place))
	case place >= 0:
		heap.Fix(p, int(place))
	}
}

// first returns the earliest instant, zero if the heap is empty.
func (p *slotHeap) first() time.Time {
	if len(p.slots) == 0 {
		return time.Time{}
	}
	return p.of.at[p.slots[0]].time()
}
