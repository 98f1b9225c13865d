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

	"github.com/vigented/vigente/internal/disktest"
)

// look keeps showing another user what is in a folder until stop is closed.
func look(t *testing.T, wg *sync.WaitGroup, stop <-chan struct{}, dir string, at func(name string)) {
	t.Helper()
	wg.Go(func() {
		as(t, nobody, nobody, func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				names, _ := os.ReadDir(dir)
				for _, n := range names {
					at(n.Name())
				}
			}
		})
	})
}

// meddle keeps performing an action of another user until stop is closed. The
// action gets the path of our current temporary file.
func meddle(t *testing.T, wg *sync.WaitGroup, stop <-chan struct{}, dir string, act func(temporary string)) {
	t.Helper()
	look(t, wg, stop, dir, func(name string) {
		if isTemporary(name) {
			act(filepath.Join(dir, name))
		}
	})
}

// TestAnotherUserMeddlesWithTemporaries: whatever the owner of the folder
// does to our temporary files, no outside file is written or changes owner, and
// the content cannot be read before the file has its name. After that, the
// owner of the folder decides: that user could have put a readable file
// there beforehand.
func TestAnotherUserMeddlesWithTemporaries(t *testing.T) {
	needRoot(t)
	for name, act := range map[string]func(outside, temporary string){
		"takes it away": func(_, x string) { _ = os.Remove(x) },
		"renames it":    func(_, x string) { _ = os.Rename(x, x+".stolen") },
		"puts a link in its place": func(outside, x string) {
			_ = os.Symlink(outside, x+".lure")
			_ = os.Rename(x+".lure", x)
		},
		"puts a hard link in its place": func(_, x string) {
			own := filepath.Join(filepath.Dir(x), "own")
			_ = os.Link(own, x+".lure")
			_ = os.Rename(x+".lure", x)
		},
		"puts a folder in its place": func(_, x string) {
			_ = os.Rename(x, x+".stolen")
			_ = os.Mkdir(x, 0o777)
		},
		"puts it in the file's place": func(_, x string) { _ = os.Rename(x, filepath.Join(filepath.Dir(x), "f")) },
	} {
		t.Run(name, func(t *testing.T) {
			outside := filepath.Join(t.TempDir(), "outside")
			put(t, outside, "outside", 0o600)
			base := disktest.Memory(t)
			chmod(t, base, 0o755)
			dir := filepath.Join(base, "dir")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			own(t, dir, nobody, nobody)
			path := filepath.Join(dir, "f")
			put(t, filepath.Join(dir, "own"), "theirs", 0o644)
			own(t, filepath.Join(dir, "own"), nobody, nobody)
			var wg sync.WaitGroup
			stop := make(chan struct{})
			read := make(chan string, 1)
			spy := func(x string) {
				if data, err := os.ReadFile(x); err == nil && strings.Contains(string(data), "secret") {
					select {
					case read <- x:
					default:
					}
				}
			}
			meddle(t, &wg, stop, dir, func(x string) { act(outside, x) })
			if !strings.Contains(name, "hard link") { // which makes the file the other user's, and readable
				meddle(t, &wg, stop, dir, func(x string) { spy(x); spy(x + ".stolen"); spy(path) })
			}
			written := 0
			for i := range 700 {
				got, err := Replace(t.Context(), path, Options{Create: true, Owner: "0", Group: "0", Backup: i%2 == 0}, to(fmt.Sprintf("secret %d\n", i)))
				if err == nil && got.Changed {
					written++
				}
				if _, ok := errors.AsType[*Error](err); err != nil && !ok {
					t.Fatalf("round %d: %v", i, err)
				}
			}
			close(stop)
			wg.Wait()
			select {
			case x := <-read:
				t.Errorf("another user could read %s", filepath.Base(x))
			default:
			}
			if got := get(t, outside); got != "outside" {
				t.Errorf("the outside file holds %q, want outside", got)
			}
			if st := stat(t, outside); st.Uid != 0 || st.Mode&0o777 != 0o600 {
				t.Errorf("the outside file has owner %d and mode %o, want 0 and 600", st.Uid, st.Mode&0o777)
			}
			t.Logf("%d of 700 writes got through", written)
		})
	}
}

// TestNobodyReadsWhatIsNotForAll: in a folder of ours that everybody may
// list, no other user can open a non-public file at any moment of thousands of
// writes: not the file, its temporary file, or its backup.
func TestNobodyReadsWhatIsNotForAll(t *testing.T) {
	needRoot(t)
	dir := disktest.Memory(t)
	chmod(t, dir, 0o755)
	path := filepath.Join(dir, "f")
	var wg sync.WaitGroup
	stop := make(chan struct{})
	var mu sync.Mutex
	looks, seen := 0, map[string]bool{}
	look(t, &wg, stop, dir, func(name string) {
		fd, err := unix.Open(filepath.Join(dir, name), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		mu.Lock()
		defer mu.Unlock()
		if looks++; err == nil {
			seen[name] = true
			_ = unix.Close(fd)
		}
	})
	// The umask must not matter.
	defer unix.Umask(unix.Umask(0))
	for i := range 3000 {
		opt := Options{Create: true, Mode: 0o640, Owner: "0", Group: []string{"0", "1234"}[i%2], Backup: i%3 == 0}
		if i%5 == 0 {
			_ = os.Remove(path)
		}
		if _, err := Replace(t.Context(), path, opt, to(fmt.Sprint("secret ", i))); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
	if len(seen) > 0 || looks == 0 {
		t.Errorf("another user could open %v in %d attempts", seen, looks)
	}
	t.Logf("%d attempts to open during 3000 writes", looks)
}

// TestALinkIsNotEvenOpened: a link that replaces the file at the last moment is
// not opened, because opening alone can have side effects, on a lease or a
// device.
func TestALinkIsNotEvenOpened(t *testing.T) {
	needLeases(t)
	for _, want := range []string{"open to read", "open to write"} {
		outside := filepath.Join(t.TempDir(), "outside")
		put(t, outside, "outside", 0o600)
		fd, err := unix.Open(outside, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "f")
		put(t, path, "old", 0o600)
		hardLinked(t, path) // forces a write in place
		s := quick()
		looked, swapped := false, false
		s.before = func(op string) error {
			looked = looked || op == map[string]string{"open to read": "look", "open to write": "read"}[want]
			if op == "open" && looked && !swapped {
				swapped = true
				return errors.Join(os.Remove(path), os.Symlink(outside, path))
			}
			return nil
		}
		if _, err := s.replace(t.Context(), path, Options{}, to("new")); err == nil || !swapped {
			t.Errorf("%s: got %v with swapped %v, want an error", want, err, swapped)
		}
		if lease, err := unix.FcntlInt(uintptr(fd), unix.F_GETLEASE, 0); err != nil || lease != unix.F_WRLCK {
			t.Errorf("%s: the outside file was opened: its lease is %d, %v", want, lease, err)
		}
	}
}
