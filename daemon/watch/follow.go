package watch

import (
	"context"
	"path/filepath"
	"time"
)

// lane runs the jobs of one device, one after the other.
type lane struct {
	jobs []job
	busy bool
}

func (w *Watcher) follow(path string) {
	if w.targets[path] != nil {
		return
	}
	at := folderOf(path)
	f := w.folders[at]
	if f == nil {
		f = &folder{path: at}
		w.folders[at] = f
	}
	t := &target{path: path, folder: f, index: len(f.targets)}
	f.targets = append(f.targets, t)
	w.targets[path] = t
	if !f.attached || f.busy {
		w.want(f)
		return
	}
	if f.way.dir != nil {
		w.tree.note(spot{f.way.dir, t.base()}, t)
	}
	w.enqueue(job{folder: f, targets: []*target{t}})
}

func (w *Watcher) forget(path string) {
	t := w.targets[path]
	if t == nil {
		return
	}
	delete(w.targets, path)
	w.paced.drop(t)
	f := t.folder
	w.unlink(t)
	if f.way.dir != nil {
		w.tree.drop(spot{f.way.dir, t.base()}, t)
	}
	f.remove(t)
	if len(f.targets) == 0 {
		w.tree.leave(&f.way)
		delete(w.folders, f.path)
	}
}

// unlink removes the way of the target's link.
func (w *Watcher) unlink(t *target) {
	if t.link == nil {
		return
	}
	if t.link.dir != nil {
		w.tree.drop(spot{t.link.dir, t.link.name}, t)
	}
	w.tree.leave(t.link)
	t.link = nil
}

// want requests that the way of a folder is followed, again if that is under way.
func (w *Watcher) want(f *folder) {
	if f.wanted {
		return
	}
	f.wanted = true
	if !f.busy {
		w.enqueue(job{folder: f, follow: true})
	}
}

func (w *Watcher) enqueue(j job) {
	l := w.laneOf(j.folder)
	l.jobs = append(l.jobs, j)
}

func (w *Watcher) laneOf(f *folder) *lane {
	device := w.opt.Disks.Mounts().Of(f.path).Device
	l := w.lanes[device]
	if l == nil {
		l = &lane{}
		w.lanes[device] = l
	}
	return l
}

// take processes the result of a job.
func (w *Watcher) take(ctx context.Context, now time.Time, s survey) {
	s.lane.busy = false
	w.busy--
	f := s.folder
	if s.follow {
		f.busy = false
	}
	if w.folders[f.path] != f || ctx.Err() != nil {
		return
	}
	switch {
	case s.failed != nil && s.follow:
		w.hanging = append(w.hanging, f)
	case s.failed != nil:
	case s.follow:
		w.attach(f, s)
	}
	for i, t := range s.targets {
		if w.targets[t.path] == t {
			w.takeTarget(now, t, s, i)
		}
	}
	if s.follow && f.wanted {
		f.wanted = false
		w.want(f)
	}
}

// attach replaces the way of a folder.
func (w *Watcher) attach(f *folder, s survey) {
	was := f.way
	f.way = w.way(s.lead)
	w.tree.lead(&f.way)
	for _, t := range f.targets {
		if was.dir != nil {
			w.tree.drop(spot{was.dir, t.base()}, t)
		}
		if f.way.dir != nil {
			w.tree.note(spot{f.way.dir, t.base()}, t)
		}
	}
	w.tree.leave(&was)
	f.attached = true
}

// way makes a way from the result of a job.
func (w *Watcher) way(l lead) way {
	if l.limit != nil {
		w.limited(l.limit)
	}
	out := way{path: l.path, polled: l.polled}
	for _, added := range l.watches {
		w.tree.dirOf(added)
	}
	if l.final != "" {
		out.dir = w.tree.dirs[l.final]
	}
	for _, e := range l.spots {
		if d := w.tree.dirs[e.Folder]; d != nil {
			out.spots = append(out.spots, spot{d, e.Name})
		}
	}
	return out
}

// takeTarget processes the result for one target, and schedules it to be reported.
func (w *Watcher) takeTarget(now time.Time, t *target, s survey, i int) {
	found := s.found[i]
	t.following = t.following && s.poll
	if s.failed == nil && !s.poll {
		w.unlink(t)
		if found.link != nil {
			link := w.way(*found.link)
			if link.name = ""; !found.one {
				link.name = filepath.Base(link.path)
			}
			w.tree.lead(&link)
			t.link = &link
			if link.dir != nil {
				w.tree.note(spot{link.dir, link.name}, t)
			}
		}
	}
	if !t.reached() && !t.polled {
		t.polled = true
		w.polled = append(w.polled, t)
	}
	if s.poll {
		if found.asked && s.failed == nil && !same(t.seen, found.seen) {
			t.seen = found.seen
			w.touch(now, t)
		}
		return
	}
	if found.asked {
		t.seen = found.seen
	}
	if s.failed == nil || !t.told {
		w.touch(now, t)
		if s.failed == nil && t.link == nil && t.reached() {
			t.pace.mark = found.mark
		}
	}
}
