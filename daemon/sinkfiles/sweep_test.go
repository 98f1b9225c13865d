package sinkfiles

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/vigented/vigente/internal/devices"
)

// TestSweepOfManyFoldersWaitsUntilReady: with few folders a start waits until they are
// swept; with many it goes on, and they are swept once it is ready.
func TestSweepOfManyFoldersWaitsUntilReady(t *testing.T) {
	failed := func(folder string, err error) { t.Errorf("%s: %v", folder, err) }
	for _, c := range []struct {
		folders int
		later   bool
	}{{3, false}, {sweptFirst + 1, true}} {
		root := t.TempDir()
		var paths, left []string
		for i := range c.folders {
			folder := filepath.Join(root, strconv.Itoa(i))
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			paths = append(paths, filepath.Join(folder, "token"))
			if i%100 != 0 {
				continue
			}
			left = append(left, filepath.Join(folder, leftOver))
			if err := os.WriteFile(left[len(left)-1], nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		ready := make(chan struct{})
		swept := Sweep(t.Context(), devices.New(), paths, ready, failed)
		if c.later {
			if n := existing(left); n != len(left) {
				t.Errorf("%d folders: %d temporary files before the daemon is ready, want %d", c.folders, n, len(left))
			}
			close(ready)
		}
		<-swept
		if n := existing(left); n != 0 {
			t.Errorf("%d folders: %d temporary files are left, want 0", c.folders, n)
		}
	}
}

// leftOver is the name of a temporary file of ours.
const leftOver = ".vigente-0123456789abcdef.tmp"

func existing(paths []string) (n int) {
	for _, path := range paths {
		if _, err := os.Lstat(path); err == nil {
			n++
		}
	}
	return n
}
