package watch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Events requested from the kernel. In the parents of watched folders only names
// matter, so writing to files there costs nothing.
const (
	names     = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_ATTRIB
	structure = names | unix.IN_ONLYDIR | unix.IN_MASK_ADD
	contents  = structure | unix.IN_MODIFY
	// oneFile is for a file that is a mount point: its folder gets no events for its
	// content.
	oneFile = unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_DELETE_SELF | unix.IN_MASK_ADD
)

// inotify is an inotify(7) queue of the kernel. We use no library, because those
// hold a lock while they add a watch, and that call never returns on a file system
// that hangs.
//
// The queue is not in the runtime's poller: that wakes up for every event, also while
// nobody reads, so somebody who writes many files would keep us busy.
type inotify struct {
	file *os.File
	// closing becomes readable when close is called.
	closing, closer *os.File
}

func newInotify() (*inotify, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		return nil, err
	}
	i := &inotify{file: os.NewFile(uintptr(fd), "inotify")}
	if i.closing, i.closer, err = os.Pipe(); err != nil {
		return nil, errors.Join(err, i.file.Close())
	}
	return i, nil
}

// read waits for events and reads them. It fails after close.
func (i *inotify) read(buf []byte) (n int, err error) {
	raw, err := i.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	outer := raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(i.closing.Fd()), Events: unix.POLLIN}} //nolint:gosec // descriptors have 32 bits
		err = unix.EINTR
		for errors.Is(err, unix.EINTR) {
			_, err = unix.Poll(fds, -1)
		}
		if err == nil && fds[1].Revents != 0 {
			err = os.ErrClosed
		}
	})
	if err = errors.Join(outer, err); err != nil {
		return 0, err
	}
	return i.file.Read(buf)
}

// close ends a read that waits, and the watches.
func (i *inotify) close() error { return errors.Join(i.closer.Close(), i.file.Close()) }

// add watches a path, or adds events to an existing watch.
func (i *inotify) add(path string, mask uint32) (wd int32, err error) {
	if i == nil {
		return 0, errNoEvents
	}
	raw, err := i.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	got := 0
	if outer := raw.Control(func(fd uintptr) { got, err = unix.InotifyAddWatch(int(fd), path, mask) }); outer != nil {
		return 0, outer
	}
	return int32(got), err //nolint:gosec // watch descriptors have 32 bits
}

var errNoEvents = errors.New("the system gives no events")

func (i *inotify) remove(wd int32) {
	raw, err := i.file.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _, _ = unix.InotifyRmWatch(int(fd), uint32(wd)) }) //nolint:gosec // not negative
}

// event is one event of the kernel.
type event struct {
	wd   int32
	mask uint32
	name []byte // of the entry in the folder; empty for the watched path itself
}

// parse calls f for every event in the buffer.
func parse(buf []byte, f func(event)) {
	for len(buf) >= unix.SizeofInotifyEvent {
		e := event{
			wd:   int32(binary.NativeEndian.Uint32(buf)), //nolint:gosec // as the kernel wrote it
			mask: binary.NativeEndian.Uint32(buf[4:]),
		}
		size := int(binary.NativeEndian.Uint32(buf[12:]))
		end := min(unix.SizeofInotifyEvent+size, len(buf))
		e.name, _, _ = bytes.Cut(buf[unix.SizeofInotifyEvent:end], []byte{0})
		buf = buf[end:]
		f(e)
	}
}
