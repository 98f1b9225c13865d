package atomicfile

import (
	"context"
	"errors"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// system makes the system calls. Tests set before to make a call fail, or to
// act as another program at that moment, and pause to skip waiting.
type system struct {
	before func(op string) error
	pause  func(ctx context.Context, d time.Duration) error
}

// do makes one call unless before returns an error. A call interrupted by a
// signal is repeated.
func (s system) do(op string, call func() error) error {
	if s.before != nil {
		if err := s.before(op); err != nil {
			return err
		}
	}
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// now returns the time at which a file is inspected.
func (system) now() time.Time { return time.Now() }

func (s system) wait(ctx context.Context, d time.Duration) error {
	if s.pause != nil {
		return s.pause(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (s system) open(dir int, name string, flags int, mode uint32) (fd int, err error) {
	err = s.do("open", func() (err error) {
		fd, err = unix.Openat(dir, name, flags|unix.O_CLOEXEC, mode)
		return err
	})
	if err != nil {
		return -1, err
	}
	return fd, nil
}

// openWithoutLinks opens a folder for reading if no component of its path is a link.
// It fails on kernels before 5.6 and behind some filters of system calls.
func openWithoutLinks(path string) (fd int, err error) {
	how := unix.OpenHow{Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS}
	if fd, err = unix.Openat2(unix.AT_FDCWD, path, &how); err != nil {
		return -1, err
	}
	return fd, nil
}

func (s system) create(dir int, name string) (fd int, err error) {
	err = s.do("create", func() (err error) {
		fd, err = unix.Openat(dir, name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return -1, err
	}
	return fd, nil
}

// close closes a descriptor. Anything written has been synced by then, so the
// result does not matter.
func (system) close(fd int) {
	if fd >= 0 {
		_ = unix.Close(fd)
	}
}

func (s system) stat(fd int) (st unix.Stat_t, err error) {
	err = s.do("stat", func() error { return unix.Fstat(fd, &st) })
	return st, err
}

// look stats a folder entry without following a link.
func (s system) look(dir int, name string) (st unix.Stat_t, err error) {
	err = s.do("look", func() error { return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	return st, err
}

// attributes returns the statx attributes of an entry, or 0 if the kernel does
// not support statx.
func (s system) attributes(dir int, name string) uint64 {
	var st unix.Statx_t
	if s.do("attributes", func() error { return unix.Statx(dir, name, unix.AT_SYMLINK_NOFOLLOW, 0, &st) }) != nil {
		return 0
	}
	return st.Attributes
}

// link reads the target of the symbolic link that fd was opened on.
func (s system) link(fd int) (string, error) {
	buf := make([]byte, unix.PathMax)
	var n int
	err := s.do("link", func() (err error) {
		n, err = unix.Readlinkat(fd, "", buf)
		return err
	})
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// read returns everything fd holds, or at most limit+1 bytes if there is a
// limit.
func (s system) read(fd int, size, limit int64) ([]byte, error) {
	data := make([]byte, 0, max(size, 0)+1)
	for limit <= 0 || int64(len(data)) <= limit {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		var n int
		err := s.do("read", func() (err error) {
			n, err = unix.Pread(fd, data[len(data):cap(data)], int64(len(data)))
			return err
		})
		if err != nil {
			return nil, err
		}
		if n == 0 {
			break
		}
		data = data[:len(data)+n]
	}
	return data, nil
}

func (s system) write(fd int, data []byte, at int64) error {
	for len(data) > 0 {
		var n int
		err := s.do("write", func() (err error) {
			n, err = unix.Pwrite(fd, data, at)
			return err
		})
		if err != nil {
			return err
		}
		data, at = data[n:], at+int64(n)
	}
	return nil
}

// reserve makes sure that the first size bytes of fd can be written without
// more space. The length of the file does not change.
func (s system) reserve(fd int, size int64) error {
	return s.do("reserve", func() error { return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, size) })
}

// room returns how many blocks, and of what size, can still be written to the
// file system of fd, if the file system reports that.
func (s system) room(fd int) (blocks, size int64, known bool) {
	var fs unix.Statfs_t
	err := s.do("room", func() error { return unix.Fstatfs(fd, &fs) })
	if err != nil || fs.Blocks == 0 || fs.Bsize <= 0 {
		return 0, 0, false
	}
	free := fs.Bavail
	if unix.Geteuid() == 0 {
		free = fs.Bfree
	}
	return int64(min(free, 1<<40)), int64(fs.Bsize), true //nolint:unconvert // narrower on other machines
}

func (s system) truncate(fd int, size int64) error {
	return s.do("truncate", func() error { return unix.Ftruncate(fd, size) })
}

func (s system) sync(fd int) error {
	return s.do("sync", func() error { return unix.Fsync(fd) })
}

// syncFolder makes the entries of a folder durable. fsync rejects the
// descriptor of a folder that may be searched but not read; there the whole
// file system is flushed through a file in it.
func (s system) syncFolder(dir, file int) error {
	return s.do("sync folder", func() error {
		err := unix.Fsync(dir)
		if errors.Is(err, unix.EBADF) && file >= 0 {
			return unix.Syncfs(file)
		}
		if isAny(err, unix.EINVAL, unix.EBADF) { // The file system cannot sync folders.
			return nil
		}
		return err
	})
}

func (s system) chmod(fd int, mode uint32) error {
	return s.do("chmod", func() error { return unix.Fchmod(fd, mode) })
}

func (s system) chown(fd, uid, gid int) error {
	return s.do("chown", func() error { return unix.Fchown(fd, uid, gid) })
}

func (s system) lock(fd int) error {
	return s.do("lock", func() error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
}

func (s system) exchange(dir int, a, b string) error {
	return s.do("exchange", func() error { return unix.Renameat2(dir, a, dir, b, unix.RENAME_EXCHANGE) })
}

func (s system) renameNew(dir int, from, to string) error {
	return s.do("rename new", func() error { return unix.Renameat2(dir, from, dir, to, unix.RENAME_NOREPLACE) })
}

func (s system) rename(dir int, from, to string) error {
	return s.do("rename", func() error { return unix.Renameat(dir, from, dir, to) })
}

func (s system) hardLink(dir int, from, to string) error {
	return s.do("hard link", func() error { return unix.Linkat(dir, from, dir, to, 0) })
}

func (s system) remove(dir int, name string) error {
	return s.do("remove", func() error { return unix.Unlinkat(dir, name, 0) })
}

// writable reports whether the entry could be opened for writing. It does not
// open it, because other programs would notice.
func (s system) writable(dir int, name string) error {
	return s.do("writable", func() error {
		return unix.Faccessat(dir, name, unix.W_OK, unix.AT_EACCESS|unix.AT_SYMLINK_NOFOLLOW)
	})
}

// descriptorPath names an open descriptor, for calls that reject an O_PATH
// descriptor.
func descriptorPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }
