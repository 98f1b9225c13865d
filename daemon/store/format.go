package store

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"hash/fnv"
	"strconv"
)

// format is the version of the file. Newer versions are refused.
const format = 2

// The layout of a state file: a prelude for older versions of the program, a
// header, frames.
const (
	preludePage   = 1 << 10
	preludeLength = 3 * preludePage
	headerLength  = 64
	firstFrame    = preludeLength + headerLength
	saltLength    = 16
	checkLength   = 16
	headerMagic   = "vigente\n"
	flagSealed    = 1
)

// prelude is a bbolt database with one value, the number of this format. An older
// version of the program, which kept its state in bbolt, reads it, refuses the
// file with the advice to install the newer version again, and does not change it.
func prelude() []byte {
	b := make([]byte, preludeLength)
	le := binary.LittleEndian
	for i := range 2 {
		page := b[i*preludePage:]
		le.PutUint64(page, uint64(i))
		le.PutUint16(page[8:], boltFlagMeta)
		m := page[pageHeader:]
		le.PutUint32(m, boltMagic)
		le.PutUint32(m[4:], boltVersion)
		le.PutUint32(m[8:], preludePage)
		le.PutUint64(m[16:], 2)
		le.PutUint64(m[32:], noFreelist)
		le.PutUint64(m[40:], 3)
		le.PutUint64(m[48:], uint64(i))
		sum := fnv.New64a()
		_, _ = sum.Write(m[:metaLength-8])
		le.PutUint64(m[metaLength-8:], sum.Sum64())
	}
	version := strconv.Itoa(format)
	bucket := append(make([]byte, bucketHeader), preludeLeaf(0, 0, "format", []byte(version))...)
	copy(b[2*preludePage:], preludeLeaf(2, flagBucket, "meta", bucket))
	return b
}

// preludeLeaf returns a page with one element.
func preludeLeaf(id, flags int, key string, value []byte) []byte {
	le := binary.LittleEndian
	p := make([]byte, pageHeader+elementSize)
	le.PutUint64(p, uint64(id))
	le.PutUint16(p[8:], flagLeaf)
	le.PutUint16(p[10:], 1)
	e := p[pageHeader:]
	le.PutUint32(e, uint32(flags))
	le.PutUint32(e[4:], elementSize)
	le.PutUint32(e[8:], uint32(len(key)))
	le.PutUint32(e[12:], uint32(len(value)))
	return append(append(p, key...), value...)
}

// header says how to read the frames after it.
type header struct {
	format uint32
	sealed bool
	salt   [saltLength]byte
	check  [checkLength]byte // identifies the key; zero in an unsealed file
}

func (h header) encode() []byte {
	b := make([]byte, headerLength)
	copy(b, headerMagic)
	binary.LittleEndian.PutUint32(b[8:], h.format)
	if h.sealed {
		binary.LittleEndian.PutUint32(b[12:], flagSealed)
	}
	copy(b[16:], h.salt[:])
	copy(b[32:], h.check[:])
	binary.LittleEndian.PutUint32(b[headerLength-4:], crc(b[:headerLength-4]))
	return b
}

// decodeHeader decodes the header of a file that begins with b. It returns
// errForeign for any file that does not have this layout.
func decodeHeader(b []byte) (header, error) {
	ours := bytes.HasPrefix(b, prelude())
	switch {
	case ours && len(b) < firstFrame:
		return header{}, errShort
	case len(b) >= firstFrame && bytes.HasPrefix(b[preludeLength:], []byte(headerMagic)):
	case ours:
		return header{}, errDamaged
	default:
		return header{}, errForeign
	}
	own := b[preludeLength:firstFrame]
	if binary.LittleEndian.Uint32(own[headerLength-4:]) != crc(own[:headerLength-4]) {
		return header{}, errDamaged
	}
	h := header{
		format: binary.LittleEndian.Uint32(own[8:]),
		sealed: binary.LittleEndian.Uint32(own[12:])&flagSealed != 0,
		salt:   [saltLength]byte(own[16:]),
		check:  [checkLength]byte(own[32:]),
	}
	if h.format == format && !ours {
		return header{}, errDamaged
	}
	return h, nil
}

func crc(parts ...[]byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // cached by the library
	sum := uint32(0)
	for _, p := range parts {
		sum = crc32.Update(sum, table, p)
	}
	return sum
}
