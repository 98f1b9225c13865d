package atomicfile

import "golang.org/x/sys/unix"

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

func (s system) unlease(fd int) {
	_ = s.do("unlease", func() error {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
		return err
	})
}
