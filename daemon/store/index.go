package store

import "io"

// index holds the offset of the newest value of each entry in a file. It is built
// for one pass over the file and then dropped; the engine holds the records.
type index struct {
	newest map[entry]spot
	live   int64 // bytes of the newest values
	seed   []byte
}

type spot struct {
	at     int64 // offset of the frame plus offset in its payload
	length int
}

// read builds the index of a file up to size. It returns the end of the last good
// frame and the reason why the scan ended there.
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

// newestOf calls visit for the newest value of each entry, in file order.
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
