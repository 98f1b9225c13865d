package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"os"
	"testing"
)

// image is a database in memory that tests damage.
type image struct {
	data []byte
	meta meta
	used []bool // pages of the tree
}

func newImage(t *testing.T, data []byte) *image {
	t.Helper()
	m := &image{data: bytes.Clone(data)}
	w := &walker{file: bytes.NewReader(data), size: uint64(len(data)), visit: func(_, _, _ []byte) {}}
	var err error
	if m.meta, err = w.meta(); err != nil {
		t.Fatal(err)
	}
	w.pageSize, w.end = m.meta.pageSize, m.meta.end
	w.seen = make([]bool, w.end)
	if err := w.tree(m.meta.root, nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	m.used = w.seen
	return m
}

func (m *image) page(id uint64) []byte { return m.data[id*m.meta.pageSize:][:m.meta.pageSize] }

// some returns a page of the tree with these flags.
func (m *image) some(t *testing.T, flags uint16) uint64 {
	t.Helper()
	for id := range m.meta.end {
		if p := m.page(id); m.used[id] && binary.LittleEndian.Uint16(p[8:]) == flags && le64(p) == id && id != m.meta.root {
			return id
		}
	}
	t.Fatal("the sample has no such page")
	return 0
}

// setMeta changes the newer meta page, with its checksum.
func (m *image) setMeta(change func(meta []byte)) {
	page := m.page(m.meta.transaction % 2)[pageHeader:][:metaLength]
	change(page)
	sum := fnv.New64a()
	_, _ = sum.Write(page[:metaLength-8])
	binary.LittleEndian.PutUint64(page[metaLength-8:], sum.Sum64())
}

func (m *image) walk(t *testing.T) error {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "image")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(m.data); err != nil {
		t.Fatal(err)
	}
	return walkFile(f, func(_, _, _ []byte) {})
}

// TestPagesThatMakeNoSense covers each rule of the walk, because random flips do not.
func TestPagesThatMakeNoSense(t *testing.T) {
	data, _ := legacySample(t, nil)
	put64 := binary.LittleEndian.PutUint64
	for name, tt := range map[string]struct {
		damage func(t *testing.T, m *image)
		want   error
	}{
		"nothing": {func(*testing.T, *image) {}, nil},
		"end beyond the file": {func(_ *testing.T, m *image) {
			m.setMeta(func(meta []byte) { put64(meta[40:], uint64(len(m.data))/m.meta.pageSize+1) })
		}, errShort},
		"no pages": {func(_ *testing.T, m *image) {
			m.setMeta(func(meta []byte) { put64(meta[40:], 2) })
		}, errShort},
		"root beyond the end": {func(_ *testing.T, m *image) {
			m.setMeta(func(meta []byte) { put64(meta[16:], m.meta.end) })
		}, errDamaged},
		"root is the meta page": {func(_ *testing.T, m *image) {
			m.setMeta(func(meta []byte) { put64(meta[16:], m.meta.transaction%2) })
		}, errDamaged},
		"root is the freelist": {func(_ *testing.T, m *image) {
			m.setMeta(func(meta []byte) { put64(meta[16:], le64(meta[32:])) })
		}, errDamaged},
		"another page size": {func(_ *testing.T, m *image) {
			m.setMeta(func(meta []byte) { binary.LittleEndian.PutUint32(meta[8:], uint32(2*m.meta.pageSize)) })
		}, errDamaged},
		"impossible page size": {func(_ *testing.T, m *image) {
			m.setMeta(func(meta []byte) { binary.LittleEndian.PutUint32(meta[8:], 3000) })
		}, errDamaged},
		"wrong number": {func(t *testing.T, m *image) {
			id := m.some(t, flagLeaf)
			put64(m.page(id), id+1)
		}, errDamaged},
		"overflow beyond the end": {func(t *testing.T, m *image) {
			binary.LittleEndian.PutUint32(m.page(m.some(t, flagLeaf))[12:], uint32(m.meta.end))
		}, errDamaged},
		"overflow into another page": {func(t *testing.T, m *image) {
			for id := range m.meta.end - 1 {
				if id > 1 && m.used[id] && m.used[id+1] && le64(m.page(id)) == id && le64(m.page(id+1)) == id+1 {
					binary.LittleEndian.PutUint32(m.page(id)[12:], 1)
					return
				}
			}
			t.Fatal("the sample has no two adjacent pages")
		}, errDamaged},
		"one page twice": {func(t *testing.T, m *image) {
			p := m.page(m.some(t, flagBranch))
			copy(p[pageHeader+elementSize+8:][:8], p[pageHeader+8:][:8])
		}, errDamaged},
		"page below itself": {func(t *testing.T, m *image) {
			id := m.some(t, flagBranch)
			put64(m.page(id)[pageHeader+8:], id)
		}, errDamaged},
	} {
		m := newImage(t, data)
		tt.damage(t, m)
		if err := m.walk(t); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
}

func TestKeysOutOfOrder(t *testing.T) {
	two := func(a, b string) []byte {
		p := make([]byte, pageHeader+2*elementSize)
		p[8], p[10] = flagLeaf, 2
		p[pageHeader+4], p[pageHeader+8] = 2*elementSize, byte(len(a))
		p[pageHeader+elementSize+4], p[pageHeader+elementSize+8] = byte(elementSize+len(a)), byte(len(b))
		return append(append(p, a...), b...)
	}
	for _, tt := range []struct {
		a, b string
		want error
	}{{"a", "b", nil}, {"a", "a", errDamaged}, {"b", "a", errDamaged}} {
		visited := 0
		w := &walker{visit: func(_, _, _ []byte) { visited++ }}
		if err := w.elements(two(tt.a, tt.b), []byte("bucket"), nil, nil); err != tt.want || err != nil && visited > 0 {
			t.Errorf("%s, %s: got %v after %d values, want %v", tt.a, tt.b, err, visited, tt.want)
		}
	}
}
