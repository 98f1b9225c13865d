package atomicfile

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/failpoint"
)

// inPlace writes the content into the inode that was read; why says what
// prevents replacing it. Space is reserved first, so that a full disk cannot
// interrupt the write. Then the old bytes are overwritten.
func (j *job) inPlace(ctx context.Context, t *target, content []byte, why error) (Result, error) {
	if err := j.awaitWriters(t); err != nil {
		return Result{}, err
	}
	fd, err := j.openInPlace(t, why)
	if err != nil {
		return Result{}, err
	}
	defer j.sys.close(fd)
	if err := j.backup(t); err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	reserved, err := j.reserve(fd, content)
	if err != nil {
		return Result{}, err
	}
	if same, err := j.unchanged(t, j.at.name); err != nil || !same {
		return Result{}, changedOr(err)
	}
	if j.want.differs(&t.st) {
		if err := j.sys.chown(fd, j.want.uid, j.want.gid); err != nil {
			return Result{}, j.ownerFault(err)
		}
	}
	if !reserved {
		if err := j.extend(fd, t.content, content); err != nil {
			return Result{}, err
		}
	}
	failpoint.Hit("file in place reserved")
	if err := j.overwrite(fd, t.content, content, why); err != nil {
		return Result{}, err
	}
	// If another program replaced the file meanwhile, our inode has no name any
	// more: start again from what that program wrote.
	if now, err := j.sys.look(j.at.dir, j.at.name); err != nil || !sameInode(&now, &t.st) {
		return Result{}, errChanged
	}
	return Result{Changed: true, InPlace: true}, nil
}

// overwrite writes the new content over the old, and restores the old content
// if that fails.
func (j *job) overwrite(fd int, old, content []byte, why error) error {
	err := j.sys.write(fd, content, 0)
	failpoint.Hit("file in place written")
	if err == nil && len(content) < len(old) {
		err = j.sys.truncate(fd, int64(len(content)))
	}
	if err == nil {
		err = j.sys.sync(fd)
	}
	if err == nil {
		return nil
	}
	e := fault("write in place (because "+why.Error()+")", j.at.path(), err)
	if undone := j.restore(fd, old, len(old)); undone != nil {
		e.Err = fmt.Errorf("%w; the old content could not be restored: %w", err, undone)
		return late(e)
	}
	return e
}

// openInPlace opens the inode that was read for writing.
func (j *job) openInPlace(t *target, why error) (int, error) {
	path := j.at.path()
	fd, err := j.sys.open(j.at.dir, j.at.name, unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return -1, j.inPlaceFault(err, why)
	}
	st, err := j.sys.stat(fd)
	if err == nil && sameInode(&st, &t.st) {
		return fd, nil
	}
	j.sys.close(fd)
	if err != nil {
		return -1, fault("open", path, err)
	}
	return -1, errChanged
}

// inPlaceFault explains that the file can be neither replaced nor written in
// place.
func (j *job) inPlaceFault(err, why error) error {
	switch {
	case isAny(err, unix.ENOENT, unix.ELOOP):
		return errChanged
	case isAny(err, unix.EAGAIN):
		return j.leasedByOther(err)
	case isAny(err, unix.ETXTBSY):
		return fault("write", j.at.path(), fmt.Errorf("%w: it is a running program", err))
	}
	// Fixing what prevents replacing comes first.
	if e, ok := errors.AsType[*Error](why); ok {
		return &Error{Op: e.Op, Path: e.Path, Kind: e.Kind, Err: fmt.Errorf("%w; the file cannot be written in place either: %w", e.Err, err)}
	}
	e := fault("write", j.at.path(), fmt.Errorf("%w (%w, so it must be written in place: give %s write permission)", err, why, whoWeAre()))
	return e
}

// reserve makes sure that writing the content cannot run out of space. It
// reports false if the file system does not support that.
func (j *job) reserve(fd int, content []byte) (bool, error) {
	err := j.sys.reserve(fd, int64(len(content)))
	switch {
	case err == nil:
		return true, nil
	case isAny(err, unix.EOPNOTSUPP, unix.ENOSYS, unix.EINVAL, unix.EPERM):
		return false, nil
	}
	return false, fault("make room for the new content of", j.at.path(), err)
}

// extend writes the part beyond the old length, for file systems on which space
// cannot be reserved. It syncs that part, because some file systems report a
// full disk only then. The old content is not touched.
func (j *job) extend(fd int, old, content []byte) error {
	if len(content) <= len(old) {
		return nil
	}
	err := j.sys.write(fd, content[len(old):], int64(len(old)))
	if err == nil {
		err = j.sys.sync(fd)
	}
	if err == nil {
		return nil
	}
	e := fault("make room for the new content of", j.at.path(), err)
	if undone := j.restore(fd, nil, len(old)); undone != nil {
		e.Err = fmt.Errorf("%w; the old length could not be restored: %w", err, undone)
		return late(e)
	}
	return e
}

// restore restores the old content and length of the file; nil content means it
// was not touched. It tries twice, in case of a transient fault.
func (j *job) restore(fd int, old []byte, length int) error {
	var err error
	for range 2 {
		if err = j.sys.write(fd, old, 0); err != nil {
			continue
		}
		if err = j.sys.truncate(fd, int64(length)); err != nil {
			continue
		}
		if err = j.sys.sync(fd); err == nil {
			return nil
		}
	}
	return err
}
