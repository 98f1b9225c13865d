package cluster

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// memory is an engine in memory. It can be away, lose requests and answers, and be
// restored from a backup.
type memory struct {
	mu       sync.Mutex
	rev      int64
	keys     map[string]Entry
	expires  map[string]time.Time
	watchers map[int]watcher
	nextID   int
	away     map[string]bool // by node
	fate     func(node, op, key string) fate
	past     []event // since the last compaction
	writes   []written
}

type event struct {
	rev   int64
	entry Entry
}

// written is one write: the key and the number of bytes.
type written struct {
	key   string
	bytes int
}

// writtenUnder counts the writes under a prefix.
func (m *memory) writtenUnder(prefix string) (writes, bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.writes {
		if strings.HasPrefix(w.key, prefix) {
			writes++
			bytes += len(w.key) + w.bytes
		}
	}
	return writes, bytes
}

// fate is what happens to one request.
type fate uint8

const (
	answeredFate fate = iota
	lostRequest
	lostAnswer
	lateRequest // it arrives some seconds after the caller gave up
)

const lateBy = 3 * time.Second

type watcher struct {
	node, prefix string
	events       chan Entry
	from         int64 // revisions up to this one were seen
}

func newMemory() *memory {
	return &memory{keys: map[string]Entry{}, expires: map[string]time.Time{}, watchers: map[int]watcher{}, away: map[string]bool{}}
}

// of returns the engine as one machine reaches it.
func (m *memory) of(node string) KV { return &reached{m, node, map[string]int64{}} }

type reached struct {
	*memory
	node   string
	leases map[string]int64
}

func (m *memory) setAway(node string, away bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away[node] = away
	for id, w := range m.watchers {
		if away && w.node == node {
			close(w.events)
			delete(m.watchers, id)
		}
	}
}

// restore restores an older copy.
func (m *memory) copy() map[string]Entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := map[string]Entry{}
	for k, e := range m.keys {
		old[k] = e
	}
	return old
}

func (m *memory) restore(old map[string]Entry, rev int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, w := range m.watchers { // like the etcd client, it waits for future revisions
		w.from = max(w.from, m.rev)
		m.watchers[id] = w
	}
	m.keys, m.rev, m.past = old, rev, nil
}

func (r *reached) reach(op, key string) fate {
	if r.away[r.node] {
		return lostRequest
	}
	if r.fate != nil {
		return r.fate(r.node, op, key)
	}
	return answeredFate
}

func (m *memory) expire() {
	for key, at := range m.expires {
		if _, there := m.keys[key]; there && !time.Now().Before(at) {
			m.set(Entry{Key: key}, 0)
		}
	}
}

func (m *memory) set(e Entry, rev int64) {
	m.rev++
	e.At = m.rev
	m.writes = append(m.writes, written{e.Key, len(e.Value)})
	if rev != 0 {
		e.Rev = m.rev
		m.keys[e.Key] = e
	} else {
		delete(m.keys, e.Key)
	}
	m.past = append(m.past, event{m.rev, e})
	for id, w := range m.watchers {
		if !strings.HasPrefix(e.Key, w.prefix) || m.rev <= w.from {
			continue
		}
		select {
		case w.events <- e:
		default: // too slow: the stream breaks, as after a compaction
			close(w.events)
			delete(m.watchers, id)
		}
	}
}

func (r *reached) Get(_ context.Context, key string) (Entry, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	if r.reach("get", key) != answeredFate {
		return Entry{}, ErrAway
	}
	for k := range r.leases { // a request counts as a keep-alive
		if e, there := r.keys[k]; there && e.Rev >= r.leases[k] {
			r.expires[k] = time.Now().Add(presenceSeconds * time.Second)
		}
	}
	e := r.keys[key]
	e.Key, e.At = key, r.rev
	return e, nil
}

func (r *reached) List(_ context.Context, prefix string) ([]Entry, int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	if r.reach("list", prefix) != answeredFate {
		return nil, 0, ErrAway
	}
	var all []Entry
	for key, e := range r.keys {
		if strings.HasPrefix(key, prefix) {
			e.At = r.rev
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(a.Key, b.Key) })
	return all, r.rev, nil
}

func (r *reached) Swap(_ context.Context, key string, rev int64, value []byte, seconds int64) (Entry, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	f := r.reach("swap", key)
	if f == lateRequest {
		time.AfterFunc(lateBy, func() { r.arrive(key, rev, value) })
	}
	if f == lostRequest || f == lateRequest {
		return Entry{}, false, ErrUnknown
	}
	now := r.keys[key]
	now.Key, now.At = key, r.rev
	done := now.Rev == rev
	if done {
		r.set(Entry{Key: key, Value: value}, 1)
		now = r.keys[key]
		now.At = r.rev
		if seconds > 0 {
			r.leases[key] = now.Rev
			r.expires[key] = time.Now().Add(time.Duration(seconds) * time.Second)
		}
	}
	if f == lostAnswer {
		return Entry{}, false, ErrUnknown
	}
	return now, done, nil
}

func (m *memory) arrive(key string, rev int64, value []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keys[key].Rev == rev {
		m.set(Entry{Key: key, Value: value}, 1)
	}
}

// compact forgets the past: watchers must list again.
func (m *memory) compact() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.past = nil
	for id, w := range m.watchers {
		close(w.events)
		delete(m.watchers, id)
	}
}

func (r *reached) Remove(_ context.Context, key string, rev int64) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reach("remove", key) != answeredFate {
		return false, ErrUnknown
	}
	if r.keys[key].Rev != rev {
		return false, nil
	}
	r.set(Entry{Key: key}, 0)
	return true, nil
}

func (r *reached) Watch(ctx context.Context, prefix string, after int64, each func(Entry)) error {
	r.mu.Lock()
	if r.away[r.node] || after > r.rev || len(r.past) > 0 && after+1 < r.past[0].rev {
		r.mu.Unlock()
		return ErrAway
	}
	w := watcher{r.node, prefix, make(chan Entry, 256), after}
	for _, e := range r.past {
		if e.rev > after && strings.HasPrefix(e.entry.Key, prefix) {
			w.events <- e.entry
		}
	}
	r.nextID++
	id := r.nextID
	r.watchers[id] = w
	r.mu.Unlock()
	for {
		select {
		case e, open := <-w.events:
			if !open {
				return ErrAway
			}
			each(e)
		case <-ctx.Done():
			r.mu.Lock()
			defer r.mu.Unlock()
			delete(r.watchers, id)
			return ctx.Err()
		}
	}
}

func (r *reached) Close() error { return nil }
