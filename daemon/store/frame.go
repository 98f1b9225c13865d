package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// A frame is one append: what a group of callers saved together. Its checksums
// include the file's salt, so that bytes inside a value, such as a token, cannot
// pass for a frame.
const (
	frameHead = 32 // magic 4, kind 4, counter 8, length 4, previous frame 4, body 4, head 4
	maxFrame  = 1 << 30
)

// Kinds of frames.
const (
	frameEntries = iota + 1 // saved and deleted records
	frameSeed               // the seed of the state; the first frame
	frameEnd                // empty; written by Close after everything was saved
)

// chain is the end of a file: the offset of the next frame and the frame before
// it.
type chain struct {
	at      int64
	counter uint64
	sum     uint32          // of the head of the last frame
	tag     [tagLength]byte // of the last frame; sealed files only
}

// codec writes and reads the frames of one file.
type codec struct {
	header header
	box    *box // nil if the file is not sealed
}

// additional returns the additional data that a sealed frame authenticates.
func (c *codec) additional(before chain, kind uint32, counter uint64) []byte {
	b := make([]byte, 0, saltLength+tagLength+12)
	b = append(b, c.header.salt[:]...)
	b = append(b, before.tag[:]...)
	b = binary.LittleEndian.AppendUint32(b, kind)
	return binary.LittleEndian.AppendUint64(b, counter)
}

// append encodes the frame that follows before, and returns the new end.
func (c *codec) append(buf []byte, before chain, kind uint32, counter uint64, payload []byte) ([]byte, chain) {
	start := len(buf)
	buf = append(buf, make([]byte, frameHead)...)
	after := chain{counter: counter}
	if c.box == nil {
		buf = append(buf, payload...)
	} else {
		buf = c.box.seal(buf, payload, c.additional(before, kind, counter))
		copy(after.tag[:], buf[len(buf)-tagLength:])
	}
	head, body := buf[start:start+frameHead], buf[start+frameHead:]
	le := binary.LittleEndian
	copy(head, c.header.salt[:4])
	le.PutUint32(head[4:], kind)
	le.PutUint64(head[8:], counter)
	le.PutUint32(head[16:], uint32(len(body)))
	le.PutUint32(head[20:], before.sum)
	le.PutUint32(head[24:], crc(body))
	after.sum = c.headSum(head)
	le.PutUint32(head[28:], after.sum)
	after.at = before.at + int64(len(buf)-start)
	return buf, after
}

func (c *codec) headSum(head []byte) uint32 {
	return crc(c.header.salt[:], head[:frameHead-4])
}

// wellFormed reports whether head begins a frame of this file.
func (c *codec) wellFormed(head []byte) bool {
	return string(head[:4]) == string(c.header.salt[:4]) && binary.LittleEndian.Uint32(head[28:]) == c.headSum(head)
}

// errTorn ends a scan where no complete frame follows.
var errTorn = errors.New("it ends within a frame")

// scan reads the frames between from and size and calls visit with each payload,
// which is valid only during the call. It returns the end of the last good frame.
func (c *codec) scan(r io.ReaderAt, from chain, size int64, visit func(at int64, kind uint32, payload []byte) error) (chain, error) {
	in := bufio.NewReaderSize(io.NewSectionReader(r, from.at, size-from.at), 1<<18)
	head := make([]byte, frameHead)
	var body []byte
	for from.at < size {
		if err := readAll(in, head); err != nil {
			return from, err
		}
		le := binary.LittleEndian
		length := int64(le.Uint32(head[16:]))
		if !c.wellFormed(head) || length > size-from.at-frameHead || length > maxFrame {
			return from, errTorn
		}
		if int64(cap(body)) < length {
			body = make([]byte, length, length+length/4)
		}
		body = body[:length]
		if err := readAll(in, body); err != nil {
			return from, err
		}
		if le.Uint32(head[24:]) != crc(body) {
			return from, errTorn
		}
		next, payload, err := c.follow(from, head, body)
		if err != nil {
			return from, err
		}
		if err := visit(from.at, le.Uint32(head[4:]), payload); err != nil {
			return from, err
		}
		from = next
	}
	return from, nil
}

// follow checks that a complete frame is the successor of before.
func (c *codec) follow(before chain, head, body []byte) (next chain, payload []byte, err error) {
	le := binary.LittleEndian
	kind, counter := le.Uint32(head[4:]), le.Uint64(head[8:])
	if le.Uint32(head[20:]) != before.sum || counter <= before.counter {
		return before, nil, errIncomplete
	}
	next = chain{at: before.at + frameHead + int64(len(body)), counter: counter, sum: le.Uint32(head[28:])}
	if c.box == nil {
		return next, body, nil
	}
	if len(body) < sealOverhead {
		return before, nil, errForged
	}
	copy(next.tag[:], body[len(body)-tagLength:])
	payload, err = c.box.open(body, c.additional(before, kind, counter))
	return next, payload, err
}

// readAll fills b. If the file ends first it returns errTorn; other errors come
// from the disk.
func readAll(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTorn
	}
	return err
}

// wholeAfter reports whether a complete frame begins after offset at. A group is
// written and synced before the next one, so a crash never leaves such a frame.
func (c *codec) wholeAfter(r io.ReaderAt, at, size int64) (bool, error) {
	const window = 1 << 20
	buf := make([]byte, window+frameHead)
	for start := at + 1; start+frameHead <= size; start += window {
		n, err := r.ReadAt(buf[:min(int64(len(buf)), size-start)], start)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		for i := range min(window, max(0, n-frameHead+1)) {
			head := buf[i : i+frameHead]
			length := int64(binary.LittleEndian.Uint32(head[16:]))
			where := start + int64(i)
			if !c.wellFormed(head) || length > size-where-frameHead || length > maxFrame {
				continue
			}
			body := make([]byte, length)
			if _, err := r.ReadAt(body, where+frameHead); err != nil {
				return false, err
			}
			if crc(body) == binary.LittleEndian.Uint32(head[24:]) {
				return true, nil
			}
		}
	}
	return false, nil
}
