// Package atomicfile is the one way to replace a file.
//
// A reader sees the whole old or the whole new content, also after a crash or
// a power cut. The package promises that good content is never replaced by
// nothing, that an edit made by somebody else in the same moment survives, and
// that an error leaves the old file as it was and no temporary file behind.
// It refuses targets that are no regular files and symbolic links that another
// local user could turn elsewhere. It retries nothing beyond the span of one
// call, and no error of it repeats content.
//
// Where a file cannot be replaced (it is mounted by itself, has several hard
// links, its folder cannot be written, its owner cannot be given to another
// file) the same inode is written, in an order that a full disk cannot tear.
// Only a crash in that very moment could; a backup helps there.
package atomicfile

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"time"
)

// Edit makes the new content from the old one. It may be called several times
// in one call of Replace, each time with what the file holds then, and must
// therefore be pure. An error leaves the file as it is. ErrUnready means that
// the content seems to be in the middle of a save by somebody else. Content of
// no length is refused.
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
	// Backup keeps the previous content beside the file as NAME.bak, mode
	// 0600, replaced each time a change is written.
	Backup bool
	// MaxSize refuses larger content, old or new; zero means no limit.
	MaxSize int64
}

// Result says what a successful Replace did.
type Result struct {
	// Changed says that content was written, or the owner put right.
	Changed bool
	// InPlace says that the content was written into the same inode, so that
	// a reader could have seen a moment between old and new.
	InPlace bool
}

// Replace reads the file at path, asks edit for the new content and makes it
// the content of the file, atomically and durably. Equal content is not
// written.
func Replace(ctx context.Context, path string, opt Options, edit Edit) (Result, error) {
	return system{}.replace(ctx, path, opt, edit)
}

// Bounds of one call: how long a file may stay in the middle of a save, and
// how often another program may win the race.
const (
	unreadyPatience = 2 * time.Second
	conflictLimit   = 5
)

// Reasons to read the file again; none leaves the package.
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
	at   place
	want owner

	lockable  bool // other writers are kept out; Check does without
	conflicts int
	waited    time.Duration // for a save by somebody else to end
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
		if err := j.patience(ctx, err); err != nil {
			return Result{}, err
		}
	}
}

// patience waits before the next round, or returns the final error.
func (j *job) patience(ctx context.Context, err error) error {
	pause := min(20*time.Millisecond<<min(j.waited/(50*time.Millisecond), 4), 200*time.Millisecond)
	switch {
	case errors.Is(err, errChanged):
		if j.conflicts++; j.conflicts >= conflictLimit {
			return &Error{
				Op: "replace", Path: j.at.path(), Kind: Conflict,
				Err: errors.New("another program changed the file at the same moment, again and again"),
			}
		}
		return j.sys.wait(ctx, time.Millisecond<<(2*j.conflicts))
	case errors.Is(err, errOpened), errors.Is(err, errEmptied):
	case errors.Is(err, ErrUnready) && j.waited < unreadyPatience:
	default:
		return err
	}
	j.waited += pause
	return j.sys.wait(ctx, pause)
}

// round is one attempt, from reading the file to making the change durable.
func (j *job) round(ctx context.Context) (Result, error) {
	t, err := j.openTarget(ctx)
	if err != nil {
		return Result{}, err
	}
	defer j.sys.close(t.fd)
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	if t.exists && len(t.content) == 0 && j.conflicts > 0 && j.waited < unreadyPatience {
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

// content asks the edit for the new content and refuses what must not be
// written.
func (j *job) content(t *target) ([]byte, error) {
	if !t.exists && !j.opt.Create {
		return nil, &Error{
			Op: "write", Path: j.at.path(), Kind: Missing,
			Err: errors.New("the file does not exist, and creating it is not allowed here"),
		}
	}
	content, err := j.edit(bytes.Clone(t.content), t.exists)
	switch {
	case err != nil:
		return nil, err
	case len(content) == 0:
		return nil, refuse("write", j.at.path(), "the new content is empty, which never replaces a file")
	case j.opt.MaxSize > 0 && int64(len(content)) > j.opt.MaxSize:
		return nil, j.tooLarge("write")
	}
	return content, nil
}
