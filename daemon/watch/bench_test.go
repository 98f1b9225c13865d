package watch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vigented/vigente/internal/devices"
)

// BenchmarkFollow follows one file in each of many folders until all are reported.
func BenchmarkFollow(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			paths := make([]string, n)
			for i := range paths {
				paths[i] = filepath.Join(dir, fmt.Sprint(i), "token")
				if err := os.MkdirAll(filepath.Dir(paths[i]), 0o700); err != nil {
					b.Fatal(err)
				}
				if err := os.WriteFile(paths[i], []byte("x"), 0o600); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
				w := New(Options{Disks: devices.New(), Work: devices.Look, Within: 8 * time.Second})
				w.Follow(paths...)
				told := 0
				w.Run(ctx, func(paths []string) {
					if told += len(paths); told == n {
						cancel()
					}
				})
				if cancel(); told < n {
					b.Fatalf("%d of %d files were reported", told, n)
				}
			}
		})
	}
}
