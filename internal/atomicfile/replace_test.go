package atomicfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestReplaceWritesTheWholeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old", 0o640)
	before := stat(t, path)
	got, err := Replace(t.Context(), path, Options{}, func(old []byte, exists bool) ([]byte, error) {
		if !exists || string(old) != "old" {
			t.Errorf("edit got %q, exists %v", old, exists)
		}
		return append(old, " and new"...), nil
	})
	if err != nil || !got.Changed || got.InPlace {
		t.Fatalf("Replace = %+v, %v", got, err)
	}
	wantHolds(t, path, "old and new")
	after := stat(t, path)
	if after.Mode != before.Mode {
		t.Errorf("mode %o, want %o", after.Mode, before.Mode)
	}
	if after.Ino == before.Ino {
		t.Error("the file was written in place, want it replaced")
	}
}

func TestReplaceKeepsPermissionBitsOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old", 0o754|os.ModeSetuid|os.ModeSetgid)
	if st := stat(t, path); st.Mode&unix.S_ISUID == 0 {
		t.Fatal("cannot set the setuid bit")
	}
	if _, err := Replace(t.Context(), path, Options{Mode: 0o600}, to("new")); err != nil {
		t.Fatal(err)
	}
	if st := stat(t, path); st.Mode&0o7777 != 0o754 {
		t.Errorf("mode %o, want 0754", st.Mode&0o7777)
	}
}

func TestReplaceLeavesEqualContentAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "same", 0o600)
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	before := stat(t, path)
	got, err := Replace(t.Context(), path, Options{Backup: true, Mode: 0o644}, to("same"))
	if err != nil || got.Changed {
		t.Fatalf("Replace = %+v, %v", got, err)
	}
	if after := stat(t, path); after.Mtim != before.Mtim || after.Ctim != before.Ctim || after.Ino != before.Ino {
		t.Error("the file's times or inode changed")
	}
	if names := list(t, filepath.Dir(path)); len(names) != 1 {
		t.Errorf("folder holds %v, want only the file", names)
	}
}

func TestReplaceCreates(t *testing.T) {
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	for _, tt := range []struct{ mode, want os.FileMode }{{0, 0o600}, {0o644, 0o644}, {0o640, 0o640}, {0o666 | os.ModeSetuid, 0o666}} {
		path := filepath.Join(t.TempDir(), "f")
		got, err := Replace(t.Context(), path, Options{Create: true, Mode: tt.mode, Backup: true}, func(old []byte, exists bool) ([]byte, error) {
			if exists || len(old) > 0 {
				t.Errorf("edit got %q, exists %v", old, exists)
			}
			return []byte("new"), nil
		})
		if err != nil || !got.Changed {
			t.Fatalf("Replace = %+v, %v", got, err)
		}
		wantHolds(t, path, "new")
		if st := stat(t, path); st.Mode&0o7777 != uint32(tt.want) {
			t.Errorf("mode %o, want %o", st.Mode&0o7777, tt.want)
		}
		if names := list(t, filepath.Dir(path)); len(names) != 1 {
			t.Errorf("folder holds %v, want only the file", names)
		}
	}
}

func TestReplaceNeedsTheFile(t *testing.T) {
	dir := t.TempDir()
	never := func([]byte, bool) ([]byte, error) { t.Error("edit was called"); return []byte("x"), nil }
	_, err := Replace(t.Context(), filepath.Join(dir, "f"), Options{}, never)
	wantError(t, err, Missing, "does not exist")
	_, err = Replace(t.Context(), filepath.Join(dir, "no", "f"), Options{Create: true}, never)
	wantError(t, err, Missing, filepath.Join(dir, "no"), "create it")
	if names := list(t, dir); len(names) > 0 {
		t.Errorf("folder holds %v, want it empty", names)
	}
}

func TestReplaceRefuses(t *testing.T) {
	dir := t.TempDir()
	fifo, socket, folder := filepath.Join(dir, "fifo"), filepath.Join(dir, "socket"), filepath.Join(dir, "folder")
	if err := errors.Join(unix.Mkfifo(fifo, 0o600), os.Mkdir(folder, 0o700)); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: socket})
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	file := filepath.Join(dir, "file")
	put(t, file, "12345", 0o600)
	for _, tt := range []struct {
		path  string
		opt   Options
		edit  Edit
		words string
	}{
		{path: fifo, words: "named pipe"},
		{path: socket, words: "socket"},
		{path: folder, words: "it is a folder"},
		{path: folder + "/", words: "it is a folder"},
		{path: dir + "/.", words: "folder"},
		{path: folder + "/..", words: "folder"},
		{path: "/", words: "folder"},
		{path: "", words: "empty"},
		{path: "/dev/null", words: "device"},
		{path: file + "/below", words: "not a folder"},
		{path: file, edit: to(""), words: "empty"},
		{path: filepath.Join(dir, "none"), edit: to(""), words: "empty"},
		{path: file, opt: Options{MaxSize: 4}, edit: to("1"), words: "4 bytes"},
		{path: file, opt: Options{MaxSize: 5}, edit: to("123456"), words: "5 bytes"},
	} {
		if tt.edit == nil {
			tt.edit = func([]byte, bool) ([]byte, error) { t.Error("edit was called"); return []byte("x"), nil }
		}
		tt.opt.Create = true
		_, err := Replace(t.Context(), tt.path, tt.opt, tt.edit)
		wantError(t, err, Refused, tt.words)
		if MayHaveChanged(err) {
			t.Errorf("%v: the error claims that something may have changed", err)
		}
		wantError(t, Check(t.Context(), tt.path, tt.opt, tt.edit), Refused, tt.words)
	}
	wantHolds(t, file, "12345")
	if _, err := Replace(t.Context(), file, Options{MaxSize: 5}, to("54321")); err != nil {
		t.Errorf("content at the limit: got %v, want nil", err)
	}
}

func TestReplaceReturnsTheEditsError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old", 0o600)
	mine := errors.New("mine")
	_, err := Replace(t.Context(), path, Options{}, func([]byte, bool) ([]byte, error) { return []byte("x"), mine })
	if err != mine {
		t.Errorf("error %v, want the edit's own", err)
	}
	wantHolds(t, path, "old")
}

func TestReplaceGivesTheEditItsOwnCopy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old", 0o600)
	got, err := Replace(t.Context(), path, Options{}, func(old []byte, _ bool) ([]byte, error) {
		copy(old, "new") // An edit may modify the slice it is given.
		return old, nil
	})
	if err != nil || !got.Changed {
		t.Fatalf("Replace = %+v, %v", got, err)
	}
	wantHolds(t, path, "new")
}

// TestReplaceWaitsForASave: a file that is being saved is read again for about
// two seconds.
func TestReplaceWaitsForASave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "", 0o600)
	var waited time.Duration
	s := system{pause: func(_ context.Context, d time.Duration) error {
		if waited += d; waited > time.Second {
			put(t, path, "[A]\n", 0o600)
		}
		return nil
	}}
	edit := func(old []byte, _ bool) ([]byte, error) {
		if len(old) == 0 {
			return nil, fmt.Errorf("read: %w", ErrUnready)
		}
		return append(old, "k=v\n"...), nil
	}
	if _, err := s.replace(t.Context(), path, Options{}, edit); err != nil {
		t.Fatal(err)
	}
	wantHolds(t, path, "[A]\nk=v\n")

	put(t, path, "", 0o600)
	waited = -time.Hour
	_, err := s.replace(t.Context(), path, Options{}, edit)
	if !errors.Is(err, ErrUnready) || err.Error() != "read: "+ErrUnready.Error() {
		t.Errorf("error %v, want the edit's own", err)
	}
	if waited += time.Hour; waited < unreadyTimeout || waited > 2*unreadyTimeout {
		t.Errorf("waited %v, want between one and two times unreadyTimeout", waited)
	}
}

func TestReplaceStopsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old", 0o600)
	var ops []string
	s := quick()
	s.before = func(op string) error { ops = append(ops, op); return nil }
	if _, err := s.replace(t.Context(), path, Options{Backup: true}, to("new")); err != nil {
		t.Fatal(err)
	}
	// From the lease on, the call is completed. Cancelled before that, it
	// changes nothing.
	last := slices.Index(ops, "lease")
	if last < 10 {
		t.Fatalf("got system calls %v, want a lease after at least 10", ops)
	}
	for n := range last {
		put(t, path, "old", 0o600)
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		s.before = func(string) error {
			if calls++; calls > n {
				cancel()
			}
			return nil
		}
		_, err := s.replace(ctx, path, Options{Backup: true}, to("new"))
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at %q: got %v, want context.Canceled", ops[n], err)
		}
		wantHolds(t, path, "old")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	put(t, path, "old", 0o600)
	for name, call := range map[string]func() error{
		"replace": func() error { _, err := Replace(ctx, path, Options{}, to("new")); return err },
		"check":   func() error { return Check(ctx, path, Options{}, to("new")) },
		"pause":   func() error { return system{}.wait(ctx, time.Hour) },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want context.Canceled", name, err)
		}
	}
	wantHolds(t, path, "old")
}

func TestBackupHoldsThePreviousContent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	put(t, path, "one", 0o644)
	for i, text := range []string{"two", "three", "three"} {
		if _, err := Replace(t.Context(), path, Options{Backup: true}, to(text)); err != nil {
			t.Fatal(err)
		}
		wantHolds(t, path+".bak", []string{"one", "two", "two"}[i])
		if st := stat(t, path+".bak"); st.Mode&0o7777 != 0o600 {
			t.Errorf("got backup mode %o, want 600", st.Mode&0o7777)
		}
	}
	// An empty file does not replace the backup, and a link planted at the
	// backup's name is replaced, not followed.
	put(t, path, "", 0o644)
	if _, err := Replace(t.Context(), path, Options{Backup: true}, to("four")); err != nil {
		t.Fatal(err)
	}
	wantHolds(t, path+".bak", "two")
	outside := filepath.Join(t.TempDir(), "outside")
	put(t, outside, "outside", 0o600)
	if err := errors.Join(os.Remove(path+".bak"), os.Symlink(outside, path+".bak")); err != nil {
		t.Fatal(err)
	}
	if _, err := Replace(t.Context(), path, Options{Backup: true}, to("five")); err != nil {
		t.Fatal(err)
	}
	wantHolds(t, path+".bak", "four")
	wantHolds(t, outside, "outside")

	if err := errors.Join(os.Remove(path+".bak"), os.Mkdir(path+".bak", 0o700)); err != nil {
		t.Fatal(err)
	}
	_, err := Replace(t.Context(), path, Options{Backup: true}, to("six"))
	wantError(t, err, Refused, path+".bak", "disable the backup")
	wantHolds(t, path, "five")
}

func TestReplaceHardLinkedInPlace(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "f"), filepath.Join(dir, "g")
	put(t, path, "a long old content", 0o600)
	if err := os.Link(path, other); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"short", strings.Repeat("longer ", 5000), "short again"} {
		got, err := Replace(t.Context(), path, Options{}, to(text))
		if err != nil || got != (Result{Changed: true, InPlace: true}) {
			t.Fatalf("Replace = %+v, %v", got, err)
		}
		wantHolds(t, path, text)
		wantHolds(t, other, text)
	}
	if a, b := stat(t, path), stat(t, other); a.Ino != b.Ino {
		t.Error("the hard link was broken")
	}
	if err := Check(t.Context(), path, Options{Backup: true}, to("x")); err != nil {
		t.Error(err)
	}
	if _, err := Replace(t.Context(), path, Options{Backup: true}, to("x")); err != nil {
		t.Error(err)
	}
	wantHolds(t, path+".bak", "short again")
}

func TestReplaceCarriesAttributesOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old", 0o640)
	if err := unix.Setxattr(path, "user.vigente", []byte("kept"), 0); err != nil {
		t.Skipf("the file system of the temporary folder has no user attributes: %v", err)
	}
	acl := accessList(7)
	if err := unix.Setxattr(path, aclName, acl, 0); err != nil {
		t.Skipf("the file system of the temporary folder has no access lists: %v", err)
	}
	before := stat(t, path)
	if got, err := Replace(t.Context(), path, Options{}, to("new")); err != nil || got.InPlace {
		t.Fatalf("Replace = %+v, %v", got, err)
	}
	buf := make([]byte, 256)
	if n, err := unix.Getxattr(path, "user.vigente", buf); err != nil || string(buf[:n]) != "kept" {
		t.Errorf("got user attribute %q, %v; want kept", buf[:max(n, 0)], err)
	}
	if n, err := unix.Getxattr(path, aclName, buf); err != nil || !bytes.Equal(buf[:n], acl) {
		t.Errorf("got ACL %x, %v", buf[:max(n, 0)], err)
	}
	if after := stat(t, path); after.Mode != before.Mode {
		t.Errorf("mode %o, want %o", after.Mode, before.Mode)
	}
}

// TestReplaceTakesNoAccessListFromTheFolder: a folder's default ACL must not
// give the file an ACL that it never had.
func TestReplaceTakesNoAccessListFromTheFolder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	put(t, path, "old", 0o660)
	if err := unix.Setxattr(dir, "system.posix_acl_default", accessList(7), 0); err != nil {
		t.Skipf("the file system of the temporary folder has no access lists: %v", err)
	}
	if _, err := Replace(t.Context(), path, Options{}, to("new")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 256)
	if n, err := unix.Getxattr(path, aclName, buf); !errors.Is(err, unix.ENODATA) {
		t.Errorf("got ACL %x, %v", buf[:max(n, 0)], err)
	}
	if st := stat(t, path); st.Mode&0o777 != 0o660 {
		t.Errorf("got mode %o, want 660", st.Mode&0o777)
	}
}

// accessList returns an ACL that gives user 1234 the bits and the group read
// permission.
func accessList(bits byte) []byte {
	entry := func(tag, perm byte, id uint32) []byte {
		return []byte{tag, 0, perm, 0, byte(id), byte(id >> 8), byte(id >> 16), byte(id >> 24)}
	}
	const none = 0xffffffff
	return bytes.Join([][]byte{
		{2, 0, 0, 0},
		entry(0x01, 6, none), entry(0x02, bits, 1234), entry(0x04, 4, none), entry(0x10, 7, none), entry(0x20, 0, none),
	}, nil)
}

func TestErrorSaysWhatAndWhy(t *testing.T) {
	e := fault("write", "/x", unix.ENOSPC)
	if got := e.Error(); got != "write /x: no space left on device (free space on that disk, or raise the quota)" {
		t.Error(got)
	}
	if !errors.Is(e, unix.ENOSPC) || MayHaveChanged(e) || !MayHaveChanged(fmt.Errorf("sink: %w", late(e))) || MayHaveChanged(unix.EIO) {
		t.Error("the error chain is wrong")
	}
	for err, kind := range map[unix.Errno]Kind{
		unix.EACCES: Unwritable, unix.EROFS: Unwritable, unix.EDQUOT: NoSpace, unix.ENOENT: Missing,
		unix.EISDIR: Refused, unix.ETXTBSY: Conflict, unix.EAGAIN: Conflict, unix.EIO: IO,
	} {
		if got := kindOf(err); got != kind {
			t.Errorf("%v is of kind %s, want %s", err, got, kind)
		}
	}
}
