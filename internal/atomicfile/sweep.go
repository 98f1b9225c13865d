package atomicfile

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// settleTime is how long a temporary file must stay unchanged before a sweep
// removes it.
const settleTime = 20 * time.Millisecond

// Sweep removes our temporary files that a crash left in the folder of path.
// It touches only regular files whose names match our pattern and that no live
// writer has locked. It lists the whole folder, so call it once per folder. A
// missing folder has nothing to sweep.
func Sweep(ctx context.Context, path string) error { return system{}.sweep(ctx, path) }

func (s system) sweep(ctx context.Context, path string) error {
	at, err := s.resolve(ctx, path)
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == Missing {
		return nil
	}
	if err != nil {
		return err
	}
	defer s.close(at.dir)
	names, err := s.leftOvers(at)
	if err != nil {
		return err
	}
	var faults []error
	for _, name := range names {
		if err := s.sweepOne(ctx, at, name); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// leftOvers lists the names that match our pattern.
func (s system) leftOvers(at location) ([]string, error) {
	fd, err := s.open(at.dir, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, fault("list the folder", at.folder, err)
	}
	folder := os.NewFile(uintptr(fd), at.folder)
	defer folder.Close()
	all, err := folder.Readdirnames(-1)
	if err != nil {
		return nil, fault("list the folder", at.folder, err)
	}
	var names []string
	for _, name := range all {
		if isTemporary(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

func isTemporary(name string) bool {
	random, ok := strings.CutPrefix(name, temporaryPrefix)
	if !ok {
		return false
	}
	random, ok = strings.CutSuffix(random, temporarySuffix)
	if !ok || len(random) != 16 {
		return false
	}
	_, err := hex.DecodeString(random)
	return err == nil
}

// sweepOne removes one file unless a live writer holds it. During an exchange,
// the name briefly refers to what another program wrote, which does not have
// our lock; hence the second look.
func (s system) sweepOne(ctx context.Context, at location, name string) error {
	st, err := s.look(at.dir, name)
	if err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil // It is gone, or not ours.
	}
	fd, err := s.open(at.dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if isAny(err, unix.ENOENT, unix.ELOOP) {
		return nil
	}
	if err != nil {
		return fault("remove an old temporary file in", at.folder, fmt.Errorf("%s: %w", name, err))
	}
	defer s.close(fd)
	if s.lock(fd) != nil {
		return nil
	}
	if err := s.wait(ctx, settleTime); err != nil {
		return err
	}
	held, err := s.stat(fd)
	if err != nil {
		return fault("remove an old temporary file in", at.folder, err)
	}
	now, err := s.look(at.dir, name)
	if err != nil || !sameInode(&now, &held) {
		return nil
	}
	if err := s.remove(at.dir, name); err != nil && !isAny(err, unix.ENOENT) {
		return fault("remove an old temporary file in", at.folder, fmt.Errorf("%s: %w", name, err))
	}
	return nil
}
