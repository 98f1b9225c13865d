// Package store keeps what must survive a restart: one record per task, in one
// append-only file.
//
// When a save returns, its record is on the disk. Concurrent saves share one
// append and one sync, because the sync is what costs time. With a key, appends
// are sealed with AES-256-GCM and each is chained to the previous one, and a mark
// beside the file holds the counter of the state. A state that is not sealed, was
// changed, or is older than its mark is then refused. Without a key, checksums
// detect a damaged file, and SetAside makes way for a new one. Only one process
// at a time can open a state directory. No record is kept in memory.
package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// Names of the files in the state directory. The last one exists only while a new
// file is written, or after a crash during that.
const (
	fileName  = "state.db"
	lockName  = "lock"
	freshName = "state.db.new"
)

// Options say how the state is kept.
type Options struct {
	// Key seals the records. If it is nil, everyone who can read the file can read
	// them. A state that does not match is refused; Seal converts it.
	Key *[32]byte
	// Warn is called for each file whose access by other users was removed. It may
	// be nil.
	Warn func(path, message string)
}

// State is the whole content of a store.
type State struct {
	Records   map[schedule.Key]schedule.Record
	Providers map[string]schedule.ProviderRecord
}

// Store is the open state. Its methods are safe for concurrent use.
type Store struct {
	dir     string
	lock    *os.File
	key     *[32]byte // nil if the state is not sealed
	seed    [32]byte
	slack   int64
	sealing bool // accept any state, because an operator asked to seal it

	mu     sync.Mutex
	closed bool
	idle   chan struct{} // closed when the committing goroutine ends; nil if none runs
	queue  *group        // the next group to commit; nil if nothing waits
	spare  [2][]byte     // the buffers of the last group, for the next one

	stop atomic.Bool // stops a rewrite

	// disk guards the fields below. Whoever writes to the disk holds it.
	disk sync.Mutex
	log  *logFile
	// found is the index that Open built, for the first Load.
	found *index
	// doubt means a sync failed: the content of the file is unknown, and the next
	// commit writes a new one.
	doubt        bool
	commits      int
	rewriting    chan struct{} // closed when the rewrite ends; nil if none runs
	rewriteAfter int64         // size of the file below which no rewrite is attempted
	markAt       uint64        // the counter in the mark
	markWait     *time.Timer   // runs until the mark may be written again
	shutting     bool
}

// Open opens the state in dir and keeps other processes out of it. It creates dir
// if necessary.
func Open(dir string, opt Options) (*Store, error) {
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("make the state directory: %w (make it for the daemon's user, or give another daemon.state_dir)", err)
	}
	s, err := begin(dir, opt)
	if err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.shut())
	}
	return s, nil
}

// begin locks the directory and removes the access of other users.
func begin(dir string, opt Options) (*Store, error) {
	if err := guard(dir, opt.Warn); err != nil {
		return nil, err
	}
	lock, err := takeLock(dir)
	if err != nil {
		return nil, err
	}
	return &Store{dir: dir, lock: lock, key: opt.Key, slack: slack}, nil
}

func (s *Store) path() string { return filepath.Join(s.dir, fileName) }

// Seed returns the random number created with this state. Jitter and digests are
// keyed with it, so that they stay the same across restarts.
func (s *Store) Seed() [32]byte { return s.seed }

// Close waits for running saves until ctx ends, and releases the state. Later
// saves fail. If the disk hangs, the state stays locked until this process ends.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	idle := s.idle
	s.mu.Unlock()
	s.stop.Store(true)
	ended := make(chan error, 1)
	go func() {
		if idle != nil {
			<-idle
		}
		ended <- s.finish()
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return errors.New("close the state: the disk does not answer; what was to be saved last may be lost")
	}
}

// finish writes the final frame and the mark, and closes all files.
func (s *Store) finish() error {
	s.disk.Lock()
	defer s.disk.Unlock()
	if s.shutting {
		return nil
	}
	s.shutting = true
	s.stopRewriting()
	if s.log.open && !s.doubt {
		// Without this frame the next start only has to check the last append.
		_ = s.log.append(frameEnd, nil)
	}
	if s.markWait != nil {
		s.markWait.Stop()
	}
	if s.key != nil && s.log.end.counter != s.markAt {
		s.raiseMark()
	}
	return s.shut()
}

func (s *Store) shut() error {
	var err error
	if s.log != nil {
		err = s.log.file.Close()
	}
	return errors.Join(err, s.lock.Close())
}

// Load returns everything that is stored. It fails on a record that cannot be
// read, and names it: a partly known state is not used.
func (s *Store) Load() (State, error) {
	s.disk.Lock()
	defer s.disk.Unlock()
	ix := s.found
	if s.found = nil; ix == nil {
		var err error
		if ix, _, err = s.log.read(s.log.file, s.log.end.at); err != nil {
			return State{}, s.unusable(err)
		}
	}
	d := newDecoder(len(ix.newest))
	err := s.log.newestOf(s.log.file, ix, s.log.end.at, d.take)
	state, unreadable := d.finish()
	if err = errors.Join(err, unreadable); err != nil {
		return State{}, s.unusable(err)
	}
	return state, nil
}

// Save stores the record of a task and returns when it is durable. When ctx ends,
// Save returns but the save continues.
func (s *Store) Save(ctx context.Context, key schedule.Key, r schedule.Record) error {
	return s.save(ctx, ordinary, key, r)
}

func (s *Store) save(ctx context.Context, class int, key schedule.Key, r schedule.Record) error {
	plain, err := encodeRecord(r)
	if err != nil {
		return fmt.Errorf("save record %s: %w", key.Name, err)
	}
	e, valid := entryOf(key)
	return s.put(ctx, class, e, valid, plain)
}

// SaveProvider stores the record that the callers of one backend share, like Save.
func (s *Store) SaveProvider(ctx context.Context, name string, r schedule.ProviderRecord) error {
	plain, err := encodeProvider(r)
	if err != nil {
		return fmt.Errorf("save record %s: %w", name, err)
	}
	return s.put(ctx, ordinary, entry{providerKind, name}, name != "", plain)
}

// Delete deletes the record of a task, like Save.
func (s *Store) Delete(ctx context.Context, key schedule.Key) error {
	e, valid := entryOf(key)
	return s.put(ctx, ordinary, e, valid, nil)
}

var errNameless = errors.New("save record: it has no kind or no name")

func (s *Store) put(ctx context.Context, class int, e entry, valid bool, plain []byte) error {
	if !valid {
		return errNameless
	}
	// Besides the texts there are a kind and two lengths.
	buf := make([]byte, 0, len(e.name)+len(plain)+1+2*binary.MaxVarintLen32)
	if err := s.submit(ctx, class, appendEntry(buf, e, plain)); err != nil {
		return fmt.Errorf("save record %s: %w", e.name, err)
	}
	return nil
}
