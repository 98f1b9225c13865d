package atomicfile

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// nobody is a user without any rights here.
const nobody = 65534

// quick returns the system with pauses that take no time.
func quick() system {
	return system{pause: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
}

// to returns an edit that writes text whatever the file holds.
func to(text string) Edit {
	return func([]byte, bool) ([]byte, error) { return []byte(text), nil }
}

func put(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return string(data)
}

func stat(t testing.TB, path string) unix.Stat_t {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Error(err)
	}
	return st
}

// wantHolds fails the test unless the file has the content and its folder
// contains no temporary file.
func wantHolds(t testing.TB, path, text string) {
	t.Helper()
	if got := get(t, path); got != text {
		t.Errorf("%s holds %q, want %q", filepath.Base(path), got, text)
	}
	wantNoLeftOver(t, filepath.Dir(path))
}

func wantNoLeftOver(t testing.TB, folder string) {
	t.Helper()
	for _, name := range list(t, folder) {
		if strings.HasPrefix(name, ".vigente") {
			t.Errorf("temporary file %s was left", name)
		}
	}
}

func list(t testing.TB, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Error(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// wantError fails the test unless err has the kind and contains each of the
// words.
func wantError(t testing.TB, err error, kind Kind, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("got no error, want kind %s", kind)
		return
	}
	e, ok := err.(*Error)
	if !ok {
		t.Errorf("got error %T %v, want *Error of kind %s", err, err, kind)
		return
	}
	if e.Kind != kind {
		t.Errorf("error %q has kind %s, want %s", err, e.Kind, kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not contain %q", err, w)
		}
	}
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to act as another user")
	}
}

// onThread runs f on its own thread, which ends afterwards. f may therefore
// change per-thread state: user, capabilities, mount namespace.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	<-done
}

// as runs f as another user with the given capabilities. f must not call
// FailNow.
func as(t testing.TB, uid, gid int, f func(), capabilities ...uint) {
	t.Helper()
	needRoot(t)
	onThread(func() {
		if err := become(uid, gid, capabilities); err != 0 {
			t.Errorf("become user %d: %v", uid, err)
			return
		}
		f()
	})
}

// become uses raw calls, because the syscall package changes every thread.
func become(uid, gid int, capabilities []uint) unix.Errno {
	if _, _, e := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1, 0); e != 0 {
		return e
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); e != 0 {
		return e
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)); e != 0 {
		return e
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); e != 0 {
		return e
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	for _, c := range capabilities {
		data[0].Effective |= 1 << c
		data[0].Permitted |= 1 << c
	}
	_, _, e := unix.RawSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])), 0)
	return e
}

// withMounts runs f in its own mount namespace.
func withMounts(t testing.TB, f func()) {
	t.Helper()
	onThread(func() {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			t.Logf("not run: no permission for a mount namespace: %v", err)
			return
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Errorf("make mounts private: %v", err)
			return
		}
		f()
	})
}

func mount(t testing.TB, source, target, kind string, flags uintptr, data string) bool {
	t.Helper()
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		t.Errorf("mount %s: %v", target, err)
		return false
	}
	return true
}

// folderOf makes a folder that everybody may search, owned by the given
// user.
func folderOf(t testing.TB, uid, gid int, mode os.FileMode) string {
	t.Helper()
	base := t.TempDir()
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	// It lies below the test's own folders, which may be closed to others.
	if err := os.Chmod(filepath.Dir(base), 0o755); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(base, "d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	own(t, dir, uid, gid)
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return dir
}

func own(t testing.TB, path string, uid, gid int) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	if err := os.Lchown(path, uid, gid); err != nil {
		t.Fatal(err)
	}
}
