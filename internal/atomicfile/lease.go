package atomicfile

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// lease requests a read lease on a file. It returns false if the system grants
// none here (not our file, a network file system), and EAGAIN if the file is
// open for writing. While the lease is held, an open for writing by another
// program blocks until the lease is returned, at most for the kernel's
// lease-break-time. The Go runtime ignores the signal (SIGIO) that the kernel
// sends us then.
func (s system) lease(fd int) (bool, error) {
	err := s.do("lease", func() error {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK)
		return err
	})
	return err == nil, err
}

// leaseHeld reports whether the kernel has not asked for the lease back.
func (s system) leaseHeld(fd int) bool {
	kind := unix.F_UNLCK
	err := s.do("lease held", func() (err error) {
		kind, err = unix.FcntlInt(uintptr(fd), unix.F_GETLEASE, 0)
		return err
	})
	return err == nil && kind == unix.F_RDLCK
}

// awaitWriters returns errOpened while another program has the file open for writing.
// It waits at most a quarter of unreadyTimeout, because some programs keep a
// file open all the time.
func (j *job) awaitWriters(t *target) error {
	leased, err := j.sys.lease(t.fd)
	if leased {
		j.sys.unlease(t.fd)
	}
	return j.busy(err)
}

func (j *job) busy(leaseErr error) error {
	if isAny(leaseErr, unix.EAGAIN) && j.waited < unreadyTimeout/4 {
		return errOpened
	}
	return nil
}

// unlease returns the lease, which always succeeds.
func (system) unlease(fd int) {
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
}

// leasedByOther handles an open that failed because of another program's lease
// (a file server, for example). The kernel has then asked for the lease back,
// so the next open succeeds unless that program keeps it.
func (j *job) leasedByOther(err error) error {
	if j.waited < unreadyTimeout {
		return errOpened
	}
	return fault("open", j.at.path(), fmt.Errorf("%w: another program holds a lease on it", err))
}
