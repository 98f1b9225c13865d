package atomicfile

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/disktest"
)

// TestCheckChangesNothing checks that Check leaves no trace in the file or
// beside it, and triggers no event that a watcher would take for a write.
func TestCheckChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old", 0o640)
	hard := filepath.Join(t.TempDir(), "f")
	put(t, hard, "old", 0o640)
	hardLinked(t, hard)
	for _, p := range []string{path, hard} {
		before := stat(t, p)
		watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(watch)
		if _, err := unix.InotifyAddWatch(watch, p, unix.IN_ALL_EVENTS&^(unix.IN_OPEN|unix.IN_ACCESS|unix.IN_CLOSE_NOWRITE)); err != nil {
			t.Fatal(err)
		}
		edited := false
		err = Check(t.Context(), p, Options{Backup: true}, func(old []byte, exists bool) ([]byte, error) {
			edited = true
			return append(old, "new"...), nil
		})
		if err != nil || !edited {
			t.Errorf("Check = %v, edit called: %v", err, edited)
		}
		if after := stat(t, p); after.Mtim != before.Mtim || after.Ctim != before.Ctim {
			t.Error("the file's times changed")
		}
		if n, err := unix.Read(watch, make([]byte, 4096)); !errors.Is(err, unix.EAGAIN) {
			t.Errorf("got %d bytes of events and %v, want none", n, err)
		}
		wantHolds(t, p, "old")
	}
	fresh := filepath.Join(t.TempDir(), "f")
	if err := Check(t.Context(), fresh, Options{Create: true, Mode: 0o640}, to("new")); err != nil {
		t.Error(err)
	}
	if names := list(t, filepath.Dir(fresh)); len(names) > 0 {
		t.Errorf("folder holds %v, want it empty", names)
	}
	wantError(t, Check(t.Context(), fresh, Options{}, to("new")), Missing)
}

// TestWhyInPlace compares WhyInPlace with what Replace does.
func TestWhyInPlace(t *testing.T) {
	dir := t.TempDir()
	whole, hard := filepath.Join(dir, "whole"), filepath.Join(dir, "hard")
	put(t, whole, "old", 0o600)
	put(t, hard, "old", 0o600)
	hardLinked(t, hard)
	for path, want := range map[string]string{whole: "", hard: "it has several hard links", filepath.Join(dir, "none"): "", dir: ""} {
		got := ""
		if why := WhyInPlace(t.Context(), path, Options{}); why != nil {
			got = why.Error()
		}
		if got != want {
			t.Errorf("WhyInPlace(%s) = %q, want %q", path, got, want)
		}
	}
	for path, inPlace := range map[string]bool{whole: false, hard: true} {
		if r, err := Replace(t.Context(), path, Options{}, to("new")); err != nil || r.InPlace != inPlace {
			t.Errorf("Replace(%s) = %+v, %v; want InPlace %v", path, r, err, inPlace)
		}
	}
}

func TestCheckReportsTheEdit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old", 0o600)
	mine := errors.New("mine")
	if err := Check(t.Context(), path, Options{}, func([]byte, bool) ([]byte, error) { return nil, mine }); err != mine {
		t.Errorf("got error %v, want the edit's", err)
	}
	n := 0
	err := quick().check(t.Context(), path, Options{}, func([]byte, bool) ([]byte, error) {
		if n++; n < 4 {
			return nil, ErrUnready
		}
		return []byte("x"), nil
	})
	if err != nil || n != 4 {
		t.Errorf("got %v after %d calls, want success after 4", err, n)
	}
}

// TestCheckWithFaults lets each system call fail: Check must report it and
// leave nothing behind.
func TestCheckWithFaults(t *testing.T) {
	for _, sc := range scenarios {
		if sc.deny != nil {
			continue
		}
		dir := disktest.Memory(t)
		for n, more := 1, true; more; n++ {
			path := sc.set(t, dir)
			calls, failed := 0, ""
			s := quick()
			s.before = func(op string) error {
				if calls++; calls == n {
					failed = op
					return unix.EIO
				}
				return nil
			}
			err := s.check(t.Context(), path, sc.opt, to("new"))
			more = failed != ""
			// Where the direct way fails, the walk is used.
			harmless := !more || failed == "direct" || failed == "lock" || failed == "attributes" || failed == "acl" || failed == "remove" || failed == "room" ||
				failed == "list attributes" || failed == "get attribute" || failed == "set attribute"
			// A second look that fails is simply repeated.
			if (err == nil) != harmless && failed != "look" {
				t.Errorf("%s: with failing %q: got %v", sc.name, failed, err)
			}
			wantNoLeftOver(t, dir)
			if sc.old != "" && get(t, path) != sc.old {
				t.Errorf("%s: %q failing: the file was changed", sc.name, failed)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old", 0o600)
	s := quick()
	s.before = func(op string) error {
		if op == "remove" {
			return unix.EIO
		}
		return nil
	}
	wantError(t, s.check(t.Context(), path, Options{}, to("new")), IO, "remove a temporary file")
}
