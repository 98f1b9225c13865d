package control

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/vigented/vigente/daemon/engine"
)

func TestSocketHasItsModeUnderAnyUmask(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o177} {
		path := filepath.Join(t.TempDir(), "control.sock")
		old := syscall.Umask(umask)
		ln, err := Listen(path)
		syscall.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != fs.ModeSocket|0o660 {
			t.Errorf("umask %o: the socket has the mode %v", umask, info.Mode())
		}
	}
}

// TestSocketIsNeverTooOpen looks at the mode that the kernel gives the file
// before it is changed: what the umask leaves of a narrow one.
func TestSocketIsNeverTooOpen(t *testing.T) {
	dir := t.TempDir()
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	// A name that the last step cannot change the mode of leaves the first one.
	s := &socket{path: filepath.Join(dir, "s"), name: "nothing", root: root}
	if err := s.bind(); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("bind gave %v", err)
	}
	defer func() { _ = s.release() }()
	info, err := os.Lstat(s.path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o660 {
		t.Errorf("the socket was born with the mode %v", info.Mode())
	}
}

func TestListenMakesTheFolderAndCloseRemovesTheSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "control.sock")
	ln, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := ln.Addr().String(); got != path {
		t.Errorf("the address is %s", got)
	}
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close: %v", err)
	}
	again, err := Listen(path)
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	_ = again.Close()
}

// abandon leaves a socket file as a killed daemon does.
func abandon(t testing.TB, path string) {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	_ = ln.Close()
}

func TestListenReplacesADeadSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	abandon(t, path)
	ln, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if conn, err := net.Dial("unix", path); err != nil {
		t.Error(err)
	} else {
		_ = conn.Close()
	}
}

func TestListenRefuses(t *testing.T) {
	tests := []struct {
		name  string
		block func(t testing.TB, path string)
		want  string
	}{
		{"a living daemon", func(t testing.TB, path string) {
			ln, err := Listen(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = ln.Close() })
		}, "another daemon listens there already"},
		{"a living program without a lock", func(t testing.TB, path string) {
			ln, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = ln.Close() })
		}, "another daemon listens there already"},
		{"a daemon that is only starting", func(t testing.TB, path string) {
			lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = lock.Close() })
			if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
				t.Fatal(err)
			}
		}, "another daemon listens there already"},
		{"a file", func(t testing.TB, path string) {
			if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "the file there is not a socket"},
		{"a link", func(t testing.TB, path string) {
			if err := os.Symlink("/etc/passwd", path); err != nil {
				t.Fatal(err)
			}
		}, "the file there is not a socket"},
		{"a folder", func(t testing.TB, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "the file there is not a socket"},
		{"a lock that cannot be opened", func(t testing.TB, path string) {
			if err := os.Mkdir(path+".lock", 0o700); err != nil {
				t.Fatal(err)
			}
		}, "open its lock"},
		{"a folder that is a file", func(t testing.TB, path string) {
			dir := filepath.Dir(path)
			if err := os.Remove(dir); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(dir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "create the folder of the control socket"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "control.sock")
			tt.block(t, path)
			before, _ := os.Lstat(path)
			ln, err := Listen(path)
			if err == nil {
				_ = ln.Close()
				t.Fatal("Listen took the place")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the error is %q, want %q in it", err, tt.want)
			}
			if after, _ := os.Lstat(path); before != nil && !os.SameFile(before, after) {
				t.Error("what lay there is gone")
			}
		})
	}
}

func TestOfManyThatStartTogetherOneListens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	abandon(t, path)
	var all sync.WaitGroup
	won := make(chan net.Listener, 16)
	for range cap(won) {
		all.Go(func() {
			if ln, err := Listen(path); err == nil {
				won <- ln
			}
		})
	}
	all.Wait()
	close(won)
	count := 0
	for ln := range won {
		count++
		if conn, err := net.Dial("unix", path); err != nil {
			t.Error(err)
		} else {
			_ = conn.Close()
		}
		_ = ln.Close()
	}
	if count != 1 {
		t.Errorf("%d listen", count)
	}
}

func TestLongPaths(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	path := filepath.Join(dir, "control.sock")
	ln, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, ln, &fakeBackend{view: fleet()})
	if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("%v %v", info, err)
	}
	if _, err := NewClient(path).Select(t.Context(), engine.Query{}); err != nil {
		t.Error(err)
	}
	if _, err := Listen(path); !errors.Is(err, errInUse) {
		t.Errorf("a second one: %v", err)
	}
}

// Its folder may lie as deep as it likes; its own name may not be that long.
func TestListenRefusesANameThatNoSocketCanHave(t *testing.T) {
	_, err := Listen(filepath.Join(t.TempDir(), strings.Repeat("x", 120)))
	if err == nil || !strings.Contains(err.Error(), "its name has 120 characters") || strings.Contains(err.Error(), "/proc/") {
		t.Errorf("%v", err)
	}
}
