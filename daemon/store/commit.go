package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/failpoint"
)

// batch bounds how much of a new file is written in one transaction.
const batch = 10_000

// commit makes writes durable that the content holds already.
//
// After a commit that failed the file is not trusted: once fsync has reported
// an error the kernel counts the pages as clean, so that reading them back
// shows what the disk may never have got, and another fsync reports success.
// The content in memory is complete, failed writes included since newer is
// better than older, and the next commit writes all of it into a new file of
// fresh pages, which takes the place of the old one when it is durable. The
// old one stays as it is until then.
func (s *Store) commit(writes map[entry][]byte) error {
	now, err := os.Lstat(s.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.doubt = true // It was moved away under us: what it holds would be lost with it.
	case err != nil:
		return fmt.Errorf("save state: %w", err)
	case s.file != nil && !os.SameFile(now, s.file):
		return fmt.Errorf("save state: %s was replaced while the daemon was running (start it again)", s.path())
	}
	if s.doubt {
		return s.renew()
	}
	failpoint.Hit("store begun")
	broken, err := guard(func() error { return put(s.db, writes, s.seal, s.content.digest) })
	failpoint.Hit("store committed")
	if broken {
		// What the library holds locked is not known, not even Close is safe.
		s.db = nil
	}
	if err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	return nil
}

// renew writes the whole content to a new file and puts it in the place of the
// old one.
func (s *Store) renew() error {
	var db *bolt.DB
	_, err := guard(func() (err error) {
		db, err = s.build(filepath.Join(s.dir, freshName))
		return err
	})
	if err != nil {
		return fmt.Errorf("save state: write it anew: %w", err)
	}
	failpoint.Hit("store anew built")
	old := s.db
	if s.db, err = s.place(db); err != nil {
		s.db = old
		return errors.Join(fmt.Errorf("save state: write it anew: %w", err), db.Close())
	}
	if old != nil {
		_, _ = guard(old.Close) // Nothing of it is needed any more.
	}
	failpoint.Hit("store anew placed")
	return s.syncDir()
}

// place gives a new file the name of the state.
func (s *Store) place(db *bolt.DB) (*bolt.DB, error) {
	fresh := filepath.Join(s.dir, freshName)
	info, err := os.Lstat(fresh)
	if err == nil {
		err = os.Rename(fresh, s.path())
	}
	if err != nil {
		return nil, errors.Join(err, remove(fresh))
	}
	s.file = info
	return db, nil
}

// build makes a file with all of the content, durable but for its name.
func (s *Store) build(path string) (*bolt.DB, error) {
	if err := errors.Join(remove(path), s.room()); err != nil {
		return nil, err
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: 1, NoSync: true, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return nil, errors.Join(err, remove(path))
	}
	for part := range slices.Chunk(s.content.sorted(), batch) {
		writes := make(map[entry][]byte, len(part))
		for _, e := range part {
			writes[e] = s.content.values[e]
		}
		if err = put(db, writes, s.seal, s.content.digest); err != nil {
			break
		}
	}
	if err == nil {
		err = db.Sync()
	}
	if err != nil {
		return nil, errors.Join(err, db.Close(), remove(path))
	}
	db.NoSync = false
	return db, nil
}

// room refuses to begin a file that cannot become whole: on a full disk it
// would take the last pages from others, again at each attempt.
func (s *Store) room() error {
	need := uint64(0)
	for _, value := range s.content.values {
		need += uint64(len(value))
	}
	if have, known := free(s.dir); known && have < need {
		return fmt.Errorf("%w: %d KiB are needed, %d KiB are free", unix.ENOSPC, need>>10, have>>10)
	}
	return nil
}

// free returns how many bytes we may still write in the file system of a
// directory, where it says so.
func free(dir string) (bytes uint64, known bool) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil || fs.Blocks == 0 {
		return 0, false
	}
	blocks := fs.Bavail
	if unix.Geteuid() == 0 {
		blocks = fs.Bfree
	}
	return blocks * uint64(fs.Bsize), true
}

// put writes values, and the digest of all of the content, in one transaction.
func put(db *bolt.DB, writes map[entry][]byte, seal *sealer, digest digest) error {
	sum, err := seal.close(metaDigest, digest[:])
	if err != nil {
		return err
	}
	return db.Update(func(tx *bolt.Tx) error {
		if err := putOne(tx, metaDigest, sum); err != nil {
			return err
		}
		for e, value := range writes {
			if err := putOne(tx, e, value); err != nil {
				return err
			}
		}
		failpoint.Hit("store filled")
		return nil
	})
}

func putOne(tx *bolt.Tx, e entry, value []byte) error {
	b, err := tx.CreateBucketIfNotExists([]byte(e.bucket))
	switch {
	case err != nil:
		return err
	case value == nil:
		return b.Delete([]byte(e.name))
	}
	return b.Put([]byte(e.name), value)
}

// guard runs what works on mapped pages. A file that was cut short under us,
// or that the disk can no longer read, ends in a fault of memory, which would
// end the process; here it is an error, and broken is true.
func guard(f func() error) (broken bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			// The value is not repeated, it may show what is stored.
			broken, err = true, fmt.Errorf("the state file broke under way (panic of type %T)", p)
		}
	}()
	return false, f()
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (s *Store) syncDir() error {
	if err := syncFolder(s.dir); err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	return nil
}
