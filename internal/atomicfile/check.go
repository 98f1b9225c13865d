package atomicfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"
)

// Check does everything Replace does short of changing the file. It resolves
// the path, opens the folder, reads the file and calls edit. It then creates
// a temporary file in the folder, sets its mode and owner, writes and syncs
// the content, and removes it again, so a full or broken disk is noticed. Where
// Replace would write in place, Check verifies that the file is writable and
// that there is room for it to grow. It does not open the file for writing,
// because other programs would notice.
func Check(ctx context.Context, path string, opt Options, edit Edit) error {
	return system{}.check(ctx, path, opt, edit)
}

// WhyInPlace explains why Replace would write the file in place, where a crash
// could leave it torn, instead of replacing it. It returns nil if the file
// would be replaced, does not exist, or cannot be written at all.
func WhyInPlace(ctx context.Context, path string, opt Options) error {
	why, _ := system{}.inspect(ctx, path, opt, func(old []byte, exists bool) ([]byte, error) {
		if !exists {
			return nil, fs.ErrNotExist
		}
		return old, nil
	})
	return why // nil if there was an error
}

// WouldChange reports whether Replace would write the file or correct its
// owner. It changes nothing and does not check whether the write would succeed.
func WouldChange(ctx context.Context, path string, opt Options, edit Edit) (bool, error) {
	j, err := system{}.newJob(ctx, path, opt, edit)
	if err != nil {
		return false, err
	}
	defer j.sys.close(j.at.dir)
	for {
		change, err := j.compare(ctx)
		if err == nil {
			return change, nil
		}
		if err := j.backoff(ctx, err); err != nil {
			return false, err
		}
	}
}

// compare is a round that stops where Replace would start to write.
func (j *job) compare(ctx context.Context) (change bool, err error) {
	t, err := j.openTarget(ctx)
	if err != nil {
		return false, err
	}
	defer j.sys.close(t.fd)
	content, err := j.content(t)
	if err != nil {
		return false, err
	}
	return !t.holds(content) || j.want.differs(&t.st), ctx.Err()
}

// holds reports whether the file has exactly this content.
func (t *target) holds(content []byte) bool { return t.exists && bytes.Equal(content, t.content) }

func (s system) check(ctx context.Context, path string, opt Options, edit Edit) error {
	_, err := s.inspect(ctx, path, opt, edit)
	return err
}

// inspect is check, and also explains why the file would be written in place.
func (s system) inspect(ctx context.Context, path string, opt Options, edit Edit) (inPlace, err error) {
	j, err := s.newJob(ctx, path, opt, edit)
	if err != nil {
		return nil, err
	}
	defer s.close(j.at.dir)
	for {
		inPlace, err := j.checkRound(ctx)
		if err == nil {
			return inPlace, nil
		}
		if err := j.backoff(ctx, err); err != nil {
			return nil, err
		}
	}
}

func (j *job) checkRound(ctx context.Context) (inPlace, err error) {
	t, err := j.openTarget(ctx)
	if err != nil {
		return nil, err
	}
	defer j.sys.close(t.fd)
	content, err := j.content(t)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if t.pinned != "" {
		inPlace = errors.New(t.pinned)
		return inPlace, j.checkInPlace(t, content, inPlace)
	}
	err = j.tryTemporary(t, content)
	if u, ok := inPlaceAllowed(err); ok && t.exists {
		return u.cause, j.checkInPlace(t, content, u.cause)
	} else if ok {
		return nil, u.cause
	}
	if err == nil && t.exists && j.stickyPrevents(t) {
		inPlace = fault("replace", j.at.path(), fmt.Errorf("%w in a sticky folder, and the file belongs to another user", unix.EPERM))
		return inPlace, j.checkInPlace(t, content, inPlace)
	}
	return nil, err
}

// tryTemporary creates a temporary file as Replace would, and removes it. With
// a backup Replace writes two files, so the one file reserves room for both.
func (j *job) tryTemporary(t *target, content []byte) error {
	x, err := j.newTemporary()
	if err != nil {
		return err
	}
	defer x.discard()
	if err := j.setMetadata(x, t); err != nil {
		return err
	}
	if j.opt.Backup {
		content = slices.Concat(content, t.content)
	}
	if err := x.fill(content, j.at.path()); err != nil {
		return err
	}
	if err := x.drop(); err != nil {
		return fault("remove a temporary file in", j.at.folder, err)
	}
	if err := j.syncFolder(t.fd); err != nil {
		return fault("sync the folder", j.at.folder, err)
	}
	return nil
}

func (j *job) checkInPlace(t *target, content []byte, why error) error {
	if j.opt.Backup {
		x, err := j.newTemporary()
		if err != nil {
			return j.backupFault(j.at.path()+backupSuffix, err)
		}
		defer x.discard()
		if err := x.fill(t.content, j.at.path()+backupSuffix); err != nil {
			return err
		}
		if err := x.drop(); err != nil {
			return fault("remove a temporary file in", j.at.folder, err)
		}
	}
	if err := j.sys.writable(j.at.dir, j.at.name); err != nil {
		return j.inPlaceFault(err, why)
	}
	if free, size, known := j.sys.room(t.fd); known && blocks(content, size) > blocks(t.content, size)+free {
		return fault("make room for the new content of", j.at.path(), unix.ENOSPC)
	}
	return nil
}

// blocks returns how many blocks of the given size the content needs.
func blocks(content []byte, size int64) int64 { return (int64(len(content)) + size - 1) / size }

// stickyPrevents reports whether the sticky bit of the folder prevents us from
// replacing the file.
func (j *job) stickyPrevents(t *target) bool {
	euid := uint32(unix.Geteuid())
	if j.at.st.Mode&unix.S_ISVTX == 0 || t.st.Uid == euid || j.at.st.Uid == euid {
		return false
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return euid != 0
	}
	return data[0].Effective&(1<<unix.CAP_FOWNER) == 0
}
