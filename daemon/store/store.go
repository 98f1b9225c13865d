// Package store keeps what must survive a restart: one record a task, in one
// bbolt file.
//
// A save that has returned is on the disk. Saves that come at the same time
// share one commit, since the disk's sync is what costs. Records are sealed
// with AES-256-GCM when a key is set. A file that is corrupt, foreign, newer,
// or sealed with another key is refused with one clear error and left exactly
// as it is; SetAside makes room for a new one. One process at a time has a state directory open.
package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	bolt "go.etcd.io/bbolt"

	"github.com/vigented/vigente/daemon/schedule"
)

// Names of the files in the state directory. The last one is there only while
// a file is made, or after a crash in that moment.
const (
	fileName  = "state.db"
	lockName  = "lock"
	freshName = "state.db.new"
)

// Options say how the state is kept.
type Options struct {
	// Key seals the records; nil keeps them readable for whoever can read the
	// file. A state that was kept in clear is sealed when a key is set; the
	// reverse is refused.
	Key *[32]byte
}

// State is everything that was stored.
type State struct {
	Records   map[schedule.Key]schedule.Record
	Providers map[string]schedule.ProviderRecord
}

// Store is the open state. Its methods are safe for concurrent use.
type Store struct {
	dir  string
	lock *os.File
	seal *sealer // nil when the state is in clear
	seed [32]byte

	mu      sync.Mutex
	closed  bool
	idle    chan struct{} // closed when nobody commits any more; nil then
	queue   *group        // what comes next; nil when nothing waits
	content content

	// What follows belongs to the goroutine that commits, and to Open and Close.
	db   *bolt.DB
	file fs.FileInfo // of the file that db has open
	// doubt says that a commit failed: what the file holds is not known, and
	// the next commit makes a new one.
	doubt   bool
	commits int
}

// Open opens the state in dir, which is made if need be, and keeps other
// processes out of it.
func Open(dir string, opt Options) (*Store, error) {
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("make the state directory: %w (make it for the daemon's user, or give another daemon.state_dir)", err)
	}
	lock, err := takeLock(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, lock: lock}
	if err := s.open(opt.Key); err != nil {
		return nil, errors.Join(err, s.shut())
	}
	return s, nil
}

func (s *Store) path() string { return filepath.Join(s.dir, fileName) }

// Seed is a random number of this state, made with it: jitter and digests are
// keyed with it, so that they stay the same over restarts.
func (s *Store) Seed() [32]byte { return s.seed }

// Close waits for the saves under way, for as long as ctx allows, and releases
// the state. Later saves are refused. A disk that does not answer keeps the
// state locked until this process ends.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	idle := s.idle
	s.mu.Unlock()
	if idle != nil {
		select {
		case <-idle:
		case <-ctx.Done():
			return errors.New("close the state: the disk does not answer; what was to be saved last may be lost")
		}
	}
	return s.shut()
}

func (s *Store) shut() error {
	var err error
	if s.db != nil {
		err = s.db.Close()
		s.db = nil
	}
	return errors.Join(err, s.lock.Close())
}

// Load returns everything that is stored. A record that cannot be read makes
// it fail and is named: a state that is only half known is none.
func (s *Store) Load() (State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := State{map[schedule.Key]schedule.Record{}, map[string]schedule.ProviderRecord{}}
	for e, value := range s.content.values {
		if e.bucket == metaBucket {
			continue
		}
		if err := s.decode(e, value, &state); err != nil {
			return State{}, s.corruptRecord(e, value, err)
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
		state.Providers[e.name], err = decodeProvider(plain)
		return err
	}
	kind, ok := kindOf(e.bucket)
	if !ok {
		return errors.New("unknown kind of record")
	}
	state.Records[schedule.Key{Kind: kind, Name: e.name}], err = decodeRecord(plain)
	return err
}

// Save stores the record of a task and returns when it is durable. The end of
// ctx ends the waiting for others who commit, not the save.
func (s *Store) Save(ctx context.Context, key schedule.Key, r schedule.Record) error {
	plain, err := encodeRecord(r)
	if err != nil {
		return fmt.Errorf("save record %s: %w", key.Name, err)
	}
	return s.put(ctx, entryOf(key), plain)
}

// SaveProvider is Save for what the callers of one backend share.
func (s *Store) SaveProvider(ctx context.Context, name string, r schedule.ProviderRecord) error {
	plain, err := encodeProvider(r)
	if err != nil {
		return fmt.Errorf("save record %s: %w", name, err)
	}
	return s.put(ctx, entry{providerBucket, name}, plain)
}

// Delete forgets the record of a task, in the way of Save.
func (s *Store) Delete(ctx context.Context, key schedule.Key) error {
	return s.submit(ctx, entryOf(key), nil)
}

func (s *Store) put(ctx context.Context, e entry, plain []byte) error {
	value, err := s.seal.close(e, plain)
	if err != nil {
		return fmt.Errorf("save record %s: %w", e.name, err)
	}
	return s.submit(ctx, e, value)
}

// corruptRecord is the error of one record. It names the record unless the
// name is damaged too and may show anything.
func (s *Store) corruptRecord(e entry, value []byte, err error) error {
	if !named(e, value) {
		return s.corrupt(fmt.Errorf("a record whose name is damaged: %w", err))
	}
	return s.corrupt(fmt.Errorf("%s %q: %w", e.bucket, e.name, err))
}

// corrupt is the error of a state that cannot be used, with what to do.
func (s *Store) corrupt(err error) error {
	return damaged(fmt.Errorf("open state %s: %w", s.path(), err), err)
}
