// Package store keeps what must survive a restart: one record a task, in one
// file that is only appended to.
//
// A save that has returned is on the disk. Saves that come at the same time
// share one append and one sync, since the disk's sync is what costs. With a
// key the appends are sealed with AES-256-GCM and chained, each to the one
// before, and a mark beside the file says how far it had come: a state in clear,
// one that was changed, and one that is older than its mark are refused. Without
// a key checksums tell a damaged file, and SetAside makes room for a new one.
// One process at a time has a state directory open. No record is held in memory.
package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

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
	// file. A state that is kept otherwise is refused; Seal changes that.
	Key *[32]byte
	// Warn is told of files that were closed to other users; nil tells nobody.
	Warn func(path, message string)
}

// State is everything that was stored.
type State struct {
	Records   map[schedule.Key]schedule.Record
	Providers map[string]schedule.ProviderRecord
}

// Store is the open state. Its methods are safe for concurrent use.
type Store struct {
	dir     string
	lock    *os.File
	key     *[32]byte // nil when the state is in clear
	seed    [32]byte
	slack   int64
	sealing bool // whatever is there is taken, since a person said so

	mu     sync.Mutex
	closed bool
	idle   chan struct{} // closed when nobody commits any more; nil then
	queue  *group        // what comes next; nil when nothing waits

	stop atomic.Bool // ends the rewriting

	// disk guards what follows and is held by whoever writes to it.
	disk sync.Mutex
	log  *logFile
	// found is what Open found, for the first Load.
	found *index
	// doubt says that a sync failed: what the file holds is not known, and the
	// next commit makes a new one.
	doubt        bool
	commits      int
	rewriting    chan struct{} // closed when the rewriting has ended; nil when there is none
	rewriteAfter int64         // size of the file below which it is not tried again
	markAt       uint64        // what the mark says
	markWait     *time.Timer   // runs while the mark is not to be written
	shutting     bool
}

// Open opens the state in dir, which is made if need be, and keeps other
// processes out of it.
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

// begin locks the directory and closes it to others.
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

// finish writes the end of the file and the mark, and closes everything.
func (s *Store) finish() error {
	s.disk.Lock()
	defer s.disk.Unlock()
	if s.shutting {
		return nil
	}
	s.shutting = true
	s.stopRewriting()
	if s.log.open && !s.doubt {
		// Without it the start only has to look at the last append.
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

// Load returns everything that is stored. A record that cannot be read makes
// it fail and is named: a state that is only half known is none.
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

// Save stores the record of a task and returns when it is durable. The end of
// ctx ends the waiting for others who commit, not the save.
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

// SaveProvider is Save for what the callers of one backend share.
func (s *Store) SaveProvider(ctx context.Context, name string, r schedule.ProviderRecord) error {
	plain, err := encodeProvider(r)
	if err != nil {
		return fmt.Errorf("save record %s: %w", name, err)
	}
	return s.put(ctx, ordinary, entry{providerKind, name}, name != "", plain)
}

// Delete forgets the record of a task, in the way of Save.
func (s *Store) Delete(ctx context.Context, key schedule.Key) error {
	e, valid := entryOf(key)
	return s.put(ctx, ordinary, e, valid, nil)
}

var errNameless = errors.New("save record: it has no kind or no name")

func (s *Store) put(ctx context.Context, class int, e entry, valid bool, plain []byte) error {
	if !valid {
		return errNameless
	}
	if err := s.submit(ctx, class, appendEntry(nil, e, plain)); err != nil {
		return fmt.Errorf("save record %s: %w", e.name, err)
	}
	return nil
}
