package watch

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/devices"
)

// errFar means that a folder must be followed in the usual way.
var errFar = errors.New("not next to a folder that was followed")

// near follows a folder beside one that was followed before, which is most of a fleet,
// in one call on its device: it watches the folder, makes sure that it is still where
// it was, and finds out about its targets. It returns errFar if there is anything
// unusual: a link, a mount, a folder that is missing or without events.
func (s *surveyor) near(ctx context.Context, j job) (lead, []found, error) {
	path := j.folder.path
	parent, name := filepath.Dir(path), filepath.Base(path)
	s.mu.Lock()
	above, known := s.above[parent]
	s.mu.Unlock()
	if !known || len(j.targets) > chunk {
		return lead{}, nil, errFar
	}
	watches, ok := s.watched(above, parent)
	if !ok {
		return lead{}, nil, errFar
	}
	type result struct {
		wd    int32
		found []found
	}
	got, err := devices.RunIn(ctx, s.disks, s.work, above, name, func(_ context.Context, at devices.Place) (r result, err error) {
		if at.Path != path || remote(at.Mount) {
			return r, errFar
		}
		if r.wd, err = s.events.add(path, contents); err != nil {
			return r, errFar // the usual way finds out what that means
		}
		// It may have become a link just before the watch was in place.
		if _, err := os.Readlink(path); !errors.Is(err, unix.EINVAL) {
			return r, errFar
		}
		r.found = s.lookAt(j.targets, j.at)
		return r, nil
	})
	if err != nil {
		return lead{}, nil, err
	}
	w := watched{path, got.wd, true}
	s.mu.Lock()
	s.added[path] = added{w.wd, w.full}
	s.mu.Unlock()
	return lead{path: path, final: path, watches: append(watches, w)}, got.found, nil
}

// watched returns the watches of a followed folder and of those above it, shortest path
// first, and whether there are all of them.
func (s *surveyor) watched(at devices.Place, folder string) ([]watched, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]watched, 0, len(at.Entries)+2)
	for i := range len(at.Entries) + 1 {
		dir := folder
		if i < len(at.Entries) {
			dir = at.Entries[i].Folder
		}
		w, known := s.added[dir]
		if !known {
			return nil, false
		}
		out = append(out, watched{dir, w.wd, w.full})
	}
	return out, true
}
