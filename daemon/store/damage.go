package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// DamagedError says that the state file is there and can be read, and that its
// content is no state, or not all of one.
type DamagedError struct{ Err error }

// Error says what is wrong, and what a person may do where nobody else does.
func (e *DamagedError) Error() string { return e.Err.Error() + startAfresh }

const startAfresh = " (restore a copy of it, or move the file away to start afresh: every credential is then renewed)"

// Unwrap returns the cause.
func (e *DamagedError) Unwrap() error { return e.Err }

// damaged marks an error of the content. What the system reports may pass, and
// says nothing about the content.
func damaged(err, cause error) error {
	if _, passing := errors.AsType[syscall.Errno](cause); passing {
		return fmt.Errorf("%w%s", err, startAfresh)
	}
	return &DamagedError{err}
}

// mostAside is how many damaged files are kept; more of them are a disk to be
// replaced first.
const mostAside = 9

// SetAside gives a damaged state file another name, byte for byte as it is, so
// that Open begins a new state. It returns the new path.
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
