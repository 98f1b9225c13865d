package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Exposure is a file or folder of the state that other users can access.
type Exposure struct {
	Path string
	Mode fs.FileMode
	// Owner is the user it belongs to; Foreign means that is not our user.
	Owner   int
	Foreign bool
}

// others are the permission bits that let group and others read or write.
const others = 0o066

// Exposed returns the files and folders of the state in dir that other users
// own, can read or can change. Missing files are not reported.
func Exposed(dir string) ([]Exposure, error) {
	var found []Exposure
	for _, path := range []string{dir, filepath.Join(dir, fileName), filepath.Join(dir, markName)} {
		look := os.Lstat
		if path == dir {
			look = os.Stat
		}
		info, err := look(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		e := Exposure{Path: path, Mode: info.Mode().Perm()}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			e.Owner = int(stat.Uid)
			e.Foreign = e.Owner != os.Geteuid()
		}
		if e.Foreign || info.Mode().Perm()&others != 0 && info.Mode()&fs.ModeSymlink == 0 {
			found = append(found, e)
		}
	}
	return found, nil
}

// guard refuses a state that belongs to another user and removes the access of
// other users from our own.
func guard(dir string, warn func(path, message string)) error {
	found, err := Exposed(dir)
	if err != nil {
		return fmt.Errorf("look at the state: %w", err)
	}
	for _, e := range found {
		if e.Foreign {
			return e.Err()
		}
	}
	for _, e := range found {
		if err := os.Chmod(e.Path, e.Mode&^fs.FileMode(0o077)); err != nil {
			return fmt.Errorf("close %s to other users: %w", e.Path, err)
		}
		if warn != nil {
			warn(e.Path, e.String())
		}
	}
	return nil
}

// String describes the permissions that are wrong.
func (e Exposure) String() string {
	return fmt.Sprintf("other users could reach it (mode %04o)", e.Mode)
}

// Err returns the error for a file that belongs to another user.
func (e Exposure) Err() error {
	return fmt.Errorf("use state %s: it belongs to another user (uid %d, expected uid %d: change its owner, or give another daemon.state_dir)", e.Path, e.Owner, os.Geteuid())
}
