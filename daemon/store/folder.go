package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// makeDir makes the state directory with what is missing above it. What it
// made is durable: a state in a folder that a power cut takes away is lost,
// however well it was synced itself.
func makeDir(dir string) error {
	var made []string
	for path := dir; ; path = filepath.Dir(path) {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
			break
		}
		made = append(made, path)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, path := range made {
		if err := syncFolder(filepath.Dir(path)); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// syncFolder makes the entries of a folder durable.
func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
