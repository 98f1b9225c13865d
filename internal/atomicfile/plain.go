package atomicfile

import (
	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/readfile"
)

// ReadPlain is Read for the usual case, in as few system calls as possible: a regular
// file of at most maxSize bytes, without a link on the way to it. It reports false for
// everything else, which Read finds out about and explains, and on kernels before 5.6.
func ReadPlain(path string, maxSize int64) (Content, bool) {
	s := system{}
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_SYMLINKS,
	}
	fd, err := unix.Openat2(unix.AT_FDCWD, path, &how)
	if err != nil {
		return Content{}, false
	}
	defer s.close(fd)
	looked := s.now()
	st, err := s.stat(fd)
	if err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size > maxSize {
		return Content{}, false
	}
	// A read that leaves room in the buffer has met the end of the file.
	content := make([]byte, st.Size+1)
	n, err := unix.Pread(fd, content, 0)
	if err != nil || int64(n) != st.Size {
		return Content{}, false
	}
	return Content{Bytes: content[:n], Exists: true, Mark: identityIn(&st).Mark(looked)}, true
}

// identityIn returns what distinguishes the version of a file from others.
func identityIn(st *unix.Stat_t) readfile.Identity {
	return readfile.Identity{
		Device: uint64(st.Dev), Inode: st.Ino, Size: st.Size, Modified: st.Mtim.Nano(), Changed: st.Ctim.Nano(), //nolint:unconvert // other widths on other machines
	}
}
