package store

import (
	"encoding/binary"
	"slices"

	"github.com/vigented/vigente/daemon/schedule"
)

// Buckets of records in the state, by kind of task, and that of the providers.
var buckets = [...]string{schedule.Obtaining: "credentials", schedule.Delivering: "sinks", schedule.Hooking: "hooks", providerKind: "providers"}

// providerKind is the bucket of the records that the callers of a backend share.
const providerKind = 3

// entry is the key of one stored value.
type entry struct {
	kind uint8
	name string
}

func entryOf(key schedule.Key) (e entry, valid bool) {
	e = entry{uint8(key.Kind), key.Name}
	return e, key.Kind < providerKind && key.Name != ""
}

// entryOfBucket returns the entry for a bucket's name and a record's name.
func entryOfBucket(bucket, name string) (e entry, valid bool) {
	i := slices.Index(buckets[:], bucket)
	return entry{uint8(max(i, 0)), name}, i >= 0
}

func (e entry) String() string { return buckets[e.kind] + " " + e.name }

// appendEntry encodes one entry; a nil value deletes.
func appendEntry(buf []byte, e entry, value []byte) []byte {
	buf = append(buf, e.kind)
	buf = binary.AppendUvarint(buf, uint64(len(e.name)))
	buf = append(buf, e.name...)
	if value == nil {
		return binary.AppendUvarint(buf, 0)
	}
	buf = binary.AppendUvarint(buf, uint64(len(value))+1)
	return append(buf, value...)
}

// rawEntry is an entry in a payload.
type rawEntry struct {
	kind   uint8
	name   []byte
	value  []byte // nil deletes
	at     int    // its offset in the payload
	length int
}

// eachEntry calls visit for each entry of a payload.
func eachEntry(payload []byte, visit func(rawEntry) error) error {
	for at := 0; at < len(payload); {
		e := rawEntry{kind: payload[at], at: at}
		rest := payload[at+1:]
		var ok bool
		if e.name, rest, ok = cutBytes(rest, 0); !ok || int(e.kind) >= len(buckets) {
			return errDamaged
		}
		if e.value, rest, ok = cutBytes(rest, 1); !ok {
			return errDamaged
		}
		e.length = len(payload) - at - len(rest)
		if err := visit(e); err != nil {
			return err
		}
		at += e.length
	}
	return nil
}

// cutBytes reads a length and that many bytes. extra was added to the length
// when it was written; a smaller length means nil.
func cutBytes(b []byte, extra uint64) (text, rest []byte, ok bool) {
	n, used := binary.Uvarint(b)
	if used <= 0 {
		return nil, nil, false
	}
	b = b[used:]
	if n < extra {
		return nil, b, true
	}
	n -= extra
	if n > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}
