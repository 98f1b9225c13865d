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
type inotify struct{ file *os.File }

func newInotify() (*inotify, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, err
	}
	return &inotify{os.NewFile(uintptr(fd), "inotify")}, nil
}

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
