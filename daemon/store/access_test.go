package store

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/internal/needs"
)

// TestExposedStatesAreClosed checks that access by other users is removed, and reported
// once.
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
					t.Errorf("got the warning %q, want other users named", message)
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			shut(t, s)
			if !slices.Equal(said, []string{path}) {
				t.Errorf("mode %o of %s: got warnings for %v, want one for it", wide, path, said)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("mode %o of %s: got mode %v, %v; want no access for others", wide, path, info.Mode(), err)
			}
		}
	}
	// Search permission on the folder, for the control socket, exposes nothing.
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	if found, err := Exposed(dir); err != nil || len(found) > 0 {
		t.Errorf("got exposed %v, %v; want none", found, err)
	}
}

// TestStatesOfAnotherUserAreRefused checks that such a state is not changed either.
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
			t.Errorf("%q: got %v, want a refusal that names the owner", name, err)
		}
		if _, err := Seal(dir, key); err == nil {
			t.Errorf("%q: Seal succeeded, want an error", name)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%q: got mode %v, %v; want it unchanged", name, info.Mode(), err)
		}
	}
}
