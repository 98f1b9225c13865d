package atomicfile

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// lease asks for a read lease on a file. It reports false when the system
// grants none here (not our file, a network file system), and EAGAIN when the
// file is open for writing. While the lease is held, whoever opens the file
// for writing waits until it is returned, at most for the kernel's
// lease-break-time. The signal that the kernel sends meanwhile (SIGIO) is
// ignored by the Go runtime.
func (s system) lease(fd int) (bool, error) {
	err := s.do("lease", func() error {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK)
		return err
	})
	return err == nil, err
}

// leaseHeld reports whether nobody has asked for the lease back.
func (s system) leaseHeld(fd int) bool {
	kind := unix.F_UNLCK
	err := s.do("lease held", func() (err error) {
		kind, err = unix.FcntlInt(uintptr(fd), unix.F_GETLEASE, 0)
		return err
	})
	return err == nil && kind == unix.F_RDLCK
}

// quiet reports errOpened while another program has the file open for writing.
// It waits a quarter of the patience at most, since some programs keep a file
// open for all of their life.
func (j *job) quiet(t *target) error {
	leased, err := j.sys.lease(t.fd)
	if leased {
		j.sys.unlease(t.fd)
	}
	return j.busy(err)
}

func (j *job) busy(leaseErr error) error {
	if isAny(leaseErr, unix.EAGAIN) && j.waited < unreadyPatience/4 {
		return errOpened
	}
	return nil
}

// unlease returns the lease, which always succeeds.
func (system) unlease(fd int) {
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
}

// leasedByOther answers an open that a lease of another program stopped (a
// file server holds such). The kernel has asked for it back by then, so that
// the next open succeeds unless that program does not let go.
func (j *job) leasedByOther(err error) error {
	if j.waited < unreadyPatience {
		return errOpened
	}
	return fault("open", j.at.path(), fmt.Errorf("%w: another program holds it by a lease", err))
}
