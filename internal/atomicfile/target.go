package atomicfile

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// target is the file as it was read.
type target struct {
	exists  bool
	fd      int // open for reading, locked if possible; -1 if the file does not exist
	st      unix.Stat_t
	content []byte
	// pinned says why the inode must be kept; empty if it may be replaced.
	pinned string
}

// identity must not change between reading a file and replacing it.
type identity struct {
	dev, ino       uint64
	mode, uid, gid uint32
	size           int64
}

func identityOf(st *unix.Stat_t) identity {
	return identity{st.Dev, st.Ino, st.Mode, st.Uid, st.Gid, st.Size}
}

func sameInode(a, b *unix.Stat_t) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

// lockTimeout bounds the wait for another program's lock on the file. The lock
// only saves writers that use it a second try, so after this time we continue
// without it.
const lockTimeout = 500 * time.Millisecond

// openTarget opens and reads the file. The caller must close it.
func (j *job) openTarget(ctx context.Context) (*target, error) {
	waited := time.Duration(0)
	for range 100 {
		t, err := j.tryOpen()
		if err != nil || !t.exists {
			return t, err
		}
		for pause := time.Millisecond; j.lockable && waited < lockTimeout; pause = min(2*pause, 8*time.Millisecond) {
			if err := j.sys.lock(t.fd); !isAny(err, unix.EAGAIN) {
				break
			}
			if err := j.sys.wait(ctx, pause); err != nil {
				j.sys.close(t.fd)
				return nil, err
			}
			waited += pause
		}
		// The holder of the lock may have replaced the file.
		if now, err := j.sys.look(j.at.dir, j.at.name); err == nil && sameInode(&now, &t.st) {
			if err := j.readTarget(t); err != nil {
				j.sys.close(t.fd)
				return nil, err
			}
			return t, nil
		}
		j.sys.close(t.fd)
	}
	return nil, errChanged
}

// tryOpen opens the file that has the name now, and refuses one that must not
// be written.
func (j *job) tryOpen() (*target, error) {
	path := j.at.path()
	st, err := j.sys.look(j.at.dir, j.at.name)
	if isAny(err, unix.ENOENT) {
		return &target{fd: -1}, nil
	}
	if err != nil {
		return nil, fault("open", path, err)
	}
	// Opening a device can have side effects, so check the type first.
	if err := j.checkType(&st); err != nil {
		return nil, err
	}
	fd, err := j.sys.open(j.at.dir, j.at.name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	switch {
	case isAny(err, unix.ENOENT, unix.ELOOP, unix.ENXIO): // It has just been removed, or become a link or a socket.
		return nil, errChanged
	case isAny(err, unix.EAGAIN):
		return nil, j.leasedByOther(err)
	case isAny(err, unix.EACCES, unix.EPERM):
		return nil, &Error{Op: "read", Path: path, Kind: Unwritable, Err: fmt.Errorf("%w (give %s permission)", err, whoWeAre())}
	case err != nil:
		return nil, fault("read", path, err)
	}
	t := &target{exists: true, fd: fd}
	if t.st, err = j.sys.stat(fd); err == nil {
		err = j.checkType(&t.st)
	} else {
		err = fault("read", path, err)
	}
	if err == nil {
		err = j.pin(t)
	}
	if err != nil {
		j.sys.close(fd)
		return nil, err
	}
	return t, nil
}

// checkType refuses anything that is not a regular file, and files that are too
// large.
func (j *job) checkType(st *unix.Stat_t) error {
	path := j.at.path()
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFLNK:
		return errChanged // It was not a link when the path was resolved.
	case unix.S_IFDIR:
		return refuse("write", path, "it is a folder (expected the path of a file)")
	case unix.S_IFIFO:
		return refuse("write", path, "it is a named pipe, not a regular file (expected the path of a file)")
	case unix.S_IFSOCK:
		return refuse("write", path, "it is a socket, not a regular file (expected the path of a file)")
	default:
		return refuse("write", path, "it is a device, not a regular file (expected the path of a file)")
	}
	if j.opt.MaxSize > 0 && st.Size > j.opt.MaxSize {
		return j.tooLarge("read")
	}
	return nil
}

func (j *job) tooLarge(op string) error {
	return refuse(op, j.at.path(), fmt.Sprintf("it is larger than %d bytes, the limit (is this the right file?)", j.opt.MaxSize))
}

// pin determines whether the inode must be kept. If others can write to the
// folder, sticky or not, a file with several hard links may be any file that
// was linked there to have it overwritten. It is accepted only if it belongs to
// the one other user who could have done that.
func (j *job) pin(t *target) error {
	attributes := j.sys.attributes(j.at.dir, j.at.name)
	switch {
	case attributes&(unix.STATX_ATTR_IMMUTABLE|unix.STATX_ATTR_APPEND) != 0:
		return &Error{
			Op: "write", Path: j.at.path(), Kind: Unwritable,
			Err: fmt.Errorf("%w: the file is immutable or append-only (remove that with chattr -i -a)", unix.EPERM),
		}
	case t.st.Nlink > 1:
		t.pinned = "it has several hard links"
		owned := j.at.st.Uid == 0 || j.at.st.Uid == uint32(unix.Geteuid()) || j.at.st.Uid == t.st.Uid
		if !owned || j.sys.othersWrite(j.at.dir, &j.at.st) {
			return refuse("write", j.at.path(), "it has several hard links, and another local user can change the folder, "+
				"so it may be a file from elsewhere (remove the other links, or the write permission of other users)")
		}
	case attributes&unix.STATX_ATTR_MOUNT_ROOT != 0:
		t.pinned = "it is a mount point"
	}
	return nil
}

func (j *job) readTarget(t *target) (err error) {
	if t.content, err = j.sys.read(t.fd, t.st.Size, j.opt.MaxSize); err != nil {
		return fault("read", j.at.path(), err)
	}
	if j.opt.MaxSize > 0 && int64(len(t.content)) > j.opt.MaxSize {
		return j.tooLarge("read")
	}
	return nil
}

// unchanged reports whether the entry of that name is still the file that was
// read, with the same content, mode and owner. The entry is checked last,
// because most programs replace a file by renaming.
func (j *job) unchanged(t *target, name string) (bool, error) {
	data, err := j.sys.read(t.fd, int64(len(t.content)), int64(len(t.content))+1)
	if err != nil {
		return false, fault("compare", j.at.path(), err)
	}
	now, err := j.sys.look(j.at.dir, name)
	if isAny(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, fault("compare", j.at.path(), err)
	}
	return identityOf(&now) == identityOf(&t.st) && bytes.Equal(data, t.content), nil
}
