package atomicfile

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/failpoint"
)

// swap puts a new file in the place of the target.
func (j *job) swap(ctx context.Context, t *target, content []byte) (Result, error) {
	x, err := j.newTemporary()
	if err == nil {
		defer x.discard()
		failpoint.Hit("file created")
		err = j.dress(x, t)
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
	if err := j.sys.syncFolder(j.at.dir, t.fd); err != nil {
		return Result{}, late(fault("sync the folder", j.at.folder, err))
	}
	return Result{Changed: true}, nil
}

// exchange lets the new file and the target change places, then looks at what
// came out: when that is not what was read, somebody else's change came
// between, and the exchange is undone at once. A rename could not tell, and
// the other's change would be gone.
//
// A program that rewrites the file in place keeps its descriptor on the inode
// that came out and would write into nothing. The lease finds it: it cannot be
// had while the file is open for writing, and it is broken by a program that
// opens it then, which the kernel lets wait until the lease is returned.
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
		return j.renameOver(t, x) // The file system, or a filter of system calls, does not know it.
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
// comes right after a comparison, but cannot see what happened between.
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

// undo puts back what an exchange took out. When the place has been filled
// again meanwhile, that is newer than what was put back, and goes in again.
func (j *job) undo(x *temporary) error {
	expected := x.st
	var err error
	for range 10 {
		var back, out unix.Stat_t
		if back, err = j.sys.look(j.at.dir, x.name); err != nil {
			continue
		}
		if err = j.sys.exchange(j.at.dir, x.name, j.at.name); isAny(err, unix.ENOENT) {
			return nil // It was deleted meanwhile, which is the last word.
		}
		if err != nil {
			continue
		}
		if out, err = j.sys.look(j.at.dir, x.name); err == nil && sameInode(&out, &expected) {
			return nil
		}
		expected = back
	}
	// What another program wrote now lies under the temporary name: keep it.
	name := x.name
	x.name = ""
	return late(&Error{
		Op: "put back what another program wrote to", Path: j.at.path(), Kind: IO,
		Err: fmt.Errorf("%w (it lies in the same folder as %s)", changedOr(err), name),
	})
}

// publish gives a new file its name, unless a file of that name has appeared.
func (j *job) publish(x *temporary) error {
	err := j.sys.renameNew(j.at.dir, x.name, j.at.name)
	if isAny(err, unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP, unix.EPERM) {
		if err = j.sys.hardLink(j.at.dir, x.name, j.at.name); err == nil {
			return nil // The temporary name is dropped by the caller.
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
