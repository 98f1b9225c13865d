package atomicfile

import "errors"

// Kind classifies an Error for those who have to branch on it.
type Kind string

// The kinds of error.
const (
	// Unwritable: permissions, ownership or a read-only file system are in the
	// way; a person has to change them.
	Unwritable Kind = "unwritable"
	// Refused: the target must not be written, whatever the permissions: an
	// unsafe link, no regular file, too large, or new content that is empty.
	Refused Kind = "refused"
	// Conflict: another writer kept changing the file, or holds it half
	// written or locked.
	Conflict Kind = "conflict"
	// Missing: the file, or its folder, does not exist.
	Missing Kind = "missing"
	// NoSpace: the disk or the quota is full.
	NoSpace Kind = "no_space"
	// IO: the system reported something else.
	IO Kind = "io"
)

// Error is a failure to replace a file. It repeats no content. The errors of
// an Edit and of a context are returned as they are, not as an Error.
type Error struct {
	// Op is what was being done ("create a temporary file in").
	Op string
	// Path is what it was done to.
	Path string
	Kind Kind
	Err  error

	changed bool
}

// Error returns "op path: cause".
func (e *Error) Error() string { return e.Op + " " + e.Path + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// MayHaveChanged reports whether err came after the new content had become
// visible, so that the file may hold it though it is not known to be durable.
func MayHaveChanged(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.changed
}
