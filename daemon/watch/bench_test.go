package watch

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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

// BenchmarkNoise follows 1,000 files that another process touches without a pause,
// and reports the processor time that this one takes, in percent of a core.
func BenchmarkNoise(b *testing.B) {
	dir := b.TempDir()
	paths := make([]string, 1000)
	for i := range paths {
		paths[i] = filepath.Join(dir, fmt.Sprint("f", i))
		if err := os.WriteFile(paths[i], []byte("x"), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	w := looking()
	w.Follow(paths...)
	told := make(chan int)
	go w.Run(b.Context(), func(paths []string) {
		select {
		case told <- len(paths):
		case <-b.Context().Done():
		}
	})
	noise := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestMakeNoise$")
	noise.Env = append(os.Environ(), noisy+"="+dir)
	if err := noise.Start(); err != nil {
		b.Fatal(err)
	}
	begun, before := time.Now(), processorTime(b)
	for b.Loop() {
		for reports := 0; reports < len(paths); {
			reports += <-told
		}
	}
	b.ReportMetric(100*(processorTime(b)-before).Seconds()/time.Since(begun).Seconds(), "%core")
	_ = noise.Process.Kill()
	_ = noise.Wait()
}

// noisy names the folder whose files TestMakeNoise touches.
const noisy = "VIGENTE_TEST_NOISE"

// TestMakeNoise is the other process of BenchmarkNoise.
func TestMakeNoise(t *testing.T) {
	dir := os.Getenv(noisy)
	if dir == "" {
		t.Skip("only BenchmarkNoise runs it")
	}
	for i := 0; ; i++ {
		if err := os.Chtimes(filepath.Join(dir, fmt.Sprint("f", i%1000)), time.Now(), time.Now()); err != nil {
			return // the folder was removed
		}
	}
}

func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
