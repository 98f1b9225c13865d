package store

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/internal/needs"
)

// What others could reach is closed, and said once.
func TestExposedStatesAreClosed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	key := &[32]byte{1}
	shut(t, open(t, dir, key))
	paths := []string{dir, filepath.Join(dir, fileName), filepath.Join(dir, markName)}
	for _, mode := range []os.FileMode{0o755, 0o770, 0o640, 0o604, 0o622} {
		for _, path := range paths {
			wide := mode
			if path == dir {
				wide |= 0o700
			}
			if err := os.Chmod(path, wide); err != nil {
				t.Fatal(err)
			}
			var said []string
			s, err := Open(dir, Options{Key: key, Warn: func(path, message string) {
				said = append(said, path)
				if !strings.Contains(message, "other users") {
					t.Errorf("said %q", message)
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			shut(t, s)
			if !slices.Equal(said, []string{path}) {
				t.Errorf("mode %o of %s: said %v", wide, path, said)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("mode %o of %s is left as %v, %v", wide, path, info.Mode(), err)
			}
		}
	}
	// Passing through to the control socket shows nothing.
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	if found, err := Exposed(dir); err != nil || len(found) > 0 {
		t.Errorf("exposed: %v, %v", found, err)
	}
}

// What belongs to another user is not used, nor changed.
func TestStatesOfAnotherUserAreRefused(t *testing.T) {
	needs.Root(t)
	for _, name := range []string{"", fileName, markName} {
		dir := filepath.Join(t.TempDir(), "state")
		key := &[32]byte{1}
		shut(t, open(t, dir, key))
		path := filepath.Join(dir, name)
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, 4711, -1); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, Options{Key: key})
		if err == nil || !strings.Contains(err.Error(), path+": it belongs to another user (uid 4711") {
			t.Errorf("%q: %v", name, err)
		}
		if _, err := Seal(dir, key); err == nil {
			t.Errorf("%q: sealed", name)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%q: changed to %v, %v", name, info.Mode(), err)
		}
	}
}
