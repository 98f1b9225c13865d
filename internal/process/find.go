package process

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Find returns the path of a program that can be executed, or an *Error.
func Find(name string) (string, error) {
	if filepath.IsAbs(name) {
		return name, executable(name)
	}
	if name == "" {
		return "", &Error{name, NotInPath, fs.ErrNotExist}
	}
	var denied error
	for _, folder := range filepath.SplitList(variable("PATH")) {
		if !filepath.IsAbs(folder) {
			continue // the working directory must not decide which program runs
		}
		path := filepath.Join(folder, name)
		err := executable(path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			denied = err
		}
	}
	if denied != nil {
		return "", denied
	}
	return "", &Error{name, NotInPath, fs.ErrNotExist}
}

func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		err = syscall.EACCES
	case err == nil:
		err = unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS)
	}
	if err != nil {
		return fileError(path, err)
	}
	return nil
}
