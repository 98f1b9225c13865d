package cluster

import (
	"context"
	"errors"
)

// ErrUnknown says that it is not known whether a write took place: the answer
// did not arrive. Only reading back tells.
var ErrUnknown = errors.New("the answer of the engine did not arrive")

// ErrAway says that the engine is not reached: nothing was read or written.
var ErrAway = errors.New("the engine is away")

// Entry is one key of the engine.
type Entry struct {
	Key   string
	Value []byte
	// Rev is the revision of its last write, 0 when the key is not there.
	Rev int64
	// At is the revision of the engine at which it was so.
	At int64
}

// KV is what the cluster needs of an engine: single keys, compared and swapped.
// Reads are linearizable. Keys are relative to the cluster's prefix. An error is
// ErrAway, ErrUnknown, or one that waiting does not end, such as missing rights.
type KV interface {
	Get(ctx context.Context, key string) (Entry, error)
	// List returns all keys under a prefix, and the revision they were read at.
	List(ctx context.Context, prefix string) ([]Entry, int64, error)
	// Swap writes a key whose revision is still rev, 0 for one that is not there.
	// Otherwise it returns what is there. With seconds the key goes by itself so
	// long after this machine was last heard of; 0 keeps it.
	Swap(ctx context.Context, key string, rev int64, value []byte, seconds int64) (now Entry, done bool, err error)
	// Remove deletes a key whose revision is still rev.
	Remove(ctx context.Context, key string, rev int64) (done bool, err error)
	// Watch hands out what is written after a revision, deletions with a Rev of 0,
	// until ctx ends or the stream breaks. Then all must be listed again.
	Watch(ctx context.Context, prefix string, after int64, each func(Entry)) error
	Close() error
}
