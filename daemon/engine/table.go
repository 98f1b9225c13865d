package engine

import "slices"

// chunkSize is the number of rows copied when one of them changes.
const chunkSize = 64

// chunk is part of a table.
type chunk[R any] [chunkSize]*R

// table holds one row per slot. Only the loop writes it. It never changes chunks
// that publish has returned, so readers need no lock.
type table[R any] struct {
	chunks []*chunk[R]
	fresh  map[int]bool // chunks not published yet
	free   []uint32
	size   uint32
}

// claim returns a free slot.
func (t *table[R]) claim() uint32 {
	if n := len(t.free); n > 0 {
		slot := t.free[n-1]
		t.free = t.free[:n-1]
		return slot
	}
	t.size++
	return t.size - 1
}

// release frees a slot.
func (t *table[R]) release(slot uint32) {
	t.put(slot, nil)
	t.free = append(t.free, slot)
}

// row returns the row in a slot, or nil.
func (t *table[R]) row(slot uint32) *R { return rowOf(t.chunks, slot) }

func (t *table[R]) put(slot uint32, row *R) {
	i := int(slot / chunkSize)
	for len(t.chunks) <= i {
		t.chunks = append(t.chunks, &chunk[R]{})
		t.mark(len(t.chunks) - 1)
	}
	if !t.fresh[i] {
		c := *t.chunks[i]
		t.chunks[i] = &c
		t.mark(i)
	}
	t.chunks[i][slot%chunkSize] = row
}

func (t *table[R]) mark(i int) {
	if t.fresh == nil {
		t.fresh = map[int]bool{}
	}
	t.fresh[i] = true
}

// publish returns a snapshot of the table.
func (t *table[R]) publish() []*chunk[R] {
	clear(t.fresh)
	return slices.Clone(t.chunks)
}

func rowOf[R any](chunks []*chunk[R], slot uint32) *R {
	if i := int(slot / chunkSize); i < len(chunks) {
		return chunks[i][slot%chunkSize]
	}
	return nil
}

// rows calls tell for every row of a published table.
func rows[R any](chunks []*chunk[R], tell func(*R)) {
	for _, c := range chunks {
		for _, row := range c {
			if row != nil {
				tell(row)
			}
		}
	}
}
