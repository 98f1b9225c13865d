package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"io"
	"os"
)

// The parts of the layout of a bbolt file, version 2, that a reader needs.
// States of format 1 are such files.
const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	pageHeader   = 16 // id 8, flags 2, count 2, overflow 4
	elementSize  = 16 // branch: position 4, key size 4, page 8; leaf: flags 4, position 4, key size 4, value size 4
	bucketHeader = 16 // root 8, sequence 8
	metaLength   = 64 // magic 4, version 4, page size 4, flags 4, root 16, freelist 8, end 8, transaction 8, sum 8
	flagBranch   = 0x01
	flagLeaf     = 0x02
	boltFlagMeta = 0x04
	flagBucket   = 0x01
	noFreelist   = ^uint64(0)
)

// walkFile reads all values of a bbolt file and checks every page. It does not
// use the bbolt library: on damaged pages that panics, even in its own
// goroutines, loops forever, reads unmapped memory, and silently falls back to
// the previous transaction if the newest meta page is damaged. walkFile requires
// both meta pages to be valid: each fits in one sector, so it is written whole
// or not at all.
func walkFile(f *os.File, visit func(bucket, name, value []byte)) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	w := &walker{file: f, size: uint64(info.Size()), visit: visit}
	m, err := w.meta()
	if err != nil {
		return err
	}
	w.pageSize, w.end = m.pageSize, m.end
	if w.end < 3 || w.end > w.size/w.pageSize {
		return errShort
	}
	w.seen = make([]bool, w.end)
	return w.tree(m.root, nil, nil, nil)
}

type walker struct {
	file     io.ReaderAt
	size     uint64
	pageSize uint64
	end      uint64 // the first unused page
	seen     []bool
	visit    func(bucket, name, value []byte)
}

type meta struct{ pageSize, root, end, transaction uint64 }

// meta returns the newer of the two meta pages.
func (w *walker) meta() (meta, error) {
	first, err := w.metaAt(0)
	if errors.Is(err, errForeign) {
		// The first page has no magic number; the second page may still be valid.
		if _, second := w.metaAt(uint64(os.Getpagesize())); second == nil {
			return meta{}, errDamaged
		}
	}
	if err != nil {
		return meta{}, err
	}
	second, err := w.metaAt(first.pageSize)
	switch {
	case errors.Is(err, errForeign):
		return meta{}, errDamaged
	case err != nil:
		return meta{}, err
	case second.pageSize != first.pageSize:
		return meta{}, errDamaged
	case second.transaction > first.transaction:
		return second, nil
	}
	return first, nil
}

func (w *walker) metaAt(at uint64) (meta, error) {
	page := make([]byte, pageHeader+metaLength)
	if n, err := w.file.ReadAt(page, int64(at)); n < len(page) {
		if w.size == 0 || n < pageHeader+8 {
			return meta{}, errShort
		}
		if !errors.Is(err, io.EOF) {
			return meta{}, err
		}
	}
	m := page[pageHeader:]
	if le32(m) != boltMagic || le32(m[4:]) != boltVersion {
		return meta{}, errForeign
	}
	sum := fnv.New64a()
	_, _ = sum.Write(m[:metaLength-8])
	pageSize := uint64(le32(m[8:]))
	if le64(m[metaLength-8:]) != sum.Sum64() || pageSize < 1<<10 || pageSize > 1<<24 || pageSize&(pageSize-1) != 0 {
		return meta{}, errDamaged
	}
	return meta{pageSize: pageSize, root: le64(m[16:]), end: le64(m[40:]), transaction: le64(m[48:])}, nil
}

// page reads a page, with its overflow pages. Reading a page twice is an error.
func (w *walker) page(id uint64) ([]byte, error) {
	if id < 2 || id >= w.end {
		return nil, errDamaged
	}
	head := make([]byte, pageHeader)
	if err := w.readAt(head, id); err != nil {
		return nil, err
	}
	overflow := uint64(le32(head[12:]))
	if le64(head) != id || overflow >= w.end-id {
		return nil, errDamaged
	}
	for n := id; n <= id+overflow; n++ {
		if w.seen[n] {
			return nil, errDamaged
		}
		w.seen[n] = true
	}
	p := make([]byte, (overflow+1)*w.pageSize)
	return p, w.readAt(p, id)
}

func (w *walker) readAt(b []byte, id uint64) error {
	n, err := w.file.ReadAt(b, int64(id*w.pageSize))
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF):
		return errShort
	}
	return err
}

// tree walks the pages below id. Its keys must be at least low and less than
// high; nil means no bound. A nil bucket is the top level, which holds only
// buckets in our states; buckets are not nested.
func (w *walker) tree(id uint64, bucket, low, high []byte) error {
	p, err := w.page(id)
	if err != nil {
		return err
	}
	return w.elements(p, bucket, low, high)
}

func (w *walker) elements(p, bucket, low, high []byte) error {
	flags, count := binary.LittleEndian.Uint16(p[8:]), uint64(binary.LittleEndian.Uint16(p[10:]))
	if flags != flagBranch && flags != flagLeaf || pageHeader+count*elementSize > uint64(len(p)) || flags == flagBranch && count == 0 {
		return errDamaged
	}
	leaf := flags == flagLeaf
	keys := make([][]byte, count+1)
	values := make([][]byte, count)
	for i := range count {
		var err error
		if keys[i], values[i], err = parts(p[pageHeader+i*elementSize:], leaf); err != nil {
			return err
		}
		if bytes.Compare(keys[i], low) < 0 || high != nil && bytes.Compare(keys[i], high) >= 0 || i > 0 && bytes.Equal(keys[i], keys[i-1]) {
			return errDamaged
		}
		low = keys[i]
	}
	keys[count] = high
	for i := range count {
		var err error
		if element := p[pageHeader+i*elementSize:]; leaf {
			err = w.leaf(le32(element), bucket, keys[i], values[i])
		} else {
			err = w.tree(le64(element[8:]), bucket, keys[i], keys[i+1])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leaf visits one value, or walks it if it is a bucket.
func (w *walker) leaf(flags uint32, bucket, key, value []byte) error {
	switch {
	case flags != flagBucket && flags != 0:
		return errDamaged
	case (flags == flagBucket) != (bucket == nil):
		return errForeign
	case bucket != nil:
		w.visit(bucket, key, value)
		return nil
	case len(value) < bucketHeader:
		return errDamaged
	}
	if root := le64(value); root != 0 {
		return w.tree(root, key, nil, nil)
	}
	// A small bucket is stored inline, in the value.
	inline := value[bucketHeader:]
	if len(inline) < pageHeader || binary.LittleEndian.Uint16(inline[8:]) != flagLeaf {
		return errDamaged
	}
	return w.elements(inline, key, nil, nil)
}

// parts returns the key of an element and, for a leaf, its value.
func parts(element []byte, leaf bool) (key, value []byte, err error) {
	at, keySize, valueSize := uint64(le32(element)), uint64(le32(element[4:])), uint64(0)
	if leaf {
		at, keySize, valueSize = uint64(le32(element[4:])), uint64(le32(element[8:])), uint64(le32(element[12:]))
	}
	if at < elementSize || keySize == 0 || at+keySize+valueSize > uint64(len(element)) {
		return nil, nil, errDamaged
	}
	return element[at : at+keySize], element[at+keySize : at+keySize+valueSize], nil
}

func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
