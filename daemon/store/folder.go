package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// makeDir creates the state directory and its missing parents, and makes them
// durable: a power cut that removes a directory removes the files in it, even
// synced ones.
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
