package atomicfile

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"
)

// Read returns the content of the file at path, and whether the file exists. It
// refuses the same links as Replace, and files larger than maxSize.
func Read(ctx context.Context, path string, maxSize int64) (content []byte, exists bool, err error) {
	s := system{}
	at, err := s.resolve(ctx, path)
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == Missing {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer s.close(at.dir)
	fd, err := s.open(at.dir, at.name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if isAny(err, unix.ENOENT) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fault("read", at.path(), err)
	}
	defer s.close(fd)
	st, err := s.stat(fd)
	switch {
	case err != nil:
		return nil, false, fault("read", at.path(), err)
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return nil, false, fault("read", at.path(), unix.EISDIR)
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, false, refuse("read", at.path(), "it is not a regular file")
	}
	content, err = s.read(fd, st.Size, maxSize)
	switch {
	case err != nil:
		return nil, false, fault("read", at.path(), err)
	case int64(len(content)) > maxSize:
		return nil, false, refuse("read", at.path(), "it is too large")
	}
	return content, true, nil
}
