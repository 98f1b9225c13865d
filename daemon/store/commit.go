package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// commit makes the writes of a group durable. The caller holds s.disk.
//
// After a failed fsync the file is not trusted. Its durable part is copied into a
// new file, which replaces the old one once it is durable itself. The writes that
// failed were reported to their callers, who save them again.
func (s *Store) commit(payload []byte) error {
	if err := s.trust(); err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	if err := s.log.append(frameEntries, payload); err != nil {
		_, s.doubt = errors.AsType[doubtError](err)
		return fmt.Errorf("save state: %w", err)
	}
	s.commits++
	return nil
}

// trust checks the file before an append, and replaces it if it is gone or in
// doubt.
func (s *Store) trust() error {
	now, err := os.Lstat(s.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.doubt = true // It was moved away; write what it holds to a new file.
	case err != nil:
		return err
	case !os.SameFile(now, s.log.info):
		return fmt.Errorf("%s was replaced while the daemon was running (start it again)", s.path())
	case !s.doubt && now.Size() != s.log.end.at:
		return fmt.Errorf("%s was changed by another program while the daemon was running (start it again)", s.path())
	}
	if !s.doubt {
		return nil
	}
	if err := s.renew(); err != nil {
		return fmt.Errorf("rewrite it: %w", err)
	}
	s.doubt = false
	return nil
}

// renew copies the durable part of the file into a new one and replaces the
// file with it. The caller holds s.disk.
func (s *Store) renew() error {
	s.stopRewriting()
	b, err := s.copyNewest(s.log.end, func() bool { return false })
	if err != nil {
		return err
	}
	return s.replace(b)
}

// replace replaces the open file with a new one. The caller holds s.disk.
func (s *Store) replace(b *builder) error {
	fresh, err := b.place(s.path())
	if err != nil {
		return b.discard(err)
	}
	old := s.log
	s.log = fresh
	if old != nil {
		_ = old.file.Close() // The old file is no longer used.
	}
	return syncFolder(s.dir)
}

var errStopped = errors.New("it was stopped")

// copyNewest writes a new file with the newest values up to end.
func (s *Store) copyNewest(end chain, stopped func() bool) (*builder, error) {
	old := s.log
	ix, got, err := old.read(old.file, end.at)
	if err == nil && got.sum != end.sum {
		err = errDamaged
	}
	if err != nil {
		return nil, err
	}
	if err := room(s.dir, ix.live); err != nil {
		return nil, err
	}
	b, err := build(filepath.Join(s.dir, freshName), s.key, s.seed, end.counter)
	if err != nil {
		return nil, err
	}
	err = old.newestOf(old.file, ix, end.at, func(e rawEntry) error {
		if stopped() {
			return errStopped
		}
		return b.add(entry{e.kind, string(e.name)}, e.value)
	})
	if err == nil {
		err = b.finish()
	}
	if err != nil {
		return nil, b.discard(err)
	}
	return b, nil
}
