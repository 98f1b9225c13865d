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
		t.Errorf("got %q, %v; want 12345", data, err)
	}
	if want := readfile.VersionOf(data).Sum; v.Sum != want || !v.Read {
		t.Errorf("got version %+v, want the sum of the data and Read set", v)
	}
	if _, _, err := readfile.Bounded(path, 4); !errors.Is(err, readfile.ErrTooLarge) {
		t.Errorf("file above the limit: got %v, want ErrTooLarge", err)
	}
	// Files in /proc report size 0.
	if data, _, err := readfile.Bounded("/proc/self/status", 1<<20); err != nil || len(data) == 0 {
		t.Errorf("file without a size: got %d bytes, %v", len(data), err)
	}
}

func TestBoundedRefusesNonRegularFiles(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{pipe: readfile.ErrNotRegular, os.DevNull: readfile.ErrNotRegular, dir: syscall.EISDIR, dir + "/none": fs.ErrNotExist} {
		if _, v, err := readfile.Bounded(path, 1); !errors.Is(err, want) || v != (readfile.Version{}) {
			t.Errorf("%s: got %v and version %+v, want %v and the zero version", path, err, v, want)
		}
	}
}

// A file that changes after it was opened has another identity than the one
// that was read.
func TestIdentityBelongsToTheBytesRead(t *testing.T) {
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
		t.Errorf("read identity %+v, %v; Look gives %+v", read.Identity, err, look())
	}
	write(path+".new", "b")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if look() == read.Identity {
		t.Error("a new file has the identity of the old one")
	}
}
