package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// tree is a folder of ours with a real file and a link to it, each in its
// own subdirectory.
type tree struct{ links, files, link, file string }

func newTree(t testing.TB) tree {
	base := folderOf(t, os.Geteuid(), os.Getegid(), 0o755)
	tr := tree{links: filepath.Join(base, "links"), files: filepath.Join(base, "files")}
	tr.link, tr.file = filepath.Join(tr.links, "f"), filepath.Join(tr.files, "real")
	if err := errors.Join(os.Mkdir(tr.links, 0o755), os.Mkdir(tr.files, 0o755), os.Symlink(tr.file, tr.link)); err != nil {
		t.Fatal(err)
	}
	put(t, tr.file, "old", 0o644)
	return tr
}

func TestLinksAreFollowed(t *testing.T) {
	tr := newTree(t)
	if err := errors.Join(
		os.Symlink("f", filepath.Join(tr.links, "second")),
		os.Symlink("../links/./second", filepath.Join(tr.files, "third")),
		os.Symlink("../files", filepath.Join(tr.links, "folder")),
		os.Symlink("nowhere", filepath.Join(tr.files, "dangling")),
	); err != nil {
		t.Fatal(err)
	}
	for i, path := range []string{
		tr.link,
		filepath.Join(tr.links, "second"),
		filepath.Join(tr.files, "third"),
		tr.links + "/folder/real",
		tr.links + "//folder/../files/./third",
	} {
		text := fmt.Sprint("text ", i)
		if _, err := Replace(t.Context(), path, Options{}, to(text)); err != nil {
			t.Errorf("Replace(%s): %v", path, err)
		}
		wantHolds(t, tr.file, text)
	}
	if _, err := Replace(t.Context(), filepath.Join(tr.files, "dangling"), Options{Create: true, Mode: 0o640}, to("made")); err != nil {
		t.Error(err)
	}
	wantHolds(t, filepath.Join(tr.files, "nowhere"), "made")
	for name, want := range map[string]string{"links/f": tr.file, "files/dangling": "nowhere"} {
		if got, err := os.Readlink(filepath.Join(tr.links, "..", name)); err != nil || got != want {
			t.Errorf("link %s points to %q, %v", name, got, err)
		}
	}
}

func TestRelativePaths(t *testing.T) {
	t.Chdir(t.TempDir())
	put(t, "f", "old", 0o600)
	if _, err := Replace(t.Context(), "f", Options{}, to("new")); err != nil {
		t.Error(err)
	}
	wantHolds(t, "./f", "new")
}

func TestLinksThatLeadNowhere(t *testing.T) {
	tr := newTree(t)
	circle := filepath.Join(tr.links, "circle")
	if err := errors.Join(os.Symlink("circle", circle), os.Symlink("/", filepath.Join(tr.links, "root")),
		os.Symlink("none/f", filepath.Join(tr.links, "none"))); err != nil {
		t.Fatal(err)
	}
	_, err := Replace(t.Context(), circle, Options{}, to("x"))
	wantError(t, err, Refused, "too many symbolic links")
	_, err = Replace(t.Context(), filepath.Join(tr.links, "root"), Options{}, to("x"))
	wantError(t, err, Refused, "it is a folder")
	_, err = Replace(t.Context(), filepath.Join(tr.links, "none"), Options{Create: true}, to("x"))
	wantError(t, err, Refused, "too many")
}

// TestExposedFolders: a link is refused if another local user could change its
// folder or one above it. The same folders are fine without a link, and
// after it.
func TestExposedFolders(t *testing.T) {
	needRoot(t)
	other := func(path string, mode os.FileMode, uid, gid int) func(testing.TB) {
		return func(t testing.TB) { own(t, path, uid, gid); chmod(t, path, mode) }
	}
	type change func(tr tree) func(testing.TB)
	for _, tt := range []struct {
		name   string
		change change
		fine   bool
	}{
		{"all ours", func(tr tree) func(testing.TB) { return func(testing.TB) {} }, true},
		{"links in a folder of another", func(tr tree) func(testing.TB) { return other(tr.links, 0o755, nobody, 0) }, false},
		{"file in a folder of another", func(tr tree) func(testing.TB) { return other(tr.files, 0o755, nobody, 0) }, true},
		{"parent of another", func(tr tree) func(testing.TB) { return other(filepath.Dir(tr.files), 0o755, nobody, 0) }, false},
		{"sticky parent of another", func(tr tree) func(testing.TB) {
			return other(filepath.Dir(tr.files), 0o755|os.ModeSticky, nobody, 0)
		}, false},
		{"links writable by all", func(tr tree) func(testing.TB) { return other(tr.links, 0o777, 0, 0) }, false},
		{"file writable by all", func(tr tree) func(testing.TB) { return other(tr.files, 0o777, 0, 0) }, true},
		{"file writable by its group", func(tr tree) func(testing.TB) { return other(tr.files, 0o775|os.ModeSetgid, 0, 100) }, true},
		{"links writable by a group", func(tr tree) func(testing.TB) { return other(tr.links, 0o775, 0, 100) }, false},
		{"links of a group that reads", func(tr tree) func(testing.TB) { return other(tr.links, 0o755, 0, 100) }, true},
		{"links writable by root's group", func(tr tree) func(testing.TB) { return other(tr.links, 0o775, 0, 0) }, true},
		{"sticky", func(tr tree) func(testing.TB) { return other(tr.links, 0o777|os.ModeSticky, 0, 0) }, true},
		{"sticky on both sides", func(tr tree) func(testing.TB) {
			return func(t testing.TB) {
				other(tr.links, 0o777|os.ModeSticky, 0, 0)(t)
				other(tr.files, 0o777|os.ModeSticky, 0, 0)(t)
			}
		}, true},
		{"sticky, with the link of another", func(tr tree) func(testing.TB) {
			return func(t testing.TB) {
				other(tr.links, 0o777|os.ModeSticky, 0, 0)(t)
				own(t, tr.link, nobody, nobody)
			}
		}, false},
		{"sticky, with the file of another", func(tr tree) func(testing.TB) {
			return func(t testing.TB) {
				other(tr.files, 0o777|os.ModeSticky, 0, 0)(t)
				own(t, tr.file, nobody, nobody)
			}
		}, true},
		{"access list of another user", func(tr tree) func(testing.TB) {
			return func(t testing.TB) { chmod(t, tr.links, 0o770); setACL(t, tr.links, accessList(7)) }
		}, false},
		{"access list that only reads", func(tr tree) func(testing.TB) {
			return func(t testing.TB) { chmod(t, tr.links, 0o770); setACL(t, tr.links, accessList(5)) }
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := newTree(t)
			tt.change(tr)(t)
			_, err := Replace(t.Context(), tr.link, Options{}, to("through the link"))
			check := Check(t.Context(), tr.link, Options{}, to("through the link"))
			if tt.fine {
				if err != nil || check != nil {
					t.Errorf("Replace = %v, Check = %v; want both nil", err, check)
				}
				wantHolds(t, tr.file, "through the link")
			} else {
				wantError(t, err, Refused, "another local user", "configure the real path")
				wantError(t, check, Refused, "another local user")
				wantHolds(t, tr.file, "old")
			}
			if _, err := Replace(t.Context(), tr.file, Options{}, to("straight")); err != nil {
				t.Errorf("without a link: got %v, want nil", err)
			}
			wantHolds(t, tr.file, "straight")
		})
	}
}

// TestGroupsThatCount: what root's group may write counts as root's, and what
// our own group may write counts as ours.
func TestGroupsThatCount(t *testing.T) {
	needRoot(t)
	tr := newTree(t)
	chmod(t, tr.links, 0o775)
	chmod(t, tr.files, 0o777)
	for gid, fine := range map[int]bool{0: true, nobody: true, 1234: false} {
		own(t, tr.links, 0, gid)
		as(t, nobody, nobody, func() {
			_, err := quick().resolve(t.Context(), filepath.Join(tr.links, "f"))
			if !fine {
				wantError(t, err, Refused, tr.links)
			} else if err != nil {
				t.Errorf("group %d: got %v, want nil", gid, err)
			}
		})
	}
}

func TestExposedFolderIsNamed(t *testing.T) {
	needRoot(t)
	tr := newTree(t)
	chmod(t, tr.links, 0o777)
	_, err := Replace(t.Context(), tr.link, Options{}, to("x"))
	wantError(t, err, Refused, tr.link, "the folder "+tr.links+" can be changed")
	_, err = Read(t.Context(), tr.link, 100)
	wantError(t, err, Refused, tr.link, "the folder "+tr.links+" can be changed")
	wantHolds(t, tr.file, "old")
}

// TestRead reads through a link that nobody else can change. A missing file is
// not an error.
func TestRead(t *testing.T) {
	tr := newTree(t)
	if got, err := Read(t.Context(), tr.link, 100); string(got.Bytes) != "old" || !got.Exists || err != nil {
		t.Errorf("got %q, %t, %v", got.Bytes, got.Exists, err)
	}
	for _, path := range []string{tr.file + "-none", filepath.Join(tr.files, "none", "f")} {
		if got, err := Read(t.Context(), path, 100); got.Exists || err != nil {
			t.Errorf("%s: exists %t, %v", path, got.Exists, err)
		}
	}
	_, err := Read(t.Context(), tr.file, 2)
	wantError(t, err, Refused, "too large")
}

// TestLinkBehindASharedFolder: a second link is checked like the first.
func TestLinkBehindASharedFolder(t *testing.T) {
	needRoot(t)
	tr := newTree(t)
	safe := filepath.Join(filepath.Dir(tr.files), "safe")
	if err := errors.Join(os.Mkdir(safe, 0o755), os.Symlink(tr.links, filepath.Join(safe, "to"))); err != nil {
		t.Fatal(err)
	}
	chmod(t, tr.links, 0o777)
	_, err := Replace(t.Context(), filepath.Join(safe, "to", "f"), Options{}, to("x"))
	wantError(t, err, Refused, tr.link, "the folder "+tr.links+" can be changed")
	// A file that does not exist yet is created in the shared folder that the
	// link leads to.
	if _, err := Replace(t.Context(), filepath.Join(safe, "to", "new"), Options{Create: true}, to("x")); err != nil {
		t.Error(err)
	}
	wantHolds(t, filepath.Join(tr.links, "new"), "x")
}

// TestPlantedHardLink: a hard link planted in a folder of another user must
// not cause a file elsewhere to be overwritten.
func TestPlantedHardLink(t *testing.T) {
	needRoot(t)
	for _, tt := range []struct {
		name         string
		folder, file int // owners
		mode         os.FileMode
		refused      bool
	}{
		{name: "our file in our folder", mode: 0o755},
		{name: "another user's file in that user's folder", folder: nobody, file: nobody, mode: 0o755},
		{name: "our file in another user's folder", folder: nobody, mode: 0o755, refused: true},
		{name: "third user's file in another user's folder", folder: nobody, file: 1234, mode: 0o755, refused: true},
		{name: "our file in a world-writable folder", mode: 0o777, refused: true},
		{name: "another user's file in a world-writable folder", file: nobody, mode: 0o777, refused: true},
		{name: "our file in a sticky folder", mode: 0o777 | os.ModeSticky, refused: true},
		{name: "another user's file in a sticky folder", file: nobody, mode: 0o777 | os.ModeSticky, refused: true},
		{name: "another user's file in that user's group-writable folder", folder: nobody, file: nobody, mode: 0o775, refused: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			outside := filepath.Join(t.TempDir(), "outside")
			put(t, outside, "outside", 0o600)
			dir := folderOf(t, tt.folder, 100, tt.mode)
			path := filepath.Join(dir, "f")
			if err := os.Link(outside, path); err != nil {
				t.Fatal(err)
			}
			own(t, path, tt.file, 0)
			check := Check(t.Context(), path, Options{}, to("new"))
			_, err := Replace(t.Context(), path, Options{Owner: "4321"}, to("new"))
			if !tt.refused {
				if err != nil || check != nil {
					t.Errorf("Replace = %v, Check = %v; want both nil", err, check)
				}
				wantHolds(t, outside, "new")
				return
			}
			wantError(t, err, Refused, "several hard links", "remove the other links")
			wantError(t, check, Refused, "several hard links")
			wantHolds(t, outside, "outside")
			if st := stat(t, outside); int(st.Uid) != tt.file {
				t.Errorf("got owner %d, want it unchanged", st.Uid)
			}
		})
	}
}

// TestFlippedFoldersLeadNowhere: however an attacker swaps folders and
// links while we work, nothing outside is written.
func TestFlippedFoldersLeadNowhere(t *testing.T) {
	needRoot(t)
	outside := t.TempDir()
	put(t, filepath.Join(outside, "f"), "outside", 0o600)
	base := folderOf(t, nobody, nobody, 0o755)
	dir, spare, lure := filepath.Join(base, "dir"), filepath.Join(base, "spare"), filepath.Join(base, "lure")
	for _, d := range []string{dir, spare} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
		own(t, d, nobody, nobody)
		put(t, filepath.Join(d, "f"), "inside", 0o644)
		own(t, filepath.Join(d, "f"), nobody, nobody)
	}
	if err := errors.Join(os.Symlink(outside, lure), os.Symlink(filepath.Join(outside, "f"), filepath.Join(dir, "lure"))); err != nil {
		t.Fatal(err)
	}
	before := list(t, outside)
	stop := make(chan struct{})
	var attacker sync.WaitGroup
	flip := func(a, b string) {
		attacker.Go(func() {
			as(t, nobody, nobody, func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					// Only some of the exchanges find both entries; that is the
					// nature of a race.
					_ = unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
				}
			})
		})
	}
	flip(dir, lure)
	flip(dir, spare)
	flip(filepath.Join(dir, "f"), filepath.Join(dir, "lure"))
	written := 0
	for i := range 1500 {
		got, err := Replace(t.Context(), filepath.Join(dir, "f"), Options{Create: true, Backup: i%2 == 0}, to(fmt.Sprint("round ", i)))
		if err == nil && got.Changed {
			written++
		}
	}
	close(stop)
	attacker.Wait()
	if got := list(t, outside); strings.Join(got, " ") != strings.Join(before, " ") {
		t.Errorf("the outside folder holds %v, want %v", got, before)
	}
	if got := get(t, filepath.Join(outside, "f")); got != "outside" {
		t.Errorf("the outside file was written: %q", got)
	}
	if st := stat(t, filepath.Join(outside, "f")); st.Uid != 0 {
		t.Error("the outside file has another owner")
	}
	t.Logf("%d of 1500 attempts wrote inside", written)
}

// TestTargetTurnsIntoSomethingElse replaces the target with something else
// between the look and the open, or later.
func TestTargetTurnsIntoSomethingElse(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	put(t, outside, "outside", 0o600)
	for name, turn := range map[string]func(path string) error{
		"link":   func(path string) error { return os.Symlink(outside, path) },
		"folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"fifo":   func(path string) error { return unix.Mkfifo(path, 0o600) },
	} {
		for _, op := range []string{"look", "open", "read", "lease", "exchange"} {
			path := filepath.Join(t.TempDir(), "f")
			put(t, path, "old", 0o600)
			s := quick()
			resolved, turned := false, false
			s.before = func(now string) error {
				resolved = resolved || now == "look"
				if now == op && resolved && !turned {
					turned = true
					return errors.Join(os.Remove(path), turn(path))
				}
				return nil
			}
			if _, err := s.replace(t.Context(), path, Options{}, to("new")); err == nil || !turned {
				t.Errorf("%s at %q was written to", name, op)
			}
			wantNoLeftOver(t, filepath.Dir(path))
			if st := stat(t, path); st.Mode&unix.S_IFMT == unix.S_IFREG {
				t.Errorf("%s at %q was replaced", name, op)
			}
		}
	}
	wantHolds(t, outside, "outside")
}

func TestAccessLists(t *testing.T) {
	acl := func(entries ...[3]uint32) []byte {
		b := []byte{2, 0, 0, 0}
		for _, e := range entries {
			b = append(b, byte(e[0]), 0, byte(e[1]), 0, byte(e[2]), byte(e[2]>>8), byte(e[2]>>16), byte(e[2]>>24))
		}
		return b
	}
	us, usGroup := uint32(os.Geteuid()), uint32(os.Getegid())
	for _, tt := range []struct {
		acl  []byte
		gid  uint32
		want bool
	}{
		{acl(), 1234, false},
		{acl([3]uint32{1, 7, 0}, [3]uint32{4, 5, 0}), 1234, false},
		{acl([3]uint32{4, 7, 0}), 1234, true},
		{acl([3]uint32{4, 7, 0}), usGroup, false},
		{acl([3]uint32{2, 7, us}, [3]uint32{2, 6, 0}), 1234, false},
		{acl([3]uint32{2, 2, 1234}), 0, true},
		{acl([3]uint32{2, 5, 1234}), 0, false},
		{acl([3]uint32{8, 7, usGroup}), 0, false},
		{acl([3]uint32{8, 7, 1234}), 0, true},
		{append(acl([3]uint32{1, 7, 0}), 8, 0, 7), 0, false},
	} {
		if got := aclWritable(tt.acl, tt.gid); got != tt.want {
			t.Errorf("aclWritable(%x, %d) = %v, want %v", tt.acl, tt.gid, got, tt.want)
		}
	}
}

func chmod(t testing.TB, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func setACL(t testing.TB, path string, acl []byte) {
	t.Helper()
	if err := unix.Setxattr(path, aclName, acl, 0); err != nil {
		t.Skip("the file system of the temporary folder has no access lists:", err)
	}
}
