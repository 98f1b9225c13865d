package store

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// lockOfTheDead holds the lock like a child that a killed daemon had just forked.
func lockOfTheDead(t *testing.T) (dir string, lock *os.File, pid int) {
	t.Helper()
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	lock, err := os.Create(filepath.Join(dir, lockName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Close() })
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	pid = dead.Process.Pid
	fmt.Fprintln(lock, pid)
	return dir, lock, pid
}

func TestLockOfADeadProcessIsWaitedFor(t *testing.T) {
	t.Parallel()
	dir, lock, _ := lockOfTheDead(t)
	free := time.AfterFunc(50*time.Millisecond, func() { _ = lock.Close() })
	defer free.Stop()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatalf("while the child of a dead process still held the lock: %v", err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestLockOfADyingProcessIsWaitedFor: a killed process exists until its disk has answered.
func TestLockOfADyingProcessIsWaitedFor(t *testing.T) {
	t.Parallel()
	dir, lock, _ := lockOfTheDead(t)
	if _, err := lock.WriteAt([]byte(fmt.Sprintln(os.Getpid())), 0); err != nil {
		t.Fatal(err)
	}
	free := time.AfterFunc(50*time.Millisecond, func() { _ = lock.Close() })
	defer free.Stop()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatalf("while a process that was killed still held the lock: %v", err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestLockOfADeadProcessIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	dir, _, pid := lockOfTheDead(t)
	begun := time.Now()
	_, err := Open(dir, Options{})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("in use by another vigente (pid %d)", pid)) {
		t.Errorf("Open: %v", err)
	}
	if took := time.Since(begun); took < lockPatience || took > 5*lockPatience {
		t.Errorf("refused after %s, want about %s", took, lockPatience)
	}
}
