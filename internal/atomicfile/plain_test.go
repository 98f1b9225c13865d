package atomicfile

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReadPlain: of plain files it returns what Read returns, and nothing of others.
func TestReadPlain(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	const most = 10
	for _, err := range []error{
		os.Mkdir(at("sub"), 0o700), os.WriteFile(at("sub/full"), []byte("0123456789"), 0o600), os.WriteFile(at("empty"), nil, 0o600),
		os.WriteFile(at("large"), []byte("0123456789a"), 0o600), os.Symlink("sub", at("way")), os.Symlink("sub/full", at("link")),
		syscall.Mkfifo(at("pipe"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-time.Hour)
	for _, name := range strings.Fields("sub/full empty") {
		if err := os.Chtimes(at(name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	for name, plain := range map[string]bool{
		"sub/full": true, "empty": true, "large": false, "way/full": false, "link": false, "pipe": false, "sub": false, "none": false, "none/x": false,
	} {
		got, ok := ReadPlain(at(name), most)
		if ok != plain {
			t.Errorf("%s: got plain %v, want %v", name, ok, plain)
		}
		if !ok {
			continue
		}
		want, err := Read(t.Context(), at(name), most)
		if err != nil || !got.Exists || string(got.Bytes) != string(want.Bytes) || got.Mark != want.Mark {
			t.Errorf("%s: got %q with mark %x; Read gives %q with %x, %v", name, got.Bytes, got.Mark, want.Bytes, want.Mark, err)
		}
	}
}
