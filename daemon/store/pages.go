package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"os"
)

// The layout of a bbolt file, version 2, as far as a check of it needs it.
const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	pageHeader    = 16 // id 8, flags 2, count 2, overflow 4
	elementSize   = 16 // branch: position 4, key size 4, page 8; leaf: flags 4, position 4, key size 4, value size 4
	bucketHeader  = 16 // root 8, sequence 8
	metaLength    = 64
	flagBranch    = 0x01
	flagLeaf      = 0x02
	flagBucket    = 0x01
	deepestBranch = 64
)

var (
	errForeign = errors.New("it is no state of vigente")
	errShort   = errors.New("it is cut short")
	errDamaged = errors.New("its pages are damaged")
)

// checkPages walks every page of a bbolt file. The library itself panics on
// broken pages, also in goroutines of its own, and reads where nothing is
// mapped; so a file is only given to it when all of it makes sense.
func checkPages(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	w := walker{data: data, seen: map[uint64]bool{}}
	root, err := w.meta()
	if err != nil {
		return err
	}
	return w.bucket(root, 0)
}

type walker struct {
	data     []byte
	pageSize uint64
	end      uint64 // the first page that is not in use
	seen     map[uint64]bool
}

// meta reads the newest of the two meta pages that is whole and returns the
// page of the root bucket.
func (w *walker) meta() (root uint64, err error) {
	var newest uint64
	found := false
	for _, size := range []uint64{uint64(os.Getpagesize()), 4096, 8192, 16384, 65536} {
		for n := range uint64(2) {
			at := n*size + pageHeader
			if uint64(len(w.data)) < at+metaLength {
				continue
			}
			m := w.data[at : at+metaLength]
			sum := fnv.New64a()
			_, _ = sum.Write(m[:56])
			if le32(m) != boltMagic || le32(m[4:]) != boltVersion || uint64(le32(m[8:])) != size || le64(m[56:]) != sum.Sum64() {
				continue
			}
			if tx := le64(m[48:]); !found || tx > newest {
				found, newest = true, tx
				w.pageSize, w.end, root = size, le64(m[40:]), le64(m[16:])
			}
		}
		if found {
			break
		}
	}
	switch {
	case !found:
		return 0, errForeign
	case w.end < 3 || w.end > uint64(len(w.data))/w.pageSize:
		return 0, errShort
	}
	return root, nil
}

// bucket walks the tree below a page.
func (w *walker) bucket(page uint64, depth int) error {
	if depth > deepestBranch || page < 2 || page >= w.end {
		return errDamaged
	}
	p := w.data[page*w.pageSize:]
	overflow := uint64(le32(p[12:]))
	if le64(p) != page || overflow >= w.end || page+overflow >= w.end {
		return errDamaged
	}
	for n := page; n <= page+overflow; n++ {
		if w.seen[n] {
			return errDamaged
		}
		w.seen[n] = true
	}
	return w.page(p[:(overflow+1)*w.pageSize], depth)
}

// page walks one page, or one that is kept inside a value.
func (w *walker) page(p []byte, depth int) error {
	flags, count := binary.LittleEndian.Uint16(p[8:]), uint64(binary.LittleEndian.Uint16(p[10:]))
	if flags != flagBranch && flags != flagLeaf || pageHeader+count*elementSize > uint64(len(p)) {
		return errDamaged
	}
	if flags == flagBranch && count == 0 {
		return errDamaged
	}
	var last []byte
	for i := range count {
		at := pageHeader + i*elementSize
		element := p[at:]
		key, value, err := parts(element, flags == flagLeaf)
		if err != nil || i > 0 && bytes.Compare(last, key) >= 0 {
			return errDamaged
		}
		last = key
		switch {
		case flags == flagBranch:
			err = w.bucket(le64(element[8:]), depth+1)
		case le32(element) == flagBucket:
			err = w.nested(value, depth)
		case le32(element) != 0:
			err = errDamaged
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// nested walks a bucket that is the value of a key.
func (w *walker) nested(value []byte, depth int) error {
	if len(value) < bucketHeader {
		return errDamaged
	}
	if root := le64(value); root != 0 {
		return w.bucket(root, depth+1)
	}
	inline := value[bucketHeader:]
	if len(inline) < pageHeader || depth > deepestBranch {
		return errDamaged
	}
	return w.page(inline, depth+1)
}

// parts returns the key of an element, and the value of a leaf's.
func parts(element []byte, leaf bool) (key, value []byte, err error) {
	at, keySize, valueSize := uint64(le32(element)), uint64(le32(element[4:])), uint64(0)
	if leaf {
		at, keySize, valueSize = uint64(le32(element[4:])), uint64(le32(element[8:])), uint64(le32(element[12:]))
	}
	if at < elementSize || at+keySize+valueSize > uint64(len(element)) {
		return nil, nil, errDamaged
	}
	return element[at : at+keySize], element[at+keySize : at+keySize+valueSize], nil
}

func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
