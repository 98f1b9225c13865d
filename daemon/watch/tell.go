package watch

import (
	"time"

	"golang.org/x/sys/unix"
)

// pace holds the times at which a target is reported.
type pace struct {
	first, due, told time.Time
	// mark is the version of the file when it was followed, or zero once anything
	// has happened to it.
	mark uint64
}

// event processes one event of the kernel.
func (w *Watcher) event(now time.Time, e event) {
	if e.mask&unix.IN_Q_OVERFLOW != 0 {
		w.lostAgain = true
		return
	}
	d := w.tree.byWD[e.wd]
	if d == nil {
		return
	}
	if e.mask&unix.IN_IGNORED != 0 {
		w.survey.forget(d.path)
		w.stale[d.path] = true
		return
	}
	if len(e.name) > 0 {
		if i := w.tree.spots[spot{d, string(e.name)}]; i != nil {
			w.touched(now, e, i)
			if i.above > 0 && e.mask&names != 0 {
				w.stale[spot{d, string(e.name)}.path()] = true
			}
		}
	}
	if i := w.tree.spots[spot{d, ""}]; i != nil {
		w.touched(now, e, i)
	}
}

// touched schedules the targets at a spot. One that may have become a link, or whose
// link may have changed, is followed first.
func (w *Watcher) touched(now time.Time, e event, i *interest) {
	for _, t := range i.targets {
		switch {
		case e.mask&(names&^unix.IN_ATTRIB) == 0 || t.base() == "" || t.folder.busy:
			w.touch(now, t)
		case !t.following:
			t.following = true
			w.enqueue(job{folder: t.folder, targets: []*target{t}})
		}
	}
}

// touch schedules a target to be reported.
func (w *Watcher) touch(now time.Time, t *target) {
	p := t.pace
	if p == nil {
		p = &pace{}
		t.pace = p
		w.paced[t] = struct{}{}
	}
	p.mark = 0
	if p.due.IsZero() {
		p.first = now
	}
	p.due = now.Add(restFor)
	if most := p.first.Add(restMost); p.due.After(most) {
		p.due = most
	}
	if next := p.told.Add(repeatAfter); !p.told.IsZero() && next.After(p.due) {
		p.due = next
	}
}

// due returns the paths to report now.
func (w *Watcher) due(now time.Time) (paths []string) {
	repeats := 0
	for t := range w.paced {
		p := t.pace
		switch {
		case p.due.IsZero():
			if now.Sub(p.told) > hangingEvery {
				t.pace = nil
				delete(w.paced, t)
			}
			continue
		case p.due.After(now):
			continue
		case p.mark != 0 && w.opt.Seen != nil && w.opt.Seen(t.path, p.mark):
			t.told, t.pace = true, nil
			delete(w.paced, t)
			continue
		case !p.told.IsZero():
			if repeats++; repeats > repeatsATick {
				continue
			}
		}
		p.due, p.told, t.told = time.Time{}, now, true
		paths = append(paths, t.path)
	}
	return paths
}
