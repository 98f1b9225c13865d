package store

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/vigented/vigente/daemon/schedule"
)

// decoder decodes records on all processors, because decoding takes most of the
// time of a start.
type decoder struct {
	state State
	batch *decodedTogether
	work  chan *decodedTogether
	spare sync.Pool // of batches
	all   sync.WaitGroup

	mu  sync.Mutex
	err error // the first one
}

// decodedTogether is a batch of entries with the bytes that they refer to.
type decodedTogether struct {
	entries []rawEntry
	bytes   []byte
}

// decodeBatch is the number of entries sent to a worker at once.
const decodeBatch = 512

func newDecoder(entries int) *decoder {
	d := &decoder{
		state: State{make(map[schedule.Key]schedule.Record, entries), map[string]schedule.ProviderRecord{}},
		work:  make(chan *decodedTogether, 1),
	}
	d.spare.New = func() any { return &decodedTogether{} }
	d.batch = &decodedTogether{}
	for range min(runtime.GOMAXPROCS(0), 1+entries/decodeBatch) {
		d.all.Go(func() {
			var b decoded
			for batch := range d.work {
				d.decode(batch.entries, &b)
				batch.entries, batch.bytes = batch.entries[:0], batch.bytes[:0]
				d.spare.Put(batch)
			}
		})
	}
	return d
}

// take queues one entry. It copies the bytes of e.
func (d *decoder) take(e rawEntry) error {
	b := d.batch
	from := len(b.bytes) // the entries before may refer to a smaller slice that was copied
	b.bytes = append(append(b.bytes, e.name...), e.value...)
	lent := b.bytes[from:]
	e.name, e.value = lent[:len(e.name)], lent[len(e.name):]
	if b.entries = append(b.entries, e); len(b.entries) == decodeBatch {
		d.work <- b
		d.batch = d.spare.Get().(*decodedTogether) //nolint:forcetypeassert // it holds nothing else
	}
	return nil
}

// finish waits for the workers and returns the state.
func (d *decoder) finish() (State, error) {
	d.work <- d.batch
	close(d.work)
	d.all.Wait()
	return d.state, d.err
}

// decoded is what a worker has decoded of a batch. It uses the same memory for all.
type decoded struct {
	wire      plainDecoder
	records   [decodeBatch]schedule.Record
	providers [decodeBatch]schedule.ProviderRecord
}

func (d *decoder) decode(batch []rawEntry, b *decoded) {
	var failed error
	for i, e := range batch {
		var err error
		if e.kind == providerKind {
			b.providers[i], err = decodeProvider(e.value)
		} else {
			b.records[i], err = b.wire.decode(schedule.Kind(e.kind), e.value)
		}
		if err != nil && failed == nil {
			failed = fmt.Errorf("%s %q: %w", buckets[e.kind], e.name, err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.err = failed
	}
	for i, e := range batch {
		if e.kind == providerKind {
			d.state.Providers[string(e.name)] = b.providers[i]
		} else {
			d.state.Records[schedule.Key{Kind: schedule.Kind(e.kind), Name: string(e.name)}] = b.records[i]
		}
	}
}
