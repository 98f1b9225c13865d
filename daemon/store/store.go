// Package store keeps what must survive a restart: one record a task, in one
// bbolt file.
//
// A save that has returned is on the disk. Saves that come at the same time
// share one commit, since the disk's sync is what costs. Records are sealed
// with AES-256-GCM when a key is set. A file that is corrupt, foreign, newer,
// or sealed with another key is refused with one clear error and left exactly
// as it is.
package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	bolt "go.etcd.io/bbolt"

	"github.com/vigented/vigente/daemon/schedule"
)

// Names of the files in the state directory.
const (
	fileName = "state.db"
	lockName = "lock"
)

// format is the version of the content. A newer one is refused.
const format = 1

// Options say how the state is kept.
type Options struct {
	// Key seals the records; nil keeps them readable for whoever can read the
	// file.
	Key *[32]byte
}

// State is everything that was stored.
type State struct {
	Records   map[schedule.Key]schedule.Record
	Providers map[string]schedule.ProviderRecord
}

// Store is the open state. Its methods are safe for concurrent use. Only one
// process at a time has a state directory open.
type Store struct {
	dir  string
	lock *os.File
	seal *sealer
	seed [32]byte

	mu      sync.Mutex
	db      *bolt.DB
	content map[entry][]byte // what the file holds, or should
	pending map[entry]*write
	waiting []chan turn
	leading bool
	commits int
	// doubt says that a commit failed: what the file holds is not known, and
	// the next commit writes everything.
	doubt bool
}

// entry is the place of one value.
type entry struct{ bucket, name string }

// write is a value that is to be stored, nil for a deletion.
type write struct{ value []byte }

// Open opens the state in dir, which is made if need be, and keeps other
// processes out of it.
func Open(dir string, opt Options) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make state directory: %w", err)
	}
	lock, err := takeLock(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, lock: lock, pending: map[entry]*write{}}
	if err := s.open(opt); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

func (s *Store) open(opt Options) error {
	path := filepath.Join(s.dir, fileName)
	if err := create(path); err != nil {
		return err
	}
	if err := precheck(path); err != nil {
		return err
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: 1, NoFreelistSync: true})
	if err != nil {
		return unusable(path, err)
	}
	s.db = db
	if s.content, err = readAll(db); err == nil {
		err = s.unlock(path, opt.Key)
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return nil
}

// Seed is a random number of this state, made with it: jitter and digests are
// keyed with it, so that they stay the same over restarts.
func (s *Store) Seed() [32]byte { return s.seed }

// Close releases the state. It must not be called while a save is under way.
func (s *Store) Close() error {
	return errors.Join(s.db.Close(), s.lock.Close())
}

// Load returns everything that is stored. A record that cannot be read makes
// it fail: a state that is only half known is none.
func (s *Store) Load() (State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := State{map[schedule.Key]schedule.Record{}, map[string]schedule.ProviderRecord{}}
	for e, value := range s.content {
		if e.bucket == metaBucket {
			continue
		}
		if err := s.decode(e, value, &state); err != nil {
			return State{}, corrupt(filepath.Join(s.dir, fileName), fmt.Errorf("%s %s: %w", e.bucket, e.name, err))
		}
	}
	return state, nil
}

func (s *Store) decode(e entry, value []byte, state *State) error {
	plain, err := s.seal.open(e, value)
	if err != nil {
		return err
	}
	if e.bucket == providerBucket {
		r, err := decodeProvider(plain)
		state.Providers[e.name] = r
		return err
	}
	for kind, bucket := range buckets {
		if bucket == e.bucket {
			r, err := DecodeRecord(plain)
			state.Records[schedule.Key{Kind: schedule.Kind(kind), Name: e.name}] = r
			return err
		}
	}
	return errors.New("unknown kind of record")
}

// Save stores the record of a task and returns when it is durable. The end of
// ctx ends the waiting, not the save.
func (s *Store) Save(ctx context.Context, key schedule.Key, r schedule.Record) error {
	plain, err := EncodeRecord(r)
	if err != nil {
		return fmt.Errorf("save record %s: %w", key.Name, err)
	}
	return s.put(ctx, entry{buckets[key.Kind], key.Name}, plain)
}

// SaveProvider is Save for what the callers of one backend share.
func (s *Store) SaveProvider(ctx context.Context, name string, r schedule.ProviderRecord) error {
	plain, err := encodeProvider(r)
	if err != nil {
		return fmt.Errorf("save record %s: %w", name, err)
	}
	return s.put(ctx, entry{providerBucket, name}, plain)
}

// Delete forgets the record of a task.
func (s *Store) Delete(ctx context.Context, key schedule.Key) error {
	return s.submit(ctx, entry{buckets[key.Kind], key.Name}, &write{})
}

func (s *Store) put(ctx context.Context, e entry, plain []byte) error {
	value, err := s.seal.close(e, plain)
	if err != nil {
		return fmt.Errorf("save record %s: %w", e.name, err)
	}
	return s.submit(ctx, e, &write{value})
}

// newSeed makes the random number of a new state.
func newSeed() ([]byte, error) {
	seed := make([]byte, 32)
	_, err := rand.Read(seed)
	return seed, err
}

// unusable turns an error of opening into one that says what to do.
func unusable(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("open state %s: %w (expected to be readable and writable for the daemon's user)", path, err)
	case errors.Is(err, bolt.ErrTimeout):
		return fmt.Errorf("open state %s: it is in use by another process", path)
	}
	return corrupt(path, err)
}

func corrupt(path string, err error) error {
	return fmt.Errorf("open state %s: it cannot be used: %w (restore a copy, or move the file away to begin afresh: every credential is then renewed)", path, err)
}
