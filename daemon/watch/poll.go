package watch

import (
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/vigented/vigente/internal/readfile"
)

// pollSome checks the next of the targets for which there are no events.
func (w *Watcher) pollSome(now time.Time) {
	n := len(w.polled)
	passed := now.Sub(w.polledAt)
	w.polledAt = now
	if n == 0 {
		w.debt = 0
		return
	}
	in := n
	if w.opt.Few > 0 {
		in = min(n, w.opt.Few)
	}
	w.debt = min(w.debt+float64(in)*passed.Seconds()/w.opt.Within.Seconds(), float64(n))
	asked := map[*folder]int{} // index of its job plus one
	var jobs []job
	for ; w.debt >= 1 && len(w.polled) > 0; w.debt-- {
		w.cursor %= len(w.polled)
		t := w.polled[w.cursor]
		if w.targets[t.path] != t || t.reached() {
			last := len(w.polled) - 1
			w.polled[w.cursor], w.polled[last] = w.polled[last], nil
			w.polled, t.polled = w.polled[:last], false
			continue
		}
		w.cursor++
		if t.folder.busy || !t.folder.attached {
			continue
		}
		if asked[t.folder] == 0 {
			jobs = append(jobs, job{folder: t.folder, poll: true})
			asked[t.folder] = len(jobs)
		}
		j := &jobs[asked[t.folder]-1]
		j.targets = append(j.targets, t)
	}
	for _, j := range jobs {
		if l := w.laneOf(j.folder); len(l.jobs) < laneFull {
			l.jobs = append(l.jobs, j)
		}
	}
}

// laneFull is the maximum number of jobs that wait for a device. Beyond it polls are
// left out, since they pile up while the device is slow.
const laneFull = 1000

// same reports whether two checks saw the same file; nil means none.
func same(a, b *readfile.Identity) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// followStale follows again every way that leads through a changed entry.
func (w *Watcher) followStale() {
	if len(w.stale) == 0 {
		return
	}
	w.survey.forgetBelow(w.stale)
	for _, f := range w.folders {
		if f.busy || w.isStale(f.path, &f.way) {
			w.want(f)
			continue
		}
	}
	for _, t := range w.targets {
		if t.link != nil && w.isStale(t.path, t.link) {
			w.refollow(t)
		}
	}
	clear(w.stale)
}

// refollow follows the link of one target again.
func (w *Watcher) refollow(t *target) {
	if !t.following && !t.folder.wanted {
		t.following = true
		w.enqueue(job{folder: t.folder, targets: []*target{t}})
	}
}

// isStale reports whether an entry on the way has changed.
func (w *Watcher) isStale(path string, on *way) bool {
	for _, s := range on.spots {
		if w.stale[s.path()] {
			return true
		}
	}
	return below(path, w.stale) || on.path != path && below(on.path, w.stale)
}

// below reports whether a path or one of its parents is in the set.
func below(path string, others map[string]bool) bool {
	for ; path != "/" && path != "" && path != "."; path = filepath.Dir(path) {
		if others[path] {
			return true
		}
	}
	return false
}

// compareMounts follows again the ways that lead through a new or removed mount.
func (w *Watcher) compareMounts() {
	now := w.opt.Disks.Mounts()
	if now == w.mounts {
		return
	}
	for _, point := range now.Differing(w.mounts) {
		w.stale[point] = true
	}
	w.mounts = now
	w.followStale()
	for _, t := range w.targets {
		if _, one := now.At(t.path); one != (t.link != nil && t.link.name == "") {
			w.refollow(t)
		}
	}
}

// retry follows again the folders whose device hung, and those whose events were
// lost.
func (w *Watcher) retry(now time.Time) {
	if len(w.hanging) > 0 && now.After(w.retryAt) {
		w.retryAt = now.Add(hangingEvery)
		for _, f := range w.hanging {
			if w.folders[f.path] == f {
				w.want(f)
			}
		}
		w.hanging = nil
	}
	if len(w.lost) == 0 && w.lostAgain {
		w.lostAgain = false
		w.lost = slices.Collect(maps.Values(w.folders))
	}
	for range min(len(w.lost), foldersATick) {
		f := w.lost[len(w.lost)-1]
		if w.lost = w.lost[:len(w.lost)-1]; w.folders[f.path] == f {
			w.want(f)
		}
	}
}
