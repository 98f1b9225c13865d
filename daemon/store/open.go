package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Why a state with a mark is refused.
const (
	noStateHere       = "it says that a sealed state belongs here, and there is none"
	ofAnEarlierFormat = "it is older than " + markName + " says (of an earlier format)"
)

// open opens the state in the directory, or creates one.
func (s *Store) open() error {
	for _, rest := range []string{filepath.Join(s.dir, freshName), s.markPath() + ".new"} {
		if err := remove(rest); err != nil {
			return fmt.Errorf("open state: %w", err)
		}
	}
	f, marked, err := s.openBesideMark()
	switch {
	case err != nil:
		return err
	case f == nil:
		return s.create(nil)
	}
	found, err := s.judge(f, marked)
	if err == nil && found.legacy != nil {
		err = s.takeOver(found.legacy, marked)
		return errors.Join(err, f.Close())
	}
	if err == nil {
		err = s.use(found.log)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	return nil
}

// openBesideMark opens the state file and reports whether there is a mark. The
// file is nil if neither exists; a mark without a state is refused.
func (s *Store) openBesideMark() (f *os.File, marked bool, err error) {
	if marked, err = s.marked(); err != nil {
		return nil, false, s.unusable(err)
	}
	if f, err = s.openFile(); err == nil && f == nil && marked {
		err = s.refuse(s.markPath(), noStateHere)
	}
	return f, marked, err
}

// judge calls recognise, and refuses what a mark without a key forbids.
func (s *Store) judge(f *os.File, marked bool) (found, error) {
	found, err := s.recognise(f)
	if _, damaged := errors.AsType[*DamagedError](err); marked && s.key == nil && (err == nil || damaged) {
		err = s.refuse(s.markPath(), "it says that the state is sealed, and daemon.state_key is not set")
	}
	return found, err
}

// openFile opens the state file. It returns nil if there is no such file.
func (s *Store) openFile() (*os.File, error) {
	info, err := os.Lstat(s.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, s.unusable(err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("open state %s: it is not a regular file (move it away)", s.path())
	}
	f, err := os.OpenFile(s.path(), os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, s.unusable(err)
	}
	return f, nil
}

// found is the content of the state file. One of its fields is set.
type found struct {
	legacy *legacyState
	log    *logFile
}

// recognise reads the beginning of a state file, or the whole file if its format
// is 1. Its errors say what to do.
func (s *Store) recognise(f *os.File) (found, error) {
	begin := make([]byte, firstFrame)
	n, err := f.ReadAt(begin, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return found{}, s.unusable(err)
	}
	h, err := decodeHeader(begin[:n])
	if errors.Is(err, errForeign) {
		legacy, err := readLegacy(f, s.key)
		if err != nil {
			return found{}, s.unusable(err)
		}
		return found{legacy: legacy}, s.fits(legacy.sealed)
	}
	switch {
	case err == nil && h.format > format:
		err = &newerError{uint64(h.format)}
	case err == nil && h.format < format:
		err = errDamaged
	}
	if err != nil {
		return found{}, s.unusable(err)
	}
	l, err := s.unlock(f, h)
	return found{log: l}, err
}

// fits checks that the state is sealed if and only if a key is configured.
func (s *Store) fits(sealed bool) error {
	switch {
	case sealed && s.key == nil:
		return fmt.Errorf("open state %s: it is sealed, and daemon.state_key is not set (set it to the key it was sealed with, or move the file away, and %s with it, to start afresh: every credential is then renewed)", s.path(), markName)
	case !sealed && s.key != nil && !s.sealing:
		return s.refuse(s.path(), "it is in clear, and daemon.state_key is set")
	}
	return nil
}

// unlock checks the key of a file.
func (s *Store) unlock(f *os.File, h header) (*logFile, error) {
	if err := s.fits(h.sealed); err != nil {
		return nil, err
	}
	l := &logFile{codec: codec{header: h}, file: f}
	if !h.sealed {
		return l, nil
	}
	check, err := keyCheck(s.key, h.salt[:])
	if err == nil && check != h.check {
		err = errWrongKey
	}
	if err == nil {
		l.box, err = newBox(s.key, h.salt[:])
	}
	if err != nil {
		return nil, s.unusable(err)
	}
	return l, nil
}

// use reads a state file from start to end and makes it the open one.
func (s *Store) use(l *logFile) error {
	size, err := s.check(l)
	if err != nil {
		return err
	}
	if s.key != nil {
		if s.markAt, err = s.readMark(); err != nil {
			return s.refuse(s.markPath(), err.Error())
		}
		if err := s.reaches(l); err != nil {
			return err
		}
	}
	if l.end.at < size { // A crash left part of an append.
		if err := errors.Join(l.file.Truncate(l.end.at), l.file.Sync()); err != nil {
			return s.unusable(err)
		}
	}
	s.log = l
	if s.key == nil || s.markAt > 0 {
		return nil
	}
	err = s.firstMark()
	if err != nil {
		s.log = nil
	}
	return err
}

// reaches refuses a state that is behind the counter of its mark.
func (s *Store) reaches(l *logFile) error {
	if l.end.counter < s.markAt {
		return s.refuse(s.path(), fmt.Sprintf("it is older than %s says (at %d, expected %d at least)", markName, l.end.counter, s.markAt))
	}
	return nil
}

// firstMark writes the mark of a state that has none.
func (s *Store) firstMark() error {
	if err := s.writeMark(s.log.end.counter); err != nil {
		return fmt.Errorf("write %s: %w", s.markPath(), err)
	}
	s.markAt = s.log.end.counter
	return nil
}

// check reads a state file and finds its end.
func (s *Store) check(l *logFile) (size int64, err error) {
	if l.info, err = l.file.Stat(); err != nil {
		return 0, s.unusable(err)
	}
	size = l.info.Size()
	var ix *index
	ix, l.end, err = l.read(l.file, size)
	if errors.Is(err, errTorn) {
		var more bool
		more, err = l.wholeAfter(l.file, l.end.at, size)
		if err == nil && more {
			err = errDamaged
		}
	}
	if err == nil && len(ix.seed) != len(s.seed) {
		err = errDamaged
	}
	if err != nil {
		return 0, s.unusable(err)
	}
	copy(s.seed[:], ix.seed)
	s.found, l.live = ix, ix.live
	return size, nil
}

// takeOver converts a state of format 1 to the current format.
func (s *Store) takeOver(old *legacyState, marked bool) error {
	if marked && !s.sealing {
		return s.refuse(s.path(), ofAnEarlierFormat)
	}
	s.seed = old.seed
	return s.create(old.values)
}

// create creates a new state file and then its mark: a mark without its state
// would be refused. The file gets its name once it is complete, so a crash leaves
// either the old file, if there was one, or a complete new one.
func (s *Store) create(values map[entry][]byte) error {
	if s.seed == [32]byte{} {
		_, _ = rand.Read(s.seed[:]) // never fails
	}
	b, err := build(filepath.Join(s.dir, freshName), s.key, s.seed, s.markAt)
	if err != nil {
		return s.cannotMake(err)
	}
	for e, value := range values {
		if err = b.add(e, value); err != nil {
			break
		}
	}
	if err == nil {
		err = b.finish()
	}
	if err != nil {
		return s.cannotMake(b.discard(err))
	}
	if err := s.replace(b); err != nil {
		return s.cannotMake(err)
	}
	if s.key != nil {
		return s.firstMark()
	}
	return nil
}

func (s *Store) cannotMake(err error) error {
	return fmt.Errorf("make state %s: %w", s.path(), err)
}
