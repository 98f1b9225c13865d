package store

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"maps"
	"slices"

	"github.com/vigented/vigente/daemon/schedule"
)

// Buckets by kind of task, and the others.
var buckets = [...]string{schedule.Obtaining: "credentials", schedule.Delivering: "sinks", schedule.Hooking: "hooks"}

const (
	providerBucket = "providers"
	metaBucket     = "meta"
)

// Values of the meta bucket.
var (
	metaFormat = entry{metaBucket, "format"} // the version, as a number in clear
	metaSeed   = entry{metaBucket, "seed"}
	metaCheck  = entry{metaBucket, "check"}  // a known text; there when the state is sealed
	metaDigest = entry{metaBucket, "digest"} // of all other values
)

// entry is the place of one value.
type entry struct{ bucket, name string }

func entryOf(key schedule.Key) entry {
	if int(key.Kind) < 0 || int(key.Kind) >= len(buckets) {
		return entry{}
	}
	return entry{buckets[key.Kind], key.Name}
}

func kindOf(bucket string) (schedule.Kind, bool) {
	i := slices.Index(buckets[:], bucket)
	return schedule.Kind(i), i >= 0
}

func (e entry) compare(o entry) int {
	return cmp.Or(cmp.Compare(e.bucket, o.bucket), cmp.Compare(e.name, o.name))
}

// digest tells whether a set of values is complete and of one time. It is the
// exclusive or of the digests of all values with their places, so that one
// change costs the same whatever the number of values. A page that a damaged
// tree no longer leads to, or a single value that was set back, shows in it.
type digest [16]byte

func (d *digest) flip(e entry, value []byte) {
	h := sha256.Sum256(bytes.Join([][]byte{place(e), value}, []byte{0}))
	for i := range d {
		d[i] ^= h[i]
	}
}

// content is what the file holds, or should hold. It is in memory as a whole:
// the records of a board are there too, and after a commit that failed it is
// what the daemon believes in.
type content struct {
	values map[entry][]byte // as stored; without metaDigest
	digest digest
}

func newContent() content { return content{values: map[entry][]byte{}} }

func (c *content) set(e entry, value []byte) {
	if old, ok := c.values[e]; ok {
		c.digest.flip(e, old)
		delete(c.values, e)
	}
	if value != nil {
		c.digest.flip(e, value)
		c.values[e] = value
	}
}

func (c *content) apply(writes map[entry][]byte) {
	for e, value := range writes {
		c.set(e, value)
	}
}

func (c *content) sorted() []entry { return slices.SortedFunc(maps.Keys(c.values), entry.compare) }
