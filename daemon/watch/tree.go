package watch

import (
	"path/filepath"
	"slices"

	"github.com/vigented/vigente/internal/readfile"
)

// target is one watched path: a file, or, if it ends in a slash, the entries of a
// folder.
type target struct {
	path   string
	folder *folder
	// link is where the path leads if it is a link or a mount point.
	link   *way
	seen   *readfile.Identity // at the last poll, if there are no events
	pace   *pace              // while something is to be reported, and shortly after
	index  int                // among the targets of the folder
	polled bool               // it is polled
	// following means it is about to be followed and then reported; told means it was
	// reported before.
	following, told bool
}

// reached reports whether every change of the target causes an event.
func (t *target) reached() bool {
	return t.folder.attached && !t.folder.way.polled && (t.link == nil || !t.link.polled)
}

// base returns the name of the target in its folder, or "" for the entries of one.
func (t *target) base() string {
	_, base := filepath.Split(t.path)
	return base
}

// folder is a folder with targets, under the path that they use.
type folder struct {
	path    string
	targets []*target
	way     way
	// attached means the way is known; busy, that it is being followed; wanted, that
	// it must be followed again.
	attached, busy, wanted bool
}

func (f *folder) remove(t *target) {
	last := len(f.targets) - 1
	f.targets[t.index] = f.targets[last]
	f.targets[t.index].index = t.index
	f.targets = f.targets[:last]
}

// way describes the folders and links through which a path leads.
type way struct {
	path   string // without links
	name   string // for a target, its name in dir; empty for a mount point
	dir    *dir   // the folder at its end, or the last one that exists
	spots  []spot // other entries that decide where it leads: links and missing names
	polled bool   // part of it has no events
}

// dir is a folder watched by the kernel.
type dir struct {
	path   string
	wd     int32
	full   bool // contents matter, not only names
	parent *dir
	refs   int
}

// spot is a name in a folder.
type spot struct {
	dir  *dir
	name string
}

func (s spot) path() string { return filepath.Join(s.dir.path, s.name) }

// interest is everything that depends on a spot.
type interest struct {
	targets []*target
	above   int // ways that lead through it, besides that to a watched folder
}

// tree holds the watched folders and what depends on them. Only the watcher's
// goroutine uses it.
type tree struct {
	events *inotify
	dirs   map[string]*dir
	byWD   map[int32]*dir
	spots  map[spot]*interest
	idle   []*dir // may have lost their last way
}

func newTree(events *inotify) *tree {
	return &tree{events: events, dirs: map[string]*dir{}, byWD: map[int32]*dir{}, spots: map[spot]*interest{}}
}

// watched is a watch of the kernel.
type watched struct {
	path string
	wd   int32
	full bool
}

// dirOf returns the folder of a watch. Its parent must have been added before.
func (t *tree) dirOf(w watched) *dir {
	d := t.dirs[w.path]
	if d == nil {
		d = &dir{path: w.path, wd: w.wd}
		t.dirs[w.path] = d
		if above := filepath.Dir(w.path); above != w.path {
			if d.parent = t.dirs[above]; d.parent != nil {
				d.parent.refs++
			}
		}
		t.idle = append(t.idle, d)
	}
	if d.wd != w.wd {
		if t.byWD[d.wd] == d { // another folder is at its path now
			delete(t.byWD, d.wd)
			t.events.remove(d.wd)
		}
		d.wd = w.wd
	}
	d.full = d.full || w.full
	t.byWD[d.wd] = d
	return d
}

// onTheWay reports whether a way leads through a spot: to a watched folder, which needs
// no interest of its own, or by what the spot's interest says.
func (t *tree) onTheWay(s spot) bool {
	if i := t.spots[s]; i != nil && i.above > 0 {
		return true
	}
	d := t.dirs[s.path()]
	return d != nil && d.parent == s.dir
}

func (t *tree) interest(s spot) *interest {
	i := t.spots[s]
	if i == nil {
		i = &interest{}
		t.spots[s] = i
	}
	return i
}

// lead registers a way with its folder and its spots.
func (t *tree) lead(w *way) {
	if w.dir != nil {
		w.dir.refs++
	}
	for _, s := range w.spots {
		s.dir.refs++
		t.interest(s).above++
	}
}

// leave undoes lead.
func (t *tree) leave(w *way) {
	for _, s := range w.spots {
		t.unlead(s)
		t.unref(s.dir)
	}
	if w.dir != nil {
		t.unref(w.dir)
	}
	w.dir, w.spots = nil, nil
}

func (t *tree) unlead(s spot) {
	if i := t.spots[s]; i != nil {
		i.above--
		t.prune(s, i)
	}
}

func (t *tree) prune(s spot, i *interest) {
	if i.above <= 0 && len(i.targets) == 0 {
		delete(t.spots, s)
	}
}

func (t *tree) unref(d *dir) {
	if d.refs--; d.refs == 0 {
		t.idle = append(t.idle, d)
	}
}

func (t *tree) note(s spot, target *target) {
	i := t.interest(s)
	if !slices.Contains(i.targets, target) {
		i.targets = append(i.targets, target)
		s.dir.refs++
	}
}

func (t *tree) drop(s spot, target *target) {
	i := t.spots[s]
	if i == nil {
		return
	}
	if n := slices.Index(i.targets, target); n >= 0 {
		i.targets = slices.Delete(i.targets, n, n+1)
		t.prune(s, i)
		t.unref(s.dir)
	}
}

// trim removes watches that nothing needs. It must not run while watches are added,
// since an addition may have reused one of them.
func (t *tree) trim(forget func(path string)) {
	for len(t.idle) > 0 {
		d := t.idle[len(t.idle)-1]
		t.idle = t.idle[:len(t.idle)-1]
		if d.refs > 0 || t.dirs[d.path] != d {
			continue
		}
		t.events.remove(d.wd)
		forget(d.path)
		t.gone(d)
	}
}

// gone removes a folder that the kernel no longer watches.
func (t *tree) gone(d *dir) {
	delete(t.dirs, d.path)
	if t.byWD[d.wd] == d {
		delete(t.byWD, d.wd)
	}
	if d.parent != nil {
		t.unref(d.parent)
		d.parent = nil
	}
}
