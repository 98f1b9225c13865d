package atomicfile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/failpoint"
)

// Names of temporary files, by which Sweep recognizes them, have 16 hexadecimal
// digits between prefix and suffix.
const (
	temporaryPrefix = ".vigente-"
	temporarySuffix = ".tmp"
)

// temporary is a file of ours beside the target. Its lock tells Sweep that its
// writer is alive.
type temporary struct {
	sys  system
	dir  int
	name string
	fd   int
	st   unix.Stat_t
}

// unfit says why a temporary file cannot replace the target; an existing target
// may then be written in place.
type unfit struct{ cause *Error }

func (u *unfit) Error() string { return u.cause.Error() }
func (u *unfit) Unwrap() error { return u.cause }

// denied turns a permission error, and nothing else, into a reason to write in
// place.
func denied(e *Error) error {
	if isAny(e.Err, unix.EPERM, unix.EACCES, unix.EOPNOTSUPP) {
		return &unfit{e}
	}
	return e
}

// newTemporary creates an empty file that only we can read.
func (j *job) newTemporary() (*temporary, error) {
	for range 100 {
		var random [8]byte
		_, _ = rand.Read(random[:]) // never fails
		x := &temporary{sys: j.sys, dir: j.at.dir, name: temporaryPrefix + hex.EncodeToString(random[:]) + temporarySuffix}
		var err error
		if x.fd, err = j.sys.create(x.dir, x.name); isAny(err, unix.EEXIST) {
			continue
		}
		if err != nil {
			return nil, j.createFault(err)
		}
		locked := j.sys.lock(x.fd)
		if x.st, err = j.sys.stat(x.fd); err != nil {
			x.discard()
			return nil, fault("create a temporary file in", j.at.folder, err)
		}
		if !isAny(locked, unix.EAGAIN) && x.st.Nlink > 0 {
			return x, nil
		}
		x.discard() // A sweep removed it right after its creation.
	}
	return nil, fault("create a temporary file in", j.at.folder, unix.EEXIST)
}

func (j *job) createFault(err error) error {
	e := fault("create a temporary file in", j.at.folder, err)
	switch {
	case e.Kind == Unwritable:
		e.Err = fmt.Errorf("%w (let %s write in that folder; under systemd add it to ReadWritePaths=)", err, whoWeAre())
		return &unfit{e}
	case e.Kind == Missing:
		e.Err = fmt.Errorf("%w (the folder was removed in the meantime)", err)
	}
	return e
}

// setMetadata sets mode, owner and extended attributes of the empty file before
// anything is written to it. The group is set first and the user last, so that
// the file is never open to a group that must not read it, and stays ours until
// everything is set.
func (j *job) setMetadata(x *temporary, t *target) error {
	want, mode := j.want, uint32(j.opt.Mode.Perm())
	if mode == 0 {
		mode = 0o600
	}
	if t.exists {
		want, mode = want.or(&t.st), t.st.Mode&0o777
	}
	if err := j.setOwner(x, t, owner{-1, want.gid}); err != nil {
		return err
	}
	if x.st.Mode&0o7777 != mode {
		if err := j.sys.chmod(x.fd, mode); err != nil {
			return denied(fault(fmt.Sprintf("set mode %04o of", mode), j.at.path(), err))
		}
	}
	if t.exists {
		if err := j.sys.copyAttributes(t.fd, x.fd); err != nil {
			return denied(fault("copy the access list of", j.at.path(), err))
		}
	}
	return j.setOwner(x, t, owner{want.uid, -1})
}

// setOwner changes the user or the group of the temporary file.
func (j *job) setOwner(x *temporary, t *target, to owner) error {
	if !to.differs(&x.st) {
		return nil
	}
	err := j.sys.chown(x.fd, to.uid, to.gid)
	switch {
	case err == nil:
		return nil
	case !isAny(err, unix.EPERM, unix.EACCES, unix.EINVAL):
		return fault("keep the owner of", j.at.path(), err)
	case j.want.uid >= 0 && to.uid >= 0, j.want.gid >= 0 && to.gid >= 0:
		if t.exists && !j.want.differs(&t.st) {
			// The file already has the configured owner; we just cannot give that
			// owner to a new file.
			return &unfit{j.ownerFault(err)}
		}
		return j.ownerFault(err)
	}
	return &unfit{&Error{Op: "keep the owner of", Path: j.at.path(), Kind: Unwritable, Err: fmt.Errorf("%w for %s", err, whoWeAre())}}
}

// fill writes the content and makes it durable under the temporary name.
func (x *temporary) fill(content []byte, path string) error {
	if err := x.sys.write(x.fd, content, 0); err != nil {
		return fault("write a temporary file for", path, err)
	}
	failpoint.Hit("file filled")
	if err := x.sys.sync(x.fd); err != nil {
		return fault("write a temporary file for", path, err)
	}
	return nil
}

// drop removes the temporary name, if it exists, and closes the descriptor. It
// may be called again in case of a transient fault. A file given away in a
// sticky folder must be ours again before it can be removed.
func (x *temporary) drop() error {
	var err error
	for range 3 {
		if x.name == "" {
			break
		}
		if err = x.sys.remove(x.dir, x.name); err == nil || isAny(err, unix.ENOENT) {
			x.name, err = "", nil
			break
		}
		if isAny(err, unix.EPERM, unix.EACCES) && x.fd >= 0 {
			_ = x.sys.chown(x.fd, unix.Geteuid(), -1)
		}
	}
	x.sys.close(x.fd)
	x.fd = -1
	return err
}

// discard is drop for callers that have another error to report; Sweep removes
// what is left.
func (x *temporary) discard() { _ = x.drop() }

// inPlaceAllowed reports whether err allows writing in place.
func inPlaceAllowed(err error) (*unfit, bool) { return errors.AsType[*unfit](err) }
