package atomicfile

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDirectAgreesWithTheWalk: whatever the path, the direct way leads where the walk
// leads, and it is taken only if no component is a link.
func TestDirectAgreesWithTheWalk(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, folder := range []string{"a/b", "locked"} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	put(t, "a/f", "x", 0o600)
	put(t, "a/b/f", "x", 0o600)
	for name, target := range map[string]string{"link": "a", "a/toFile": "b/f", "a/away": dir + "/a/b/new", "loop": "loop"} {
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	walking := system{before: func(op string) error {
		if op == "direct" {
			return unix.ENOSYS
		}
		return nil
	}}
	for path, direct := range map[string]bool{
		"a/f": true, "a/new": true, "a//b/../f": true, "./a/./f": true, "new": true, "a/b": true,
		"link/f": false, "link/b/f": false, "a/toFile": false, "a/away": false, "loop": false, "loop/f": false,
		"none/f": false, "a/f/below": false, "link/../a/f": false,
	} {
		for _, path := range []string{path, dir + "/" + path} {
			if got, ok := (system{}).direct(path); ok != direct {
				t.Errorf("%s: taken directly %v, want %v", path, ok, direct)
			} else if ok {
				system{}.close(got.dir)
			}
			want, wantErr := walking.resolve(t.Context(), path)
			got, err := system{}.resolve(t.Context(), path)
			if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
				t.Errorf("%s: got %v, want %v", path, err, wantErr)
			}
			if err != nil || wantErr != nil {
				continue
			}
			gotFolder, _ := filepath.Abs(got.folder)
			wantFolder, _ := filepath.Abs(want.folder)
			if gotFolder != wantFolder || got.name != want.name || !sameInode(&got.st, &want.st) || got.opened == 0 {
				t.Errorf("%s: got %s in %s, want %s in %s", path, got.name, got.folder, want.name, want.folder)
			}
			system{}.close(got.dir)
			system{}.close(want.dir)
		}
	}
}
