package atomicfile

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/failpoint"
)

// swap replaces the target with a new file.
func (j *job) swap(ctx context.Context, t *target, content []byte) (Result, error) {
	x, err := j.newTemporary()
	if err == nil {
		defer x.discard()
		failpoint.Hit("file created")
		err = j.setMetadata(x, t)
	}
	if u, ok := inPlaceAllowed(err); ok && t.exists {
		return j.inPlace(ctx, t, content, u.cause)
	} else if ok {
		return Result{}, u.cause
	}
	if err != nil {
		return Result{}, err
	}
	if err := x.fill(content, j.at.path()); err != nil {
		return Result{}, err
	}
	if err := j.backup(t); err != nil {
		return Result{}, err
	}
	failpoint.Hit("file ready")
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	if t.exists {
		err = j.exchange(t, x)
	} else {
		err = j.publish(x)
	}
	if u, ok := inPlaceAllowed(err); ok {
		return j.inPlace(ctx, t, content, u.cause)
	}
	if err != nil {
		return Result{}, err
	}
	failpoint.Hit("file replaced")
	if err := x.drop(); err != nil {
		return Result{}, late(fault("remove a temporary file in", j.at.folder, err))
	}
	failpoint.Hit("file old removed")
	if err := j.syncFolder(t.fd); err != nil {
		return Result{}, late(fault("sync the folder", j.at.folder, err))
	}
	return Result{Changed: true}, nil
}

// exchange swaps the new file and the target, then checks the file that came
// out. If that is not the file that was read, another program changed it
// meanwhile, and the exchange is undone at once. A rename could not detect
// that, and the other program's change would be lost.
//
// A program that writes the file in place keeps its descriptor on the inode
// that came out, so its writes would be lost. The lease detects that: it is not
// granted while the file is open for writing, and it is broken by an open,
// which the kernel blocks until the lease is returned.
func (j *job) exchange(t *target, x *temporary) error {
	leased, err := j.sys.lease(t.fd)
	if err := j.busy(err); err != nil {
		return err
	}
	if leased {
		defer j.sys.unlease(t.fd)
	}
	if same, err := j.unchanged(t, j.at.name); err != nil || !same {
		return changedOr(err)
	}
	err = j.sys.exchange(j.at.dir, x.name, j.at.name)
	switch {
	case err == nil:
	case isAny(err, unix.ENOENT):
		return errChanged
	case isAny(err, unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP, unix.EPERM):
		return j.renameOver(t, x) // The file system, or a seccomp filter, does not support it.
	default:
		return j.renameFault(err)
	}
	same, err := j.unchanged(t, x.name)
	if err == nil && same && (!leased || j.sys.leaseHeld(t.fd)) {
		return nil
	}
	if undone := j.undo(x); undone != nil {
		return undone
	}
	return changedOr(err)
}

// renameOver is the plain rename, for file systems that cannot exchange. It
// follows right after a comparison, but cannot detect a change in between.
func (j *job) renameOver(t *target, x *temporary) error {
	if same, err := j.unchanged(t, j.at.name); err != nil || !same {
		return changedOr(err)
	}
	if err := j.sys.rename(j.at.dir, x.name, j.at.name); err != nil {
		return j.renameFault(err)
	}
	x.name = ""
	return nil
}

func (j *job) renameFault(err error) error {
	e := fault("replace", j.at.path(), err)
	if isAny(err, unix.EBUSY, unix.EXDEV, unix.EPERM, unix.EACCES, unix.EROFS) {
		return &unfit{e}
	}
	return e
}

// undo restores what an exchange removed. If the file has been replaced again
// meanwhile, that content is newer and is put in place again.
func (j *job) undo(x *temporary) error {
	expected := x.st
	var err error
	for range 10 {
		var back, out unix.Stat_t
		if back, err = j.sys.look(j.at.dir, x.name); err != nil {
			continue
		}
		if err = j.sys.exchange(j.at.dir, x.name, j.at.name); isAny(err, unix.ENOENT) {
			return nil // It was deleted meanwhile: keep it deleted.
		}
		if err != nil {
			continue
		}
		if out, err = j.sys.look(j.at.dir, x.name); err == nil && sameInode(&out, &expected) {
			return nil
		}
		expected = back
	}
	// The other program's content now lies under the temporary name: keep it.
	name := x.name
	x.name = ""
	return late(&Error{
		Op: "restore what another program wrote to", Path: j.at.path(), Kind: IO,
		Err: fmt.Errorf("%w (it is in the same folder as %s)", changedOr(err), name),
	})
}

// publish gives a new file its name, unless a file of that name has appeared.
func (j *job) publish(x *temporary) error {
	err := j.sys.renameNew(j.at.dir, x.name, j.at.name)
	if isAny(err, unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP, unix.EPERM) {
		if err = j.sys.hardLink(j.at.dir, x.name, j.at.name); err == nil {
			return nil // The caller removes the temporary name.
		}
		if isAny(err, unix.EPERM, unix.ENOSYS, unix.EOPNOTSUPP, unix.EMLINK) {
			if _, err = j.sys.look(j.at.dir, j.at.name); isAny(err, unix.ENOENT) {
				err = j.sys.rename(j.at.dir, x.name, j.at.name)
			} else if err == nil {
				err = unix.EEXIST
			}
		}
	}
	switch {
	case err == nil:
		x.name = ""
		return nil
	case isAny(err, unix.EEXIST):
		return errChanged
	}
	return fault("create", j.at.path(), err)
}

func changedOr(err error) error {
	if err != nil {
		return err
	}
	return errChanged
}
