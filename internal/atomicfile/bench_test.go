package atomicfile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
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

// BenchmarkReplaceTogether writes files with eight writers, as many as work on a
// device at once: files of one folder, whose syncs are shared, and each file in a
// folder of its own.
func BenchmarkReplaceTogether(b *testing.B) {
	for name, folder := range map[string]func(dir string, writer int) string{
		"OneFolder":  func(dir string, _ int) string { return dir },
		"OwnFolders": func(dir string, writer int) string { return filepath.Join(dir, fmt.Sprint(writer)) },
	} {
		b.Run(name, func(b *testing.B) {
			const writers = 8
			dir := b.TempDir()
			var all sync.WaitGroup
			for w := range writers {
				if err := os.MkdirAll(folder(dir, w), 0o700); err != nil {
					b.Fatal(err)
				}
				path := filepath.Join(folder(dir, w), fmt.Sprint("f", w))
				all.Go(func() {
					for i := w; i < b.N; i += writers {
						if _, err := Replace(b.Context(), path, Options{Create: true}, to(fmt.Sprintf("%020d", i))); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
		})
	}
}
