// Package atomicfile is the only code in Vigente that replaces files.
//
// A reader sees either the old or the new content in full, even after a crash
// or a power cut. Good content is never replaced by an empty file, a concurrent
// edit by another program survives, and an error leaves the old file as it was
// and no temporary file behind. The package refuses targets that are not
// regular files, and symbolic links that another local user could redirect. It
// does not retry beyond one call, and its errors never quote content.
//
// Some files cannot be replaced: a file that is itself a mount point, has
// several hard links, lies in a folder that is not writable, or has an owner
// that a new file cannot be given. Those are written in place, in an order that
// a full disk cannot leave torn. Only a crash during the write can; a backup
// protects against that.
package atomicfile

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"time"
)

// Edit computes the new content from the old. Replace may call it several
// times, each time with the current content, so it must be pure. An error
// leaves the file as it is. ErrUnready means another program seems to be saving
// the file. Empty new content is refused.
type Edit func(old []byte, exists bool) (content []byte, err error)

// ErrUnready is returned, possibly wrapped, by an Edit whose input seems to be
// half written. The file is read again for a short time before the error is
// returned to the caller.
var ErrUnready = errors.New("the file seems to be in the middle of a save by another program")

// Options controls how a file is replaced. The zero value replaces an existing
// file and keeps its mode and owner.
type Options struct {
	// Mode applies to a file that does not exist yet; an existing file keeps its
	// own. Only permission bits count; zero means 0600.
	Mode fs.FileMode
	// Owner and Group are names or decimal IDs; empty keeps the current one.
	Owner, Group string
	// Create allows creating a file that does not exist.
	Create bool
	// Backup keeps the previous content beside the file as NAME.bak with mode
	// 0600. It is overwritten by each change.
	Backup bool
	// MaxSize refuses old or new content that is larger; zero means no limit.
	MaxSize int64
}

// Result describes a successful Replace.
type Result struct {
	// Changed is true if content was written or the owner was corrected.
	Changed bool
	// InPlace is true if the content was written into the same inode. A reader
	// could then have seen a mix of old and new for a moment.
	InPlace bool
}

// Replace reads the file at path, calls edit, and replaces the content of the
// file atomically and durably. Unchanged content is not written.
func Replace(ctx context.Context, path string, opt Options, edit Edit) (Result, error) {
	return system{}.replace(ctx, path, opt, edit)
}

// Bounds for one call: how long the file may be half written, and how often
// another program may change it first.
const (
	unreadyTimeout = 2 * time.Second
	conflictLimit  = 5
)

// Reasons to read the file again. They never leave the package.
var (
	errChanged = errors.New("another program changed the file meanwhile")
	errOpened  = errors.New("another program has the file open for writing")
	errEmptied = errors.New("another program has emptied the file")
)

// job is one call of Replace or Check.
type job struct {
	sys  system
	path string // as the caller gave it
	opt  Options
	edit Edit
	at   location
	want owner

	lockable  bool // take a lock against other writers; Check does not
	conflicts int
	waited    time.Duration // time spent waiting for another program to finish saving
}

func (s system) newJob(ctx context.Context, path string, opt Options, edit Edit) (*job, error) {
	j := &job{sys: s, path: path, opt: opt, edit: edit}
	var err error
	if j.want, err = lookUpOwner(ctx, path, opt); err != nil {
		return nil, err
	}
	j.at, err = s.resolve(ctx, path)
	return j, err
}

func (s system) replace(ctx context.Context, path string, opt Options, edit Edit) (Result, error) {
	j, err := s.newJob(ctx, path, opt, edit)
	if err != nil {
		return Result{}, err
	}
	defer s.close(j.at.dir)
	j.lockable = true
	for {
		result, err := j.round(ctx)
		if err == nil {
			return result, nil
		}
		if err := j.backoff(ctx, err); err != nil {
			return Result{}, err
		}
	}
}

// backoff waits before the next round, or returns the final error.
func (j *job) backoff(ctx context.Context, err error) error {
	pause := min(20*time.Millisecond<<min(j.waited/(50*time.Millisecond), 4), 200*time.Millisecond)
	switch {
	case errors.Is(err, errChanged):
		if j.conflicts++; j.conflicts >= conflictLimit {
			return &Error{
				Op: "replace", Path: j.at.path(), Kind: Conflict,
				Err: errors.New("another program kept changing the file at the same time"),
			}
		}
		return j.sys.wait(ctx, time.Millisecond<<(2*j.conflicts))
	case errors.Is(err, errOpened), errors.Is(err, errEmptied):
	case errors.Is(err, ErrUnready) && j.waited < unreadyTimeout:
	default:
		return err
	}
	j.waited += pause
	return j.sys.wait(ctx, pause)
}

// round makes one attempt, from reading the file to making the change durable.
func (j *job) round(ctx context.Context) (Result, error) {
	t, err := j.openTarget(ctx)
	if err != nil {
		return Result{}, err
	}
	defer j.sys.close(t.fd)
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	if t.exists && len(t.content) == 0 && j.conflicts > 0 && j.waited < unreadyTimeout {
		return Result{}, errEmptied
	}
	content, err := j.content(t)
	if err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	switch {
	case t.holds(content):
		return j.adopt(t)
	case t.pinned != "":
		return j.inPlace(ctx, t, content, errors.New(t.pinned))
	}
	return j.swap(ctx, t, content)
}

// content calls the edit and refuses content that must not be written.
func (j *job) content(t *target) ([]byte, error) {
	if !t.exists && !j.opt.Create {
		return nil, &Error{
			Op: "write", Path: j.at.path(), Kind: Missing,
			Err: errors.New("the file does not exist, and the configuration does not allow creating it"),
		}
	}
	content, err := j.edit(bytes.Clone(t.content), t.exists)
	switch {
	case err != nil:
		return nil, err
	case len(content) == 0:
		return nil, refuse("write", j.at.path(), "the new content is empty, and an empty file is never written")
	case j.opt.MaxSize > 0 && int64(len(content)) > j.opt.MaxSize:
		return nil, j.tooLarge("write")
	}
	return content, nil
}
