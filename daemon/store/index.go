package store

import "io"

// index says where in a file the newest value of each entry stands. It is made
// for one pass over the file and dropped after it: the board holds the records.
type index struct {
	newest map[entry]spot
	live   int64 // bytes of the newest values
	seed   []byte
}

type spot struct {
	at     int64 // place of the frame plus place in its payload
	length int
}

// read makes the index of a file up to size. It returns the end of the last
// good frame and, besides, why the scan ended there.
func (c *codec) read(r io.ReaderAt, size int64) (*index, chain, error) {
	ix := &index{newest: map[entry]spot{}}
	end, err := c.scan(r, chain{at: firstFrame}, size, func(at int64, kind uint32, payload []byte) error {
		switch kind {
		case frameSeed:
			ix.seed = append([]byte(nil), payload...)
		case frameEntries:
			return eachEntry(payload, func(e rawEntry) error {
				ix.note(e, at)
				return nil
			})
		}
		return nil
	})
	return ix, end, err
}

func (ix *index) note(e rawEntry, at int64) {
	ix.live += int64(e.length) - int64(ix.newest[entry{e.kind, string(e.name)}].length)
	if e.value == nil {
		ix.live -= int64(e.length)
		delete(ix.newest, entry{e.kind, string(e.name)})
		return
	}
	ix.newest[entry{e.kind, string(e.name)}] = spot{at + int64(e.at), e.length}
}

// newestOf visits the newest value of each entry, in the order of the file.
func (c *codec) newestOf(r io.ReaderAt, ix *index, size int64, visit func(rawEntry) error) error {
	_, err := c.scan(r, chain{at: firstFrame}, size, func(at int64, kind uint32, payload []byte) error {
		if kind != frameEntries {
			return nil
		}
		return eachEntry(payload, func(e rawEntry) error {
			if s, ok := ix.newest[entry{e.kind, string(e.name)}]; !ok || s.at != at+int64(e.at) {
				return nil
			}
			return visit(e)
		})
	})
	return err
}
