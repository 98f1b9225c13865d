package readfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/vigented/vigente/internal/readfile"
)

func TestBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	data, v, err := readfile.Bounded(path, 5)
	if err != nil || string(data) != "12345" {
		t.Errorf("got %q, %v", data, err)
	}
	if want := readfile.VersionOf(data).Sum; v.Sum != want || !v.Read {
		t.Errorf("version %+v", v)
	}
	if _, _, err := readfile.Bounded(path, 4); !errors.Is(err, readfile.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	// /proc tells no sizes.
	if data, _, err := readfile.Bounded("/proc/self/status", 1<<20); err != nil || len(data) == 0 {
		t.Errorf("a file that tells no size: %d bytes, %v", len(data), err)
	}
}

func TestBoundedRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{pipe: readfile.ErrNotRegular, os.DevNull: readfile.ErrNotRegular, dir: syscall.EISDIR, dir + "/none": fs.ErrNotExist} {
		if _, v, err := readfile.Bounded(path, 1); !errors.Is(err, want) || v != (readfile.Version{}) {
			t.Errorf("%s: %v, %+v", path, err, v)
		}
	}
}

// A change after the file was opened gives it another identity than the one
// that was read.
func TestIdentityIsThatOfTheBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	look := func() readfile.Identity {
		t.Helper()
		id, err := readfile.Look(path)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	write(path, "a")
	_, read, err := readfile.Bounded(path, 10)
	if err != nil || read.Identity != look() {
		t.Errorf("read %+v, %v, but it looks like %+v", read.Identity, err, look())
	}
	write(path+".new", "b")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if look() == read.Identity {
		t.Error("another file looks the same")
	}
}
