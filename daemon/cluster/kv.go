package cluster

import (
	"context"
	"errors"
)

// ErrUnknown means it is unknown whether a write took place: its answer was lost. Only
// reading the key shows it.
var ErrUnknown = errors.New("the answer of the engine did not arrive")

// ErrAway means the engine cannot be reached: nothing was read or written.
var ErrAway = errors.New("the engine is away")

// Entry is one key of the engine.
type Entry struct {
	Key   string
	Value []byte
	// Rev is the revision of its last write, or 0 if the key does not exist.
	Rev int64
	// At is the engine's revision at the time of the read.
	At int64
}

// KV is what the cluster needs from an engine: single keys, compared and swapped. Reads
// are linearizable. Keys are relative to the cluster's prefix. An error is ErrAway,
// ErrUnknown, or one that waiting does not resolve, such as missing permissions.
type KV interface {
	Get(ctx context.Context, key string) (Entry, error)
	// List returns all keys under a prefix, and the revision of the read.
	List(ctx context.Context, prefix string) ([]Entry, int64, error)
	// Swap writes a key if its revision is still rev, which is 0 for a key that does not
	// exist. Otherwise it returns the current entry. If seconds is not 0, the key expires
	// that long after this machine's last keep-alive.
	Swap(ctx context.Context, key string, rev int64, value []byte, seconds int64) (now Entry, done bool, err error)
	// Remove deletes a key if its revision is still rev.
	Remove(ctx context.Context, key string, rev int64) (done bool, err error)
	// Watch reports writes after a revision, and deletions with a Rev of 0, until ctx ends
	// or the stream breaks. Then everything must be listed again.
	Watch(ctx context.Context, prefix string, after int64, each func(Entry)) error
	Close() error
}
