package realpath

import (
	"os"
	"testing"
)

func TestOfFollowsLinksAsFarAsTheyExist(t *testing.T) {
	dir := t.TempDir()
	dir = Of(dir)
	link(t, dir+"/real", dir+"/link")
	link(t, "loop", dir+"/loop")
	mkdir(t, dir+"/folder")
	link(t, "folder", dir+"/alias")
	for path, want := range map[string]string{
		"/link":            "/real",
		"/alias/new":       "/folder/new",
		"/alias/a/b/../c":  "/folder/a/c",
		"/folder/../alias": "/folder",
		"/loop":            "/loop",
	} {
		if got := Of(dir + path); got != dir+want {
			t.Errorf("Of(%s) = %s, want %s", path, got, want)
		}
	}
}

func link(t testing.TB, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t testing.TB, name string) {
	t.Helper()
	if err := os.Mkdir(name, 0o755); err != nil {
		t.Fatal(err)
	}
}
