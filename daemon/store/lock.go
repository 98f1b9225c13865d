package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// takeLock keeps other processes out of the directory. The file holds the process
// id of its owner, for operators.
func takeLock(dir string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the state directory: %w (expected to be writable for the daemon's user)", err)
	}
	if err := flock(lock); err != nil {
		pid, known := holder(lock)
		_ = lock.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock the state directory %s: %w", dir, err)
		}
		who := "another vigente"
		if known {
			who += fmt.Sprintf(" (pid %d)", pid)
		}
		return nil, fmt.Errorf("state directory %s is in use by %s (stop that one first, or give this one another daemon.state_dir)", dir, who)
	}
	// Only the lock counts; a full disk must not stop the daemon here.
	if lock.Truncate(0) == nil {
		_, _ = lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return lock, nil
}

// How long to wait for a lock that is held, and how often to try it.
const (
	lockPatience = 5 * time.Second
	lockEvery    = 10 * time.Millisecond
)

// flock locks the file, and waits for a process that is just ending. A killed
// daemon holds its lock until its last write to the disk has ended. One that was
// killed while it started a hook leaves a child that shares the lock until the
// child executes the hook.
func flock(lock *os.File) error {
	over, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	for {
		err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) || over.Err() != nil {
			return err
		}
		pause, cancel := context.WithTimeout(over, lockEvery)
		<-pause.Done()
		cancel()
	}
}

// holder returns the process that last took the lock.
func holder(lock *os.File) (pid int, known bool) {
	text := make([]byte, 32)
	n, _ := lock.ReadAt(text, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	return pid, err == nil && pid > 0
}
