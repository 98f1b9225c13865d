package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOwnerIsKeptAndSet(t *testing.T) {
	needRoot(t)
	path := filepath.Join(folderOf(t, 0, 0, 0o755), "f")
	put(t, path, "old", 0o640)
	own(t, path, 1234, 2345)
	for _, tt := range []struct {
		opt      Options
		uid, gid uint32
	}{
		{Options{}, 1234, 2345},
		{Options{Group: "77"}, 1234, 77},
		{Options{Owner: "55"}, 55, 77},
		{Options{Owner: "root", Group: "root"}, 0, 0},
		{Options{}, 0, 0},
	} {
		for _, text := range []string{tt.opt.Owner + tt.opt.Group + " one", "two"} {
			if got, err := Replace(t.Context(), path, tt.opt, to(text)); err != nil || !got.Changed {
				t.Fatalf("%+v: %+v, %v", tt.opt, got, err)
			}
			if st := stat(t, path); st.Uid != tt.uid || st.Gid != tt.gid || st.Mode&0o7777 != 0o640 {
				t.Errorf("%+v: got owner %d:%d, mode %o", tt.opt, st.Uid, st.Gid, st.Mode)
			}
		}
	}
	wantHolds(t, path, "two")

	fresh := path + ".new"
	if _, err := Replace(t.Context(), fresh, Options{Create: true, Mode: 0o440, Owner: "1234", Group: "2345"}, to("x")); err != nil {
		t.Fatal(err)
	}
	if st := stat(t, fresh); st.Uid != 1234 || st.Gid != 2345 || st.Mode&0o7777 != 0o440 {
		t.Errorf("new file: got owner %d:%d, mode %o", st.Uid, st.Gid, st.Mode)
	}
}

// TestOwnerIsCorrected: unchanged content is not written, but the owner is
// corrected, on the same inode.
func TestOwnerIsCorrected(t *testing.T) {
	needRoot(t)
	path := filepath.Join(folderOf(t, 0, 0, 0o755), "f")
	put(t, path, "same", 0o600)
	before := stat(t, path)
	for _, want := range []bool{true, false} {
		got, err := Replace(t.Context(), path, Options{Owner: "1234", Group: "2345"}, to("same"))
		if err != nil || got.Changed != want {
			t.Errorf("Replace = %+v, %v", got, err)
		}
	}
	if st := stat(t, path); st.Uid != 1234 || st.Gid != 2345 || st.Ino != before.Ino || st.Mtim != before.Mtim {
		t.Errorf("got owner %d:%d, or a new inode or modification time", st.Uid, st.Gid)
	}
	as(t, nobody, nobody, func() {
		own := filepath.Join(filepath.Dir(path), "f")
		_, err := Replace(t.Context(), own, Options{}, to("x"))
		wantError(t, err, Unwritable, "give the user of vigente (uid 65534) permission")
	})
}

// TestNothingIsVisibleTooEarly: at no time is the content in a file that the
// wrong user can read.
func TestNothingIsVisibleTooEarly(t *testing.T) {
	needRoot(t)
	for _, exists := range []bool{true, false} {
		dir := folderOf(t, 0, 0, 0o755)
		path := filepath.Join(dir, "f")
		if exists {
			put(t, path, "old", 0o660)
			own(t, path, 1234, 2345)
		}
		s := quick()
		writes := 0
		s.before = func(op string) error {
			for _, name := range list(t, dir) {
				st := stat(t, filepath.Join(dir, name))
				ready := st.Uid == 1234 && st.Gid == 2345 && st.Mode&0o777 == 0o660
				if name != "f" && (st.Size > 0 && !ready || st.Mode&0o077 != 0 && st.Gid != 2345) {
					t.Errorf("before %q the temporary file has owner %d:%d, mode %o, size %d", op, st.Uid, st.Gid, st.Mode, st.Size)
				}
				if name == "f" && !ready {
					t.Errorf("before %q the file has owner %d:%d, mode %o", op, st.Uid, st.Gid, st.Mode)
				}
			}
			if op == "write" {
				writes++
			}
			return nil
		}
		opt := Options{Create: true, Mode: 0o660, Owner: "1234", Group: "2345"}
		if _, err := s.replace(t.Context(), path, opt, to("secret")); err != nil || writes == 0 {
			t.Errorf("got %d writes, %v", writes, err)
		}
	}
}

// TestOwnerNeedsAPrivilege: if a configured owner cannot be set, the error says
// how to fix that, and the old file stays.
func TestOwnerNeedsAPrivilege(t *testing.T) {
	needRoot(t)
	dir := folderOf(t, nobody, nobody, 0o755)
	path := filepath.Join(dir, "f")
	put(t, path, "old", 0o600)
	own(t, path, nobody, nobody)
	as(t, nobody, nobody, func() {
		for _, text := range []string{"new", "old"} { // a change, and nothing to change
			_, err := Replace(t.Context(), path, Options{Owner: "root"}, to(text))
			wantError(t, err, Unwritable, `owner "root"`, "CAP_CHOWN", "setgid", "uid 65534")
			wantHolds(t, path, "old")
		}
		err := Check(t.Context(), path, Options{Group: "root"}, to("new"))
		wantError(t, err, Unwritable, `group "root"`, "CAP_CHOWN")
		_, err = Replace(t.Context(), path+".new", Options{Create: true, Owner: "root"}, to("new"))
		wantError(t, err, Unwritable, `owner "root"`)
		if names := list(t, dir); len(names) != 1 {
			t.Errorf("folder holds %v, want only the file", names)
		}
		// Keeping the current owner needs no privilege.
		if _, err := Replace(t.Context(), path, Options{Owner: "65534", Group: "65534"}, to("new")); err != nil {
			t.Error(err)
		}
		wantHolds(t, path, "new")
	})
	as(t, nobody, nobody, func() {
		if _, err := Replace(t.Context(), path, Options{Owner: "1234"}, to("given")); err != nil {
			t.Error("with CAP_CHOWN:", err)
		}
		if st := stat(t, path); st.Uid != 1234 {
			t.Errorf("got owner %d, want 1234", st.Uid)
		}
	}, unix.CAP_CHOWN)
}

// TestOwnerThatCannotBeKept: a writable file of another user, in a folder
// that is writable too. A new file could not be given that owner, so the file
// is written in place.
func TestOwnerThatCannotBeKept(t *testing.T) {
	needRoot(t)
	dir := folderOf(t, 0, nobody, 0o775)
	path := filepath.Join(dir, "f")
	put(t, path, "old", 0o660)
	own(t, path, 0, nobody)
	before := stat(t, path)
	as(t, nobody, nobody, func() {
		for _, opt := range []Options{{}, {Owner: "root"}} {
			if err := Check(t.Context(), path, opt, to("new")); err != nil {
				t.Error(err)
			}
			got, err := Replace(t.Context(), path, opt, to("new for "+opt.Owner))
			if err != nil || !got.InPlace {
				t.Errorf("Replace = %+v, %v", got, err)
			}
			wantHolds(t, path, "new for "+opt.Owner)
		}
	})
	if st := stat(t, path); st.Uid != 0 || st.Ino != before.Ino || st.Mode != before.Mode {
		t.Errorf("got owner %d, mode %o; want them and the inode unchanged", st.Uid, st.Mode)
	}
	// Not writable either: neither way works, and the owner is the reason.
	chmod(t, path, 0o640)
	as(t, nobody, nobody, func() {
		_, err := Replace(t.Context(), path, Options{}, to("newer"))
		wantError(t, err, Unwritable, "keep the owner", "the file cannot be written in place either")
		wantError(t, Check(t.Context(), path, Options{}, to("newer")), Unwritable, "keep the owner")
	})
	wantHolds(t, path, "new for root")
}

func TestFolderThatCannotBeWritten(t *testing.T) {
	needRoot(t)
	dir := folderOf(t, 0, 0, 0o755)
	path, closed := filepath.Join(dir, "f"), filepath.Join(dir, "closed")
	put(t, path, "old", 0o666)
	put(t, closed, "old", 0o644)
	as(t, nobody, nobody, func() {
		if err := Check(t.Context(), path, Options{}, to("new")); err != nil {
			t.Error(err)
		}
		got, err := Replace(t.Context(), path, Options{}, to("new"))
		if err != nil || !got.InPlace {
			t.Errorf("Replace = %+v, %v", got, err)
		}
		wantHolds(t, path, "new")
		// No backup can be made there; that must be an error.
		_, err = Replace(t.Context(), path, Options{Backup: true}, to("newer"))
		wantError(t, err, Unwritable, "backup", "let the user of vigente (uid 65534) write in that folder")
		wantError(t, Check(t.Context(), path, Options{Backup: true}, to("newer")), Unwritable, "backup")
		wantHolds(t, path, "new")

		_, err = Replace(t.Context(), closed, Options{}, to("new"))
		wantError(t, err, Unwritable, dir, "ReadWritePaths=", "the file cannot")
		wantError(t, Check(t.Context(), closed, Options{}, to("new")), Unwritable, "ReadWritePaths=")
		wantHolds(t, closed, "old")
		_, err = Replace(t.Context(), path+".new", Options{Create: true}, to("new"))
		wantError(t, err, Unwritable, dir, "ReadWritePaths=")
		wantError(t, Check(t.Context(), path+".new", Options{Create: true}, to("new")), Unwritable, dir)
	})
}

// TestStickyFolder: in a sticky folder of another user, only the owner of a
// file may replace it.
func TestStickyFolder(t *testing.T) {
	needRoot(t)
	dir := folderOf(t, 0, 0, 0o777|os.ModeSticky)
	path, closed, mine := filepath.Join(dir, "f"), filepath.Join(dir, "closed"), filepath.Join(dir, "mine")
	for p, mode := range map[string]os.FileMode{path: 0o666, closed: 0o644, mine: 0o600} {
		put(t, p, "old", mode)
	}
	own(t, mine, nobody, nobody)
	as(t, nobody, nobody, func() {
		if got, err := Replace(t.Context(), mine, Options{}, to("new")); err != nil || got.InPlace {
			t.Errorf("Replace = %+v, %v", got, err)
		}
		if err := Check(t.Context(), mine, Options{}, to("new")); err != nil {
			t.Error(err)
		}
		if got, err := Replace(t.Context(), path, Options{}, to("new")); err != nil || !got.InPlace {
			t.Errorf("Replace = %+v, %v", got, err)
		}
		_, err := Replace(t.Context(), closed, Options{}, to("new"))
		wantError(t, err, Unwritable)
	})
	// With CAP_CHOWN alone we can give files away, but not replace another
	// user's file. The temporary file must still be removed.
	for _, p := range []string{path, closed} {
		as(t, nobody, nobody, func() {
			err := Check(t.Context(), p, Options{}, to("newer"))
			got, replaced := Replace(t.Context(), p, Options{}, to("newer"))
			if p == path && (err != nil || replaced != nil || !got.InPlace) {
				t.Errorf("writable: Check = %v, Replace = %+v, %v", err, got, replaced)
			}
			if p == closed {
				wantError(t, err, Unwritable, "sticky folder")
				wantError(t, replaced, Unwritable)
			}
			wantNoLeftOver(t, dir)
		}, unix.CAP_CHOWN)
	}
	as(t, nobody, nobody, func() {
		err := Check(t.Context(), closed, Options{}, to("newest"))
		got, replaced := Replace(t.Context(), closed, Options{}, to("newest"))
		if err != nil || replaced != nil || got.InPlace {
			t.Errorf("with CAP_FOWNER: Check = %v, Replace = %+v, %v", err, got, replaced)
		}
	}, unix.CAP_CHOWN, unix.CAP_FOWNER)
	wantHolds(t, closed, "newest")
}

// TestFolderThatCannotBeRead uses a folder that may be written and searched,
// but not listed.
func TestFolderThatCannotBeRead(t *testing.T) {
	needRoot(t)
	dir := folderOf(t, nobody, nobody, 0o300)
	path := filepath.Join(dir, "f")
	put(t, path, "old", 0o600)
	own(t, path, nobody, nobody)
	as(t, nobody, nobody, func() {
		if _, err := Replace(t.Context(), path, Options{}, to("new")); err != nil {
			t.Error(err)
		}
		if _, err := Replace(t.Context(), path+".new", Options{Create: true}, to("new")); err != nil {
			t.Error(err)
		}
		wantError(t, Sweep(t.Context(), path), Unwritable, "list the folder", dir)
	})
	wantHolds(t, path, "new")
	chmod(t, dir, 0o600)
	as(t, nobody, nobody, func() {
		_, err := Replace(t.Context(), path, Options{}, to("x"))
		wantError(t, err, Unwritable)
	})
	closed := folderOf(t, 0, 0, 0o700)
	as(t, nobody, nobody, func() {
		_, err := Replace(t.Context(), filepath.Join(closed, "f"), Options{}, to("x"))
		wantError(t, err, Unwritable, "search the folder "+closed, "give the user of vigente (uid 65534) permission")
	})
}

// TestImmutableFile sets FS_IMMUTABLE_FL (0x10), which only root can, and not
// on every file system.
func TestImmutableFile(t *testing.T) {
	needRoot(t)
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old", 0o600)
	set := func(flags uint32) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(flags))
	}
	if err := set(0x10); err != nil {
		t.Skip("no file can be made immutable here:", err)
	}
	defer func() {
		if err := set(0); err != nil {
			t.Error(err)
		}
	}()
	_, err := Replace(t.Context(), path, Options{}, to("new"))
	check := Check(t.Context(), path, Options{}, to("new"))
	wantError(t, err, Unwritable, "chattr -i")
	wantError(t, check, Unwritable, "chattr -i")
	if !errors.Is(err, unix.EPERM) {
		t.Error(err)
	}
}
