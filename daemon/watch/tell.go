package watch

import (
	"container/heap"
	"time"

	"golang.org/x/sys/unix"
)

// pace holds the times at which a target is reported.
type pace struct {
	first, due, told time.Time
	place            int // in the queue of paced targets
	// mark is the version of the file when it was followed, or zero once anything
	// has happened to it.
	mark uint64
}

// next returns when the target must be looked at again: to report it, or to forget
// when it was told.
func (p *pace) next() time.Time {
	if p.due.IsZero() {
		return p.told.Add(hangingEvery)
	}
	return p.due
}

// paced is a heap of targets with a pace, the next one first, so that a tick costs
// nothing for those that only wait.
type paced []*target

func (q paced) Len() int           { return len(q) }
func (q paced) Less(i, j int) bool { return q[i].pace.next().Before(q[j].pace.next()) }
func (q paced) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].pace.place, q[j].pace.place = i, j
}

func (q *paced) Push(x any) {
	t := x.(*target)
	t.pace.place = len(*q)
	*q = append(*q, t)
}

func (q *paced) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return t
}

// drop removes the pace of a target.
func (q *paced) drop(t *target) {
	if t.pace != nil {
		heap.Remove(q, t.pace.place)
		t.pace = nil
	}
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
		s := spot{d, string(e.name)}
		if i := w.tree.spots[s]; i != nil {
			w.touched(now, e, i)
		}
		if e.mask&names != 0 && w.tree.onTheWay(s) {
			w.stale[s.path()] = true
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
	known := p != nil
	if !known {
		p = &pace{}
		t.pace = p
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
	if known {
		heap.Fix(&w.paced, p.place)
	} else {
		heap.Push(&w.paced, t)
	}
}

// due returns the paths to report now.
func (w *Watcher) due(now time.Time) (paths []string) {
	repeats := 0
	var later []*target // repeats beyond the limit
	for len(w.paced) > 0 && !w.paced[0].pace.next().After(now) {
		w.looks++
		t := w.paced[0]
		p := t.pace
		switch {
		case p.due.IsZero():
			w.paced.drop(t)
			continue
		case p.mark != 0 && w.opt.Seen != nil && w.opt.Seen(t.path, p.mark):
			t.told = true
			w.paced.drop(t)
			continue
		case !p.told.IsZero():
			if repeats++; repeats > repeatsATick {
				later = append(later, heap.Pop(&w.paced).(*target))
				continue
			}
		}
		p.due, p.told, t.told = time.Time{}, now, true
		heap.Fix(&w.paced, p.place)
		paths = append(paths, t.path)
	}
	for _, t := range later {
		heap.Push(&w.paced, t)
	}
	return paths
}
