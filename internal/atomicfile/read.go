package atomicfile

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"
)

// Content is the content of a file. The zero value means the file does not
// exist.
type Content struct {
	Bytes  []byte
	Exists bool
	Mark   uint64 // of the version that was read (readfile.Identity.Mark)
}

// Read returns the content of the file at path. It refuses the same links as
// Replace, and files larger than maxSize.
func Read(ctx context.Context, path string, maxSize int64) (Content, error) {
	s := system{}
	at, err := s.resolve(ctx, path)
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == Missing {
		return Content{}, nil
	}
	if err != nil {
		return Content{}, err
	}
	defer s.close(at.dir)
	fd, err := s.open(at.dir, at.name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if isAny(err, unix.ENOENT) {
		return Content{}, nil
	}
	if err != nil {
		return Content{}, fault("read", at.path(), err)
	}
	defer s.close(fd)
	looked := s.now()
	st, err := s.stat(fd)
	switch {
	case err != nil:
		return Content{}, fault("read", at.path(), err)
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return Content{}, fault("read", at.path(), unix.EISDIR)
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return Content{}, refuse("read", at.path(), "it is not a regular file")
	}
	content, err := s.read(fd, st.Size, maxSize)
	switch {
	case err != nil:
		return Content{}, fault("read", at.path(), err)
	case int64(len(content)) > maxSize:
		return Content{}, refuse("read", at.path(), "it is too large")
	}
	return Content{Bytes: content, Exists: true, Mark: identityIn(&st).Mark(looked)}, nil
}
