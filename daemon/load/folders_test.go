package load

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestSinkFolders finds the folder of each sink once, as configured and with links resolved,
// for rows too.
func TestSinkFolders(t *testing.T) {
	s := newShops(t, fleetText+"[credentials.c]\nprovider = \"p\"\nid = \"9\"\n[sinks.s]\ntype = \"text\"\npath = \"link/f\"\ncontent = \"${c.token}\"\n",
		"code,id,n,note\nA,1,1,x\n")
	mkdir(t, "real")
	link(t, "real", "link")
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	loaded, _ := s.take()
	var got []string
	for _, path := range loaded.SinkFolders() {
		name, err := filepath.Rel(dir, filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, name)
	}
	slices.Sort(got)
	if want := []string{"A", "link", "real"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
