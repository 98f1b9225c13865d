package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"
)

// format is the version of the content. A newer one is refused.
const format = 1

// checkText is what metaCheck seals.
const checkText = "vigente"

// takeLock keeps other processes out of the directory. Its content, the
// process that holds it, is for people.
func takeLock(dir string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the state directory: %w (expected to be writable for the daemon's user)", err)
	}
	if err := flock(lock); err != nil {
		pid, known := holder(lock)
		_ = lock.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock the state directory %s: %w", dir, err)
		}
		who := "another vigente"
		if known {
			who += fmt.Sprintf(" (pid %d)", pid)
		}
		return nil, fmt.Errorf("state directory %s is in use by %s (stop that one first, or give this one another daemon.state_dir)", dir, who)
	}
	// The lock is what counts; a full disk must not keep the daemon from it.
	if lock.Truncate(0) == nil {
		_, _ = lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return lock, nil
}

// Patience with a lock that is held, and how often it is tried.
const (
	lockPatience = time.Second
	lockEvery    = 10 * time.Millisecond
)

// flock locks the file, and waits a moment for it. A daemon that was killed holds
// its lock until its last write to the disk has ended, and one that was killed in
// the instant in which it started a hook leaves a child that shares the lock
// until it becomes the hook.
func flock(lock *os.File) error {
	over, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	for {
		err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) || over.Err() != nil {
			return err
		}
		pause, cancel := context.WithTimeout(over, lockEvery)
		<-pause.Done()
		cancel()
	}
}

// holder returns the process that took the lock last.
func holder(lock *os.File) (pid int, known bool) {
	text := make([]byte, 32)
	n, _ := lock.ReadAt(text, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	return pid, err == nil && pid > 0
}

// open reads the whole file with our own eyes before the library maps it and
// may write to it.
func (s *Store) open(key *[32]byte) error {
	if err := remove(filepath.Join(s.dir, freshName)); err != nil {
		return fmt.Errorf("open state: %w", err)
	}
	info, err := os.Lstat(s.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.create(key)
	case err != nil:
		return s.unusable(err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("open state %s: it is no regular file (move it away)", s.path())
	}
	s.file = info
	if err := s.read(); err != nil {
		return s.unusable(err)
	}
	clear, err := s.unlock(key)
	if err != nil {
		return err
	}
	_, err = guard(func() (err error) {
		s.db, err = bolt.Open(s.path(), 0o600, &bolt.Options{Timeout: lockPatience, FreelistType: bolt.FreelistMapType})
		return err
	})
	if err != nil {
		return s.unusable(err)
	}
	if clear && key != nil {
		return s.sealAll(key)
	}
	return nil
}

// create makes a new state. It gets its name when it is complete, so that a
// crash leaves none or a whole one.
func (s *Store) create(key *[32]byte) error {
	_, _ = rand.Read(s.seed[:]) // never fails
	if err := s.enclose(key, newContent()); err != nil {
		return err
	}
	return s.renew()
}

// enclose makes the content of a state with this key from what was, or will
// be, there in clear.
func (s *Store) enclose(key *[32]byte, plain content) error {
	var err error
	if s.seal, err = newSealer(key); err != nil {
		return fmt.Errorf("use daemon.state_key: %w", err)
	}
	plain.set(metaSeed, s.seed[:])
	if key != nil {
		plain.set(metaCheck, []byte(checkText))
	}
	s.content = newContent()
	s.content.set(metaFormat, []byte(strconv.Itoa(format)))
	for e, text := range plain.values {
		value, err := s.seal.close(e, text)
		if err != nil {
			return fmt.Errorf("seal the state: %w", err)
		}
		s.content.set(e, value)
	}
	return nil
}

// read reads all values of the file.
func (s *Store) read() error {
	f, err := os.OpenFile(s.path(), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	s.content = newContent()
	return walkFile(f, func(bucket, name, value []byte) {
		s.content.values[entry{string(bucket), string(name)}] = bytes.Clone(value)
	})
}

// unlock checks that the content is ours, complete, and that the key fits. It
// reports whether the state is in clear.
func (s *Store) unlock(key *[32]byte) (clear bool, err error) {
	values := s.content.values
	version, err := strconv.Atoi(string(values[metaFormat]))
	switch {
	case err != nil || version < 1:
		return false, s.corrupt(errForeign)
	case version > format:
		return false, fmt.Errorf("open state %s: it was written by a newer vigente (format %d, this one knows %d): install that version again", s.path(), version, format)
	}
	check, sealed := values[metaCheck]
	switch {
	case sealed && key == nil:
		return false, fmt.Errorf("open state %s: it is sealed, and daemon.state_key is not set (set it to the key it was sealed with, or move the file away to start afresh: every credential is then renewed)", s.path())
	case sealed:
		if s.seal, err = newSealer(key); err != nil {
			return false, fmt.Errorf("use daemon.state_key: %w", err)
		}
		if !intact(metaCheck, check) {
			return false, s.corrupt(errDamaged)
		}
		if text, err := s.seal.open(metaCheck, check); err != nil || string(text) != checkText {
			return false, fmt.Errorf("open state %s: daemon.state_key is not the key it was sealed with (give that key, or move the file away to start afresh: every credential is then renewed)", s.path())
		}
	}
	seed, err := s.seal.open(metaSeed, values[metaSeed])
	if err != nil || len(seed) != len(s.seed) {
		return false, s.corrupt(errDamaged)
	}
	copy(s.seed[:], seed)
	return !sealed, s.whole()
}

// whole checks that what was read is all there was. A value that is damaged in
// itself is left for Load, which can name it.
func (s *Store) whole() error {
	values := s.content.values
	want, err := s.seal.open(metaDigest, values[metaDigest])
	delete(values, metaDigest)
	s.content.digest = digest{}
	for e, value := range values {
		switch {
		case e == metaFormat, intact(e, value):
		case e.bucket == metaBucket:
			return s.corrupt(errDamaged)
		default:
			return nil
		}
		s.content.digest.flip(e, value)
	}
	if err != nil || !bytes.Equal(want, s.content.digest[:]) {
		return s.corrupt(errIncomplete)
	}
	return nil
}

// sealAll seals a state that was in clear. The new file takes the place of the
// old one in one step, and no page of it ever held anything in clear.
func (s *Store) sealAll(key *[32]byte) error {
	plain := newContent()
	for e, value := range s.content.values {
		if e.bucket == metaBucket {
			continue
		}
		text, err := s.seal.open(e, value)
		if err != nil {
			return s.corruptRecord(e, value, err)
		}
		plain.set(e, text)
	}
	if err := s.enclose(key, plain); err != nil {
		return err
	}
	if err := s.renew(); err != nil {
		return fmt.Errorf("seal the state with daemon.state_key: %w", err)
	}
	return nil
}

// unusable turns an error of opening into one that says what to do.
func (s *Store) unusable(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		return fmt.Errorf("open state %s: %w (expected to be readable and writable for the daemon's user)", s.path(), err)
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("open state %s: it is in use by another program", s.path())
	}
	return s.corrupt(err)
}
