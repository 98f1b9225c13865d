package atomicfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/disktest"
)

// needLeases skips the test if the file system grants no leases.
func needLeases(t testing.TB) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "x", 0o600)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if leased, err := (system{}).lease(int(f.Fd())); !leased {
		t.Skip("no leases on the file system of the temporary folder:", err)
	}
}

// TestFileOpenedAtTheLastMoment: a program that opens the file for writing at
// the last moment has opened the inode that the exchange removes. The exchange
// is undone, and the program can write first.
func TestFileOpenedAtTheLastMoment(t *testing.T) {
	needLeases(t)
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "a=old\n", 0o600)
	exchanges, opened := 0, false
	s := quick()
	s.before = func(op string) error {
		if op == "exchange" {
			exchanges++
		}
		if op == "exchange" && exchanges == 1 {
			// Without O_NONBLOCK it would block until the lease is returned.
			fd, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
			if opened = err == nil; opened {
				unix.Close(fd)
			}
		}
		return nil
	}
	s.pause = func(context.Context, time.Duration) error {
		if exchanges == 2 { // Undone: now it can write.
			put(t, path, "a=old\nb=other\n", 0o600)
		}
		return nil
	}
	if _, err := s.replace(t.Context(), path, Options{}, setLine("a", "ours")); err != nil {
		t.Fatal(err)
	}
	if opened {
		t.Error("the lease did not block the other program")
	}
	wantHolds(t, path, "a=ours\nb=other\n")
}

// TestFileOpenForWriting: we wait for a program that keeps the file open for
// writing, but not forever.
func TestFileOpenForWriting(t *testing.T) {
	needLeases(t)
	for i := range 4 {
		closes, linked := i%2 == 0, i/2 == 0
		path := filepath.Join(t.TempDir(), "f")
		put(t, path, "a=old\n", 0o600)
		if linked {
			hardLinked(t, path)
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var waited time.Duration
		s := system{pause: func(_ context.Context, d time.Duration) error {
			if waited += d; closes {
				if _, err := f.WriteString("b=other\n"); err == nil {
					f.Close()
				}
			}
			return nil
		}}
		if _, err := s.replace(t.Context(), path, Options{}, setLine("a", "ours")); err != nil {
			t.Fatal(err)
		}
		if waited == 0 || waited > unreadyTimeout {
			t.Errorf("waited %v, want more than 0 and at most unreadyTimeout", waited)
		}
		if want := map[bool]string{true: "a=ours\nb=other\n", false: "a=ours\n"}[closes]; get(t, path) != want {
			t.Errorf("the file holds %q, want %q", get(t, path), want)
		}
	}
}

// TestInPlaceWriterLosesNothing: programs that write in place lose nothing to
// us where we can get a lease, that is as the owner or as root.
func TestInPlaceWriterLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "a=0\n", 0o600)
	const lines = 100
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range lines {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err == nil {
				_, err = fmt.Fprintf(f, "line %d\n", i)
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				t.Error(err)
				return
			}
			_ = unix.Nanosleep(&unix.Timespec{Nsec: 5e6}, nil) // the pace of the other program, not a wait
		}
	}()
	ours := 0
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		ours++
		if err := stubborn(t.Context(), system{}, path, setLine("a", fmt.Sprint(ours))); err != nil {
			t.Fatal(err)
		}
	}
	holds, lost := get(t, path), 0
	for i := range lines {
		if !strings.Contains(holds, fmt.Sprintf("\nline %d\n", i)) {
			lost++
		}
	}
	t.Logf("%d writes of ours, %d of %d lines of the other program lost", ours, lost, lines)
	// Between looking up the inode and asking for the lease back, the kernel's
	// open has a short gap that user space cannot close.
	if lost > 1 {
		t.Errorf("lost %d of %d lines, want at most 1", lost, lines)
	}
	if !strings.HasPrefix(holds, fmt.Sprintf("a=%d\n", ours)) {
		t.Error("our last line is lost")
	}
}

// stubborn retries after a conflict, as the engine does.
func stubborn(ctx context.Context, s system, path string, edit Edit) error {
	for {
		_, err := s.replace(ctx, path, Options{}, edit)
		if e, ok := errors.AsType[*Error](err); !ok || e.Kind != Conflict {
			return err
		}
	}
}

// TestFileLockedByAnother: we wait for another program's lock on the file, but
// not forever.
func TestFileLockedByAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old", 0o600)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	var waited time.Duration
	s := system{pause: func(_ context.Context, d time.Duration) error { waited += d; return nil }}
	if _, err := s.replace(t.Context(), path, Options{}, to("new")); err != nil {
		t.Fatal(err)
	}
	if waited < lockTimeout || waited > 2*lockTimeout {
		t.Errorf("waited %v, want between one and two times lockTimeout", waited)
	}
	wantHolds(t, path, "new")
}

// TestFileLeasedByAnother: the lease of another program (a file server) is
// broken, or we wait for it.
func TestFileLeasedByAnother(t *testing.T) {
	for _, op := range []int{unix.F_WRLCK, unix.F_RDLCK} {
		path := filepath.Join(t.TempDir(), "f")
		put(t, path, "old", 0o600)
		hardLinked(t, path) // forces a write in place
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, op); err != nil {
			t.Skip("no leases on the file system of the temporary folder:", err)
		}
		pauses := 0
		s := system{pause: func(context.Context, time.Duration) error {
			if pauses++; pauses == 3 {
				unix.Close(fd)
			}
			return nil
		}}
		if _, err := s.replace(t.Context(), path, Options{}, to("new")); err != nil || pauses != 3 {
			t.Errorf("got %v after %d pauses, want success after 3", err, pauses)
		}
		wantHolds(t, path, "new")
	}
	j := &job{at: location{folder: "/x", name: "f"}, waited: unreadyTimeout}
	wantError(t, j.leasedByOther(unix.EAGAIN), Conflict, "lease")
}

// TestTwoWritersWithoutConflict: two of our own writers never lose anything and
// never give up.
func TestTwoWritersWithoutConflict(t *testing.T) {
	path := filepath.Join(disktest.Memory(t), "f")
	put(t, path, "one=0\ntwo=0\n", 0o600)
	const rounds = 500
	var wg sync.WaitGroup
	for _, key := range []string{"one", "two"} {
		wg.Go(func() {
			for i := 1; i <= rounds; i++ {
				want := []byte(fmt.Sprintf("%s=%d\n", key, i-1))
				_, err := Replace(t.Context(), path, Options{}, func(old []byte, exists bool) ([]byte, error) {
					if !bytes.Contains(old, want) {
						t.Errorf("%s is lost: %q", want, old)
					}
					return setLine(key, fmt.Sprint(i))(old, exists)
				})
				if err != nil {
					t.Errorf("round %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	wantHolds(t, path, fmt.Sprintf("one=%d\ntwo=%d\n", rounds, rounds))
}
