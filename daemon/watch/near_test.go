package watch

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/vigented/vigente/internal/devices"
)

// TestNearFollowsLikeTheUsualWay: a folder beside one that was followed is followed in
// one call, with the same result; a link, a missing folder and a folder elsewhere are
// left to the usual way.
func TestNearFollowsLikeTheUsualWay(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"out/first", "out/second", "elsewhere/third"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("second", filepath.Join(dir, "out/link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("elsewhere", filepath.Join(dir, "out/second/token")); err != nil {
		t.Fatal(err)
	}
	events, err := newInotify()
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = events.close() }()
	s := &surveyor{disks: devices.New(), work: devices.Look, events: events, added: map[string]added{}, above: map[string]devices.Place{}}
	in := func(path string) job {
		f := &folder{path: filepath.Join(dir, path)}
		return job{folder: f, follow: true, targets: []*target{{path: f.path + "/token", folder: f}, {path: f.path + "/none", folder: f}}}
	}
	if _, _, err := s.near(t.Context(), in("out/second")); !errors.Is(err, errFar) {
		t.Fatalf("before anything was followed: got %v, want %v", err, errFar)
	}
	s.do(t.Context(), in("out/first"))
	for _, far := range []string{"out/link", "out/missing", "elsewhere/third"} {
		if _, _, err := s.near(t.Context(), in(far)); !errors.Is(err, errFar) {
			t.Errorf("%s: got %v, want %v", far, err, errFar)
		}
	}
	got, found, err := s.near(t.Context(), in("out/second"))
	if err != nil || len(found) != 2 || found[0].link == nil || found[1].link != nil {
		t.Fatalf("got %+v, %v; want a link and a missing file", found, err)
	}
	want, err := s.lead(t.Context(), filepath.Join(dir, "out/second"), true)
	if err != nil || got.path != want.path || got.final != want.final || got.polled != want.polled || len(got.spots)+len(want.spots) != 0 || !slices.Equal(got.watches, want.watches) {
		t.Errorf("got %+v, want %+v, %v", got, want, err)
	}
}
