package atomicfile

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/getent"
)

// owner is the user and group a file is to have; -1 keeps the current one.
type owner struct{ uid, gid int }

// lookUpOwner resolves the configured names to IDs.
func lookUpOwner(ctx context.Context, path string, opt Options) (owner, error) {
	o := owner{-1, -1}
	var err error
	if opt.Owner != "" {
		if o.uid, err = getent.UserID(ctx, opt.Owner); err != nil {
			return owner{}, &Error{Op: "find the owner of", Path: path, Kind: Unwritable, Err: fmt.Errorf("%w (create the user, or use a numeric ID)", err)}
		}
	}
	if opt.Group != "" {
		if o.gid, err = getent.GroupID(ctx, opt.Group); err != nil {
			return owner{}, &Error{Op: "find the group of", Path: path, Kind: Unwritable, Err: fmt.Errorf("%w (create the group, or use a numeric ID)", err)}
		}
	}
	return o, nil
}

// differs reports whether a file has another owner than o asks for.
func (o owner) differs(st *unix.Stat_t) bool {
	return o.uid >= 0 && uint32(o.uid) != st.Uid || o.gid >= 0 && uint32(o.gid) != st.Gid
}

// or fills in unset IDs from an existing file.
func (o owner) or(st *unix.Stat_t) owner {
	if o.uid < 0 {
		o.uid = int(st.Uid)
	}
	if o.gid < 0 {
		o.gid = int(st.Gid)
	}
	return o
}

// ownerFault explains why the configured owner could not be set.
func (j *job) ownerFault(err error) *Error {
	who := fmt.Sprintf("owner %q", j.opt.Owner)
	switch {
	case j.opt.Owner == "":
		who = fmt.Sprintf("group %q", j.opt.Group)
	case j.opt.Group != "":
		who += fmt.Sprintf(" and group %q", j.opt.Group)
	}
	if !isAny(err, unix.EPERM, unix.EACCES, unix.EINVAL) {
		return fault("set "+who+" of", j.at.path(), err)
	}
	return &Error{Op: "set " + who + " of", Path: j.at.path(), Kind: Unwritable, Err: fmt.Errorf(
		"%w for %s (run as root or with CAP_CHOWN; or remove the owner key and share the file through a group: "+
			"make vigente a member of it and the folder setgid)", err, whoWeAre())}
}

// adopt sets the configured owner on a file whose content needs no change, and
// makes the file durable: the content may come from an earlier attempt of ours
// that could not be synced, or from another program.
func (j *job) adopt(t *target) (Result, error) {
	changed := j.want.differs(&t.st)
	if changed {
		if err := j.sys.chown(t.fd, j.want.uid, j.want.gid); err != nil {
			return Result{}, j.ownerFault(err)
		}
	}
	settled := func(err *Error) *Error {
		if changed {
			return late(err)
		}
		return err
	}
	if err := j.sys.sync(t.fd); err != nil {
		return Result{}, settled(fault("sync", j.at.path(), err))
	}
	if err := j.syncFolder(t.fd); err != nil {
		return Result{}, settled(fault("sync the folder", j.at.folder, err))
	}
	return Result{Changed: changed}, nil
}
