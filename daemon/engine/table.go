package engine

import "slices"

// chunkSize is how many rows are copied when one of them changes.
const chunkSize = 64

// chunk is a part of a table.
type chunk[R any] [chunkSize]*R

// table holds one row a slot. The loop writes it; what publish returned is never
// written to again, so that readers need no lock.
type table[R any] struct {
	chunks []*chunk[R]
	fresh  map[int]bool // chunks that nobody else has
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

// release empties a slot, for others to claim.
func (t *table[R]) release(slot uint32) {
	t.put(slot, nil)
	t.free = append(t.free, slot)
}

// row returns what is in a slot, nil for nothing.
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

// publish returns the table as it is now.
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

// rows tells every row of a published table.
func rows[R any](chunks []*chunk[R], tell func(*R)) {
	for _, c := range chunks {
		for _, row := range c {
			if row != nil {
				tell(row)
			}
		}
	}
}
