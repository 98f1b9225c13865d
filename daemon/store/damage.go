package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Reasons not to use a file.
var (
	errForeign    = errors.New("it is not a state of vigente")
	errShort      = errors.New("it is cut short")
	errDamaged    = errors.New("it is damaged")
	errIncomplete = errors.New("it is damaged: records are missing or set back")
	// errNotReadable replaces every error of decoding a stored value, because the
	// errors of decoders quote their input.
	errNotReadable = errors.New("its content is not readable")
)

// newerError means a file was written by a later version.
type newerError struct{ format uint64 }

// Error names the format and says what to do.
func (e *newerError) Error() string {
	return fmt.Sprintf("it was written by a newer vigente (format %d, this one knows %d): install that version again", e.format, format)
}

// DamagedError means the state file exists and can be read, but its content is
// not a complete state.
type DamagedError struct{ Err error }

// Error says what is wrong and how to start with a new state.
func (e *DamagedError) Error() string { return e.Err.Error() + startAfresh }

// Unwrap returns the cause.
func (e *DamagedError) Unwrap() error { return e.Err }

// What an operator can do about a state that is refused.
const (
	startAfresh = " (restore a copy of it, or move the file away to start afresh: every credential is then renewed)"
	waysOut     = " (bring the right one back; or run vigente seal, which takes what is there and seals it; or move it and " + markName + " away: every credential is then renewed once)"
)

// refuse returns the error for a state that is not used until an operator has
// decided what to do.
func (s *Store) refuse(path, why string) error {
	return fmt.Errorf("open state %s: %s%s", path, why, waysOut)
}

// unusable adds to an error of opening what to do about it.
func (s *Store) unusable(err error) error {
	newer, isNewer := errors.AsType[*newerError](err)
	_, passing := errors.AsType[syscall.Errno](err)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("open state %s: %w (expected to be readable and writable for the daemon's user)", s.path(), err)
	case isNewer:
		return fmt.Errorf("open state %s: %w", s.path(), newer)
	case errors.Is(err, errWrongKey):
		return fmt.Errorf("open state %s: %w (give that key, or move the file away to start afresh: every credential is then renewed)", s.path(), err)
	case passing: // An error of the system may pass and says nothing about the content.
		return fmt.Errorf("open state %s: %w%s", s.path(), err, startAfresh)
	case s.key != nil:
		return fmt.Errorf("open state %s: it fails authentication: %w%s", s.path(), err, waysOut)
	}
	return &DamagedError{fmt.Errorf("open state %s: %w", s.path(), err)}
}

// mostAside is how many damaged files are kept. With more of them, the disk
// should be replaced first.
const mostAside = 9

// SetAside renames a damaged state file without changing it, so that Open
// creates a new state. It returns the new path.
func SetAside(dir string) (string, error) {
	lock, err := takeLock(dir)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	for n := 1; n <= mostAside; n++ {
		to := filepath.Join(dir, fmt.Sprintf("%s.damaged-%d", fileName, n))
		if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.Rename(filepath.Join(dir, fileName), to); err != nil {
			return "", fmt.Errorf("set the damaged state aside: %w", err)
		}
		return to, syncFolder(dir)
	}
	return "", fmt.Errorf("set the damaged state aside: %s holds %d of them already (look at the disk, and move them away)", dir, mostAside)
}

// Begin opens a state and reads all of it. A damaged file must not let every
// token expire until an operator comes: Begin sets it aside unchanged, creates a
// new state, and calls aside with the reason and the new path of the old file.
func Begin(dir string, opt Options, aside func(reason error, to string)) (*Store, State, error) {
	s, state, err := openAndLoad(dir, opt)
	broken, ok := errors.AsType[*DamagedError](err)
	if !ok {
		return s, state, err
	}
	to, err := SetAside(dir)
	if err != nil {
		return nil, State{}, errors.Join(broken, err)
	}
	aside(broken.Err, to)
	return openAndLoad(dir, opt)
}

func openAndLoad(dir string, opt Options) (*Store, State, error) {
	s, err := Open(dir, opt)
	if err != nil {
		return nil, State{}, err
	}
	state, err := s.Load()
	if err != nil {
		return nil, State{}, errors.Join(err, s.Close(context.Background()))
	}
	return s, state, nil
}
