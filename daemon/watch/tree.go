package watch

import (
	"path/filepath"
	"slices"

	"github.com/vigented/vigente/internal/readfile"
)

// target is one watched path: a file, or, with a slash at its end, the entries
// of a folder.
type target struct {
	path   string
	folder *folder
	// link is where the path leads when it is a link, or is mounted by itself.
	link   *way
	seen   *readfile.Identity // at the last look, where events do not reach
	pace   *pace              // while there is something to tell, and a while after
	index  int                // among the targets of the folder
	polled bool               // it is among those that are polled
	// following says that it is about to be followed and told, told that it was
	// told once.
	following, told bool
}

// reached reports whether events tell of every change of the target.
func (t *target) reached() bool {
	return t.folder.attached && !t.folder.way.polled && (t.link == nil || !t.link.polled)
}

// base is the name of the target in its folder, empty for the folder's entries.
func (t *target) base() string {
	_, base := filepath.Split(t.path)
	return base
}

// folder is a folder with targets, named as they name it.
type folder struct {
	path    string
	targets []*target
	way     way
	// attached says that the way is known; busy that it is followed just now;
	// wanted that it has to be followed again.
	attached, busy, wanted bool
}

func (f *folder) remove(t *target) {
	last := len(f.targets) - 1
	f.targets[t.index] = f.targets[last]
	f.targets[t.index].index = t.index
	f.targets = f.targets[:last]
}

// way is what a path leads through.
type way struct {
	path   string // without links
	name   string // of a target's: its name in dir, empty for one mounted by itself
	dir    *dir   // the folder that it ends in, or the last one that exists
	spots  []spot // what else may lead it elsewhere: links, and what is missing
	polled bool   // events do not reach all of it
}

// dir is a folder of which the kernel tells events.
type dir struct {
	path   string
	wd     int32
	full   bool // contents matter, not names alone
	parent *dir
	refs   int
}

// spot is a name in a folder.
type spot struct {
	dir  *dir
	name string
}

func (s spot) path() string { return filepath.Join(s.dir.path, s.name) }

// interest is what depends on a spot.
type interest struct {
	targets []*target
	above   int // ways that lead through it
}

// tree is what the kernel tells of, and for whom. It belongs to one goroutine.
type tree struct {
	events *inotify
	dirs   map[string]*dir
	byWD   map[int32]*dir
	spots  map[spot]*interest
	idle   []*dir // that may have lost their last way
}

func newTree(events *inotify) *tree {
	return &tree{events: events, dirs: map[string]*dir{}, byWD: map[int32]*dir{}, spots: map[spot]*interest{}}
}

// watched is a watch that was added.
type watched struct {
	path string
	wd   int32
	full bool
}

// dirOf returns the folder of a watch. Its parent has been added before.
func (t *tree) dirOf(w watched) *dir {
	d := t.dirs[w.path]
	if d == nil {
		d = &dir{path: w.path, wd: w.wd}
		t.dirs[w.path] = d
		if above := filepath.Dir(w.path); above != w.path {
			if d.parent = t.dirs[above]; d.parent != nil {
				d.parent.refs++
				t.interest(spot{d.parent, filepath.Base(w.path)}).above++
			}
		}
		t.idle = append(t.idle, d)
	}
	if d.wd != w.wd {
		if t.byWD[d.wd] == d { // another folder has taken its place
			delete(t.byWD, d.wd)
			t.events.remove(d.wd)
		}
		d.wd = w.wd
	}
	d.full = d.full || w.full
	t.byWD[d.wd] = d
	return d
}

func (t *tree) interest(s spot) *interest {
	i := t.spots[s]
	if i == nil {
		i = &interest{}
		t.spots[s] = i
	}
	return i
}

// lead makes a way lead through the folder and the spots.
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

// trim gives watches back that nobody needs any more. It must not be called
// while watches are added elsewhere, which may have met one of them.
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

// gone forgets a folder that the kernel no longer watches.
func (t *tree) gone(d *dir) {
	delete(t.dirs, d.path)
	if t.byWD[d.wd] == d {
		delete(t.byWD, d.wd)
	}
	if d.parent != nil {
		t.unlead(spot{d.parent, filepath.Base(d.path)})
		t.unref(d.parent)
		d.parent = nil
	}
}
