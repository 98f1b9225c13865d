package atomicfile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkReplace also measures the plain way in the same run: temporary file,
// fsync, rename, fsync of the folder. The difference is the cost of
// comparing, locking and keeping the attributes.
func BenchmarkReplace(b *testing.B) {
	content := func(i int) []byte { return append(bytes.Repeat([]byte("x"), 2<<10), fmt.Sprintf("%020d", i)...) }
	b.Run("Replace", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "f")
		put(b, path, "old", 0o640)
		for i := 0; b.Loop(); i++ {
			if _, err := Replace(b.Context(), path, Options{}, func([]byte, bool) ([]byte, error) { return content(i), nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Plain", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "f")
		put(b, path, "old", 0o640)
		for i := 0; b.Loop(); i++ {
			if err := plain(path, content(i)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Equal", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "f")
		put(b, path, string(content(0)), 0o640)
		for b.Loop() {
			if _, err := Replace(b.Context(), path, Options{}, to(string(content(0)))); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func plain(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "plain-*")
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
