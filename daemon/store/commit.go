package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// commit makes the writes of a group durable. The caller holds the disk.
//
// After an fsync that failed the file is not trusted: its durable part is
// written into a new file of fresh pages, which takes the place of the old one
// when it is durable. What failed was reported to its callers, who save it
// again.
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

// trust looks at the file before something is appended to it, and replaces one
// that is gone or in doubt.
func (s *Store) trust() error {
	now, err := os.Lstat(s.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.doubt = true // Moved away under us: what it holds would be lost with it.
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
		return fmt.Errorf("write it anew: %w", err)
	}
	s.doubt = false
	return nil
}

// renew writes the durable part of the file into a new one and puts it in its
// place. The caller holds the disk.
func (s *Store) renew() error {
	s.stopRewriting()
	b, err := s.copyNewest(s.log.end, func() bool { return false })
	if err != nil {
		return err
	}
	return s.replace(b)
}

// replace puts a new file in the place of the open one. The caller holds the
// disk.
func (s *Store) replace(b *builder) error {
	fresh, err := b.place(s.path())
	if err != nil {
		return b.discard(err)
	}
	old := s.log
	s.log = fresh
	if old != nil {
		_ = old.file.Close() // Nothing of it is needed any more.
	}
	return syncFolder(s.dir)
}

var errStopped = errors.New("it was stopped")

// copyNewest makes a new file of the newest values up to end.
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
