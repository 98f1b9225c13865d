package atomicfile

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Kind classifies an Error so that callers can branch on it.
type Kind string

// The kinds of error.
const (
	// Unwritable: permissions, ownership or a read-only file system prevent the
	// write; a person has to change them.
	Unwritable Kind = "unwritable"
	// Refused: the target must not be written whatever its permissions: an
	// unsafe link, not a regular file, too large, or the new content is empty.
	Refused Kind = "refused"
	// Conflict: another program kept changing the file, or has it locked or
	// busy. A later attempt may succeed.
	Conflict Kind = "conflict"
	// Missing: the file or its folder does not exist.
	Missing Kind = "missing"
	// NoSpace: the disk or the quota is full.
	NoSpace Kind = "no_space"
	// IO: the system reported another error.
	IO Kind = "io"
)

// Error is a failure to replace a file. It quotes no content. Errors from an
// Edit or a context are returned unchanged, not as an Error.
type Error struct {
	// Op is the operation ("create a temporary file in").
	Op string
	// Path is what it applied to.
	Path string
	Kind Kind
	Err  error

	changed bool
}

// Error returns "op path: cause (fix)".
func (e *Error) Error() string {
	text := e.Op + " " + e.Path + ": " + e.Err.Error()
	if e.Kind == NoSpace {
		text += " (free space on that disk, or raise the quota)"
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// MayHaveChanged reports whether err occurred after the new content became
// visible. The file may then hold the new content, but possibly not durably.
func MayHaveChanged(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.changed
}

// fault returns an Error whose kind follows from the cause.
func fault(op, path string, err error) *Error {
	return &Error{Op: op, Path: path, Kind: kindOf(err), Err: err}
}

// refuse returns an Error for a target that must not be written.
func refuse(op, path, why string) *Error {
	return &Error{Op: op, Path: path, Kind: Refused, Err: errors.New(why)}
}

// late marks an error that occurred after the new content became visible.
func late(e *Error) *Error {
	e.changed = true
	return e
}

func kindOf(err error) Kind {
	switch {
	case isAny(err, unix.EACCES, unix.EPERM, unix.EROFS):
		return Unwritable
	case isAny(err, unix.ENOENT):
		return Missing
	case isAny(err, unix.ENOSPC, unix.EDQUOT):
		return NoSpace
	case isAny(err, unix.ENOTDIR, unix.EISDIR, unix.ELOOP, unix.ENAMETOOLONG, unix.ENXIO):
		return Refused
	case isAny(err, unix.EAGAIN, unix.ETXTBSY, unix.EBUSY, unix.ENOLCK):
		return Conflict
	}
	return IO
}

func isAny(err error, targets ...unix.Errno) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}
