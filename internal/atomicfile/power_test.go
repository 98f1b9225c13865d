package atomicfile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/disktest"
)

// syncAll makes everything in the folder durable.
func syncAll(t *testing.T, dir string) {
	t.Helper()
	for _, name := range append(list(t, dir), ".") {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
}

// TestPowerCutAtEveryPoint records the system calls of every scenario of
// Replace, cuts them at every point, and checks every state that a power cut
// could leave. The file must hold the old or the new content in full, and the
// new one after Replace has returned. After the next start no temporary file
// may be left. A file written in place may be torn until Replace returns, but
// then its backup must be intact.
func TestPowerCutAtEveryPoint(t *testing.T) {
	for _, sc := range scenarios {
		if sc.name == "through a link" {
			continue // the same calls, in another folder
		}
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			disk := disktest.Mount(t)
			path := sc.set(t, disk.Root)
			syncAll(t, disk.Root)
			disk.Mark("begin")
			s := quick()
			s.before = func(op string) error { return sc.deny[op] }
			if _, err := s.replace(t.Context(), path, sc.opt, to(fresh)); err != nil {
				t.Fatal(err)
			}
			disk.Mark("done")
			trace := disk.Trace()
			begin := slices.IndexFunc(trace, func(c disktest.Change) bool { return c.Text == "begin" })
			done := slices.IndexFunc(trace, func(c disktest.Change) bool { return c.Text == "done" })
			torn := 0
			states := disktest.Crashes(trace, func(after int) bool { return after > begin }, func(c disktest.Crash) {
				got, exists := c.Files["/f"]
				switch {
				case got == fresh:
				case c.After > done:
					t.Errorf("cut after the end (%s): the file holds %q", c.Why, got)
				case exists && got == sc.old, !exists && sc.old == "":
				case strings.HasPrefix(sc.name, "in place"):
					torn++
					if bak := c.Files["/f.bak"]; sc.opt.Backup && bak != sc.old {
						t.Errorf("cut after %d (%s): the file holds %q and its backup %q", c.After, c.Why, got, bak)
					}
				default:
					t.Errorf("cut after %d (%s): the file holds %q, %v", c.After, c.Why, got, exists)
				}
				if bak, kept := c.Files["/f.bak"]; kept && bak != sc.old {
					t.Errorf("cut after %d (%s): the backup holds %q", c.After, c.Why, bak)
				}
				wantSwept(t, c)
			})
			t.Logf("%d calls, %d states, %d of them torn", done-begin-1, states, torn)
			if states < 3 {
				t.Errorf("got only %d states, want at least 3", states)
			}
		})
	}
}

// TestPowerCutAfterASecondAttempt: if the folder could not be synced, the
// next attempt finds the content there and makes it durable before it reports
// success.
func TestPowerCutAfterASecondAttempt(t *testing.T) {
	t.Parallel()
	disk := disktest.Mount(t)
	path := filepath.Join(disk.Root, "f")
	put(t, path, "old", 0o640)
	syncAll(t, disk.Root)
	disk.Fail("syncdir", unix.EIO, "/")
	_, err := Replace(t.Context(), path, Options{}, to(fresh))
	wantError(t, err, IO, "sync the folder")
	_, err = Replace(t.Context(), path, Options{}, to(fresh))
	wantError(t, err, IO, "sync the folder")
	disk.Heal()
	if _, err := Replace(t.Context(), path, Options{}, to(fresh)); err != nil {
		t.Fatal(err)
	}
	trace := disk.Trace()
	disktest.Crashes(trace, func(after int) bool { return after == len(trace) }, func(c disktest.Crash) {
		if got := c.Files["/f"]; got != fresh {
			t.Errorf("%s: the file holds %q", c.Why, got)
		}
	})
}

// wantSwept fails the test unless a sweep removes all our temporary files and
// keeps every other file.
func wantSwept(t *testing.T, c disktest.Crash) {
	t.Helper()
	ours := func(name string) bool { return isTemporary(strings.TrimPrefix(name, "/")) }
	left := false
	for name := range c.Files {
		left = left || ours(name)
	}
	if !left {
		return
	}
	dir := disktest.Memory(t)
	c.Lay(t, dir)
	if err := quick().sweep(t.Context(), filepath.Join(dir, "f")); err != nil {
		t.Error(err)
	}
	wantNoLeftOver(t, dir)
	for name, data := range c.Files {
		if !ours(name) && get(t, filepath.Join(dir, name)) != data {
			t.Errorf("%s was changed by the sweep", name)
		}
	}
}
