package store

import (
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// markName is the file beside the state that says that the state is sealed and
// holds its counter.
const markName = "state.sealed"

// markEvery is the minimum interval between updates of the mark.
const markEvery = time.Minute

// markVersion is the beginning of a mark.
const markVersion = "vigente-mark 1"

var errBadMark = errors.New("it is not a mark made with daemon.state_key")

func (s *Store) markPath() string { return filepath.Join(s.dir, markName) }

// marked reports whether a mark exists, valid or not.
func (s *Store) marked() (bool, error) {
	_, err := os.Lstat(s.markPath())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// readMark returns the counter of the mark, or 0 if there is no mark.
func (s *Store) readMark() (uint64, error) {
	f, err := os.OpenFile(s.markPath(), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	b := make([]byte, 256)
	n, _ := f.Read(b)
	text, ok := strings.CutPrefix(strings.TrimSpace(string(b[:n])), markVersion+" ")
	number, sum, parted := strings.Cut(text, " ")
	counter, err := strconv.ParseUint(number, 10, 64)
	if !ok || !parted || err != nil {
		return 0, errBadMark
	}
	want, err := markSum(s.key, counter)
	if err != nil {
		return 0, err
	}
	if got, err := hex.DecodeString(sum); err != nil || !hmac.Equal(got, want) {
		return 0, errBadMark
	}
	return counter, nil
}

// writeMark replaces the mark.
func (s *Store) writeMark(counter uint64) error {
	sum, err := markSum(s.key, counter)
	if err != nil {
		return err
	}
	fresh := s.markPath() + ".new"
	if err := remove(fresh); err != nil {
		return err
	}
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s %d %x\n", markVersion, counter, sum)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(fresh, s.markPath())
	}
	if err != nil {
		return errors.Join(err, remove(fresh))
	}
	return syncFolder(s.dir)
}

// bringMarkUp writes the counter of the file into the mark. If it did so within
// the last minute, it waits until that minute is over. The caller holds s.disk.
//
// A failure is ignored until the next update: the state is durable without the
// mark, and an older copy of it would only be accepted for longer.
func (s *Store) bringMarkUp() {
	if s.key == nil || s.markWait != nil || s.log.end.counter == s.markAt {
		return
	}
	s.markWait = time.AfterFunc(markEvery, func() {
		s.disk.Lock()
		defer s.disk.Unlock()
		s.markWait = nil
		if !s.shutting {
			s.bringMarkUp()
		}
	})
	s.raiseMark()
}

// raiseMark writes the counter of the file into the mark.
func (s *Store) raiseMark() {
	if counter := s.log.end.counter; s.writeMark(counter) == nil {
		s.markAt = counter
	}
}
