package atomicfile

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const leftOver = ".vigente-0123456789abcdef.tmp"

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	keep := []string{
		"f", "f.bak", ".vigente.tmp", ".vigente-0123456789abcdeg.tmp", ".vigente-0123456789abcdef.tmp.bak",
		".vigente-0123.tmp", "vigente-0123456789abcdef.tmp", ".vigente-0123456789abcdef", ".vigente-0123456789ABCDEF0.tmp",
	}
	for _, name := range append(slices.Clone(keep), leftOver, ".vigente-ffffffffffffffff.tmp") {
		put(t, filepath.Join(dir, name), "x", 0o600)
	}
	if err := os.Mkdir(filepath.Join(dir, ".vigente-00000000000000aa.tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, filepath.Join(dir, ".vigente-00000000000000bb.tmp")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, ".vigente-00000000000000cc.tmp"), 0o600); err != nil {
		t.Fatal(err)
	}
	keep = append(keep, ".vigente-00000000000000aa.tmp", ".vigente-00000000000000bb.tmp", ".vigente-00000000000000cc.tmp")
	slices.Sort(keep)
	if err := Sweep(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if got := list(t, dir); !slices.Equal(got, keep) {
		t.Errorf("folder holds %v, want %v", got, keep)
	}
}

func TestSweepKeepsFilesOfLiveWriters(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	put(t, path, "old", 0o600)
	s := quick()
	swept := 0
	s.before = func(op string) error {
		if op == "write" || op == "lease" || op == "exchange" {
			swept++
			if err := quick().sweep(t.Context(), path); err != nil {
				t.Error(err)
			}
		}
		return nil
	}
	if _, err := s.replace(t.Context(), path, Options{Backup: true}, to("new")); err != nil {
		t.Error(err)
	}
	if swept < 4 {
		t.Errorf("swept %d times, want at least 4", swept)
	}
	wantHolds(t, path, "new")
	wantHolds(t, path+".bak", "old")
}

// TestSweepMeetsANewFile: a file that a sweep removes right after its creation
// is created again.
func TestSweepMeetsANewFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, op := range []string{"lock", "stat"} {
		put(t, path, "old", 0o600)
		s := quick()
		created, swept := false, false
		s.before = func(now string) error {
			if now == op && created && !swept {
				swept = true
				// As the sweep does: locked first, then removed.
				for _, name := range list(t, dir) {
					if !isTemporary(name) {
						continue
					}
					if op == "stat" {
						return os.Remove(filepath.Join(dir, name))
					}
					f, err := os.Open(filepath.Join(dir, name))
					if err != nil {
						return err
					}
					t.Cleanup(func() { f.Close() })
					return unix.Flock(int(f.Fd()), unix.LOCK_EX)
				}
			}
			created = created || now == "create"
			return nil
		}
		if _, err := s.replace(t.Context(), path, Options{}, to("new")); err != nil || !swept {
			t.Errorf("swept %v: got %v", swept, err)
		}
		wantHolds(t, path, "new")
	}
}

// TestSweepLooksTwice: during an exchange the temporary name refers to what
// another program wrote, without our lock.
func TestSweepLooksTwice(t *testing.T) {
	dir := t.TempDir()
	path, temporary := filepath.Join(dir, "f"), filepath.Join(dir, leftOver)
	put(t, path, "ours", 0o600)
	put(t, temporary, "another's", 0o600)
	s := system{pause: func(context.Context, time.Duration) error {
		return unix.Renameat2(unix.AT_FDCWD, path, unix.AT_FDCWD, temporary, unix.RENAME_EXCHANGE)
	}}
	if err := s.sweep(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if get(t, path) != "another's" || get(t, temporary) != "ours" {
		t.Error("a file in the middle of an exchange was removed")
	}
}

func TestSweepFaults(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := Sweep(t.Context(), filepath.Join(dir, "none", "f")); err != nil {
		t.Error(err)
	}
	wantError(t, Sweep(t.Context(), ""), Refused)
	for _, op := range []string{"open", "stat", "remove"} {
		put(t, filepath.Join(dir, leftOver), "x", 0o600)
		s := quick()
		looked := false
		s.before = func(now string) error {
			looked = looked || now == "look"
			if now == op && looked {
				return unix.EIO
			}
			return nil
		}
		if err := s.sweep(t.Context(), path); err == nil {
			t.Errorf("failing %s: got no error", op)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := quick()
	s.before = func(op string) error {
		if op == "lock" {
			cancel()
		}
		return nil
	}
	if err := s.sweep(ctx, path); err == nil {
		t.Error("a cancelled sweep reports success")
	}
	s.before = func(op string) error {
		if op == "lock" {
			return unix.ENOLCK
		}
		return nil
	}
	if err := s.sweep(t.Context(), path); err != nil || len(list(t, dir)) != 1 {
		t.Errorf("without locks: got %v and %v, want the file kept", err, list(t, dir))
	}
}
