package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMountedFile: a file that is a mount point, as in containers, cannot be
// replaced and is written in place.
func TestMountedFile(t *testing.T) {
	needRoot(t)
	dir, source := t.TempDir(), filepath.Join(t.TempDir(), "source")
	path := filepath.Join(dir, "f")
	put(t, path, "below", 0o600)
	put(t, source, "old", 0o640)
	withMounts(t, func() {
		if !mount(t, source, path, "", unix.MS_BIND, "") {
			return
		}
		// The kernel refuses a rename by itself.
		if err := unix.Rename(source, path); !isAny(err, unix.EBUSY, unix.EXDEV) {
			t.Errorf("rename to a mounted file: %v", err)
		}
		for _, blind := range []bool{false, true} {
			s := quick()
			s.before = func(op string) error {
				if op == "attributes" && blind {
					return unix.ENOSYS
				}
				return nil
			}
			if err := s.check(t.Context(), path, Options{}, to("new")); err != nil {
				t.Error(err)
			}
			for _, text := range []string{"a longer text", "short"} {
				got, err := s.replace(t.Context(), path, Options{}, to(text))
				if err != nil || !got.InPlace {
					t.Errorf("Replace = %+v, %v; want InPlace", got, err)
				}
				wantHolds(t, path, text)
				wantHolds(t, source, text)
			}
		}
		if err := unix.Mount("", path, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Errorf("remount: %v", err)
			return
		}
		_, err := Replace(t.Context(), path, Options{}, to("new"))
		wantError(t, err, Unwritable, "mount point", "read-only")
		wantError(t, Check(t.Context(), path, Options{}, to("new")), Unwritable, "mount point")
		wantHolds(t, path, "short")
	})
}

// TestReadOnlyFolder: with ProtectSystem= of systemd, a single file may be
// writable in a read-only folder.
func TestReadOnlyFolder(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	path, other := filepath.Join(dir, "f"), filepath.Join(dir, "g")
	put(t, path, "old", 0o640)
	put(t, other, "old", 0o640)
	withMounts(t, func() {
		if !mount(t, path, path, "", unix.MS_BIND, "") || !mount(t, dir, dir, "", unix.MS_BIND|unix.MS_REC, "") {
			return
		}
		if err := unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Errorf("remount: %v", err)
			return
		}
		if err := Check(t.Context(), path, Options{}, to("new")); err != nil {
			t.Error(err)
		}
		got, err := Replace(t.Context(), path, Options{}, to("new"))
		if err != nil || !got.InPlace {
			t.Errorf("Replace = %+v, %v; want InPlace", got, err)
		}
		wantHolds(t, path, "new")
		_, err = Replace(t.Context(), other, Options{}, to("new"))
		wantError(t, err, Unwritable, "read-only", "ReadWritePaths=")
		wantError(t, Check(t.Context(), other, Options{}, to("new")), Unwritable, "ReadWritePaths=")
		wantHolds(t, other, "old")
	})
}

// TestFullDisk fills a real file system, for each way of writing.
func TestFullDisk(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	withMounts(t, func() {
		if !mount(t, "tmpfs", dir, "tmpfs", 0, "size=128k,mode=0755") {
			return
		}
		path, linked := filepath.Join(dir, "f"), filepath.Join(dir, "linked")
		put(t, path, "old content", 0o600)
		put(t, linked, "old linked content", 0o600)
		hardLinked(t, linked)
		for _, backup := range []bool{false, true} {
			for _, p := range []string{path, linked} {
				old := get(t, p)
				_, err := Replace(t.Context(), p, Options{Backup: backup}, to(strings.Repeat("x", 256<<10)))
				wantError(t, err, NoSpace, "free space")
				wantError(t, Check(t.Context(), p, Options{Backup: backup}, to(strings.Repeat("x", 256<<10))), NoSpace, "free space")
				if MayHaveChanged(err) {
					t.Error("the error claims that something may have changed")
				}
				wantHolds(t, p, old)
			}
		}
		_, err := Replace(t.Context(), path+".new", Options{Create: true}, to(strings.Repeat("x", 256<<10)))
		wantError(t, err, NoSpace, "free space")
		if _, err := os.Lstat(path + ".new"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a partial file was left: %v", err)
		}
		// Another program has filled the disk to the last byte.
		filler := filepath.Join(dir, "filler")
		if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("fill: %v", err)
		}
		_, err = Replace(t.Context(), path, Options{}, to("new"))
		wantError(t, err, NoSpace)
		// A check before a renewal reports it.
		wantError(t, Check(t.Context(), path, Options{}, to("new")), NoSpace, "free space")
		wantError(t, Check(t.Context(), linked, Options{}, to(strings.Repeat("x", 8<<10))), NoSpace, "free space")
		for _, same := range []string{"n", "a little longer than what is there"} {
			if err := Check(t.Context(), linked, Options{}, to(same)); err != nil {
				t.Error("in place without another block:", err)
			}
		}
		wantHolds(t, path, "old content")
		if err := os.Remove(filler); err != nil {
			t.Error(err)
		}
		if _, err := Replace(t.Context(), path, Options{}, to("new")); err != nil {
			t.Error("with space again:", err)
		}
		wantHolds(t, path, "new")
	})
}
