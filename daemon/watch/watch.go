// Package watch tells which files may have changed.
//
// The kernel's events tell it where they reach, and cost nothing while nothing
// happens. Looking tells it everywhere else, in slices: on network file
// systems, and where the system's limit of watches is reached. Links are
// followed again when a folder on the way changes. Work on file systems is done
// within the budgets of their devices, so that one that hangs keeps nothing
// from being seen on the others.
//
// Watcher tells paths whose files somebody has touched; Files, on top of it,
// tells only files that hold other bytes than the ones that were read last.
package watch

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/devices"
)

// Distances of the watcher's work.
const (
	readEvery  = 50 * time.Millisecond // the kernel joins equal events meanwhile
	crowdEvery = 10 * time.Millisecond // its queue is bounded
	tickEvery  = 100 * time.Millisecond
	idleEvery  = time.Second
	// restFor is how long a file must rest before it is told, within restMost: a
	// save is several events.
	restFor  = 200 * time.Millisecond
	restMost = time.Second
	// A file that is written again and again is told every repeatAfter, and of
	// those together repeatsATick in a tick.
	repeatAfter  = 2 * time.Second
	repeatsATick = 100
	// hangingEvery is how often a folder is asked for whose device hangs.
	hangingEvery = 10 * time.Second
	// foldersATick bounds what is followed again after events were lost.
	foldersATick = 50
)

// Options make a watcher.
type Options struct {
	Disks *devices.Pool
	Work  devices.Work
	// Within is the time in which all files are looked at where events do not
	// reach, as long as there are at most Few of them; beyond, Few are looked at
	// in that time. Without Few there is no such bound.
	Within time.Duration
	Few    int
	// Limited is told once, in words for people, when the system's limit keeps
	// events from us.
	Limited func(message string)
}

// Watcher tells which of its paths may have changed. Its methods may be called
// from any goroutine; Run is called once.
type Watcher struct {
	opt Options

	mu    sync.Mutex
	inbox []change
	wake  chan struct{}

	// Owned by Run.
	survey    *surveyor
	tree      *tree
	folders   map[string]*folder
	targets   map[string]*target
	paced     map[*target]struct{}
	polled    []*target
	cursor    int
	ticked    time.Time
	debt      float64 // of looks
	polledAt  time.Time
	lost      []*folder // to be followed again, since events were lost
	lostAgain bool
	hanging   []*folder
	retryAt   time.Time
	stale     map[string]bool // entries that are others now
	lanes     map[string]*lane
	busy      int
	surveys   chan survey
	mounts    *devices.Table
	limitTold bool
	deaf      bool // of a test: as if the system gave no events
}

// change is what Follow and Forget were given.
type change struct {
	paths []string
	gone  bool
}

// lane does the work on one device, one job after the other.
type lane struct {
	jobs []job
	busy bool
}

// pace is when a target is told.
type pace struct{ first, due, told time.Time }

// New returns a watcher that follows nothing yet.
func New(opt Options) *Watcher {
	return &Watcher{
		opt: opt, wake: make(chan struct{}, 1), folders: map[string]*folder{}, targets: map[string]*target{},
		paced: map[*target]struct{}{}, stale: map[string]bool{}, lanes: map[string]*lane{}, surveys: make(chan survey),
	}
}

// Follow adds paths, cleaned and absolute. Each is told once when it is
// followed, whether or not it exists, and then whenever it may have changed. A
// path with a slash at its end stands for the entries of that folder.
func (w *Watcher) Follow(paths ...string) { w.put(change{paths, false}) }

// Forget removes paths.
func (w *Watcher) Forget(paths ...string) { w.put(change{paths, true}) }

func (w *Watcher) put(c change) {
	w.mu.Lock()
	w.inbox = append(w.inbox, c)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run calls told, from its own goroutine, with paths that may have changed,
// until ctx ends.
func (w *Watcher) Run(ctx context.Context, told func(paths []string)) {
	events, err := newInotify()
	if err == nil && w.deaf {
		_ = events.file.Close()
		err = errNoEvents
	}
	if err != nil {
		events = nil
		w.limited(err)
	}
	w.tree = newTree(events)
	w.survey = &surveyor{disks: w.opt.Disks, work: w.opt.Work, events: events, added: map[string]watched{}}
	w.mounts = w.opt.Disks.Mounts()
	batches := make(chan []byte)
	if events != nil {
		defer events.file.Close()
		go read(ctx, events, batches)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	w.polledAt = time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case batch := <-batches:
			parse(batch, w.event)
			select {
			case batches <- nil: // read on
			case <-ctx.Done():
			}
		case s := <-w.surveys:
			w.take(ctx, s)
		case <-timer.C:
		}
		now := time.Now()
		w.receive()
		w.followStale()
		if now.Sub(w.ticked) >= tickEvery {
			w.ticked = now
			if paths := w.due(now); len(paths) > 0 {
				told(paths)
			}
		}
		w.pollSome(now)
		w.compareMounts()
		w.retry(now)
		if w.busy == 0 {
			w.tree.trim(w.survey.forget)
		}
		w.start(ctx)
		timer.Reset(w.sleep())
	}
}

// sleep returns how long nothing has to be done without an event.
func (w *Watcher) sleep() time.Duration {
	if len(w.paced) > 0 || len(w.lost) > 0 || w.lostAgain {
		return tickEvery
	}
	return idleEvery
}

// read hands over what the kernel tells, a batch at a time and with a rest
// between two, in which the kernel joins what is equal.
func read(ctx context.Context, events *inotify, batches chan []byte) {
	buf := make([]byte, 64<<10)
	for {
		n, err := events.file.Read(buf)
		if err != nil {
			return
		}
		select {
		case batches <- buf[:n]:
		case <-ctx.Done():
			return
		}
		select {
		case <-batches:
		case <-ctx.Done():
			return
		}
		rest := readEvery
		if n > len(buf)/2 {
			rest = crowdEvery
		}
		select {
		case <-time.After(rest):
		case <-ctx.Done():
			return
		}
	}
}

// receive takes in what was followed and forgotten.
func (w *Watcher) receive() {
	w.mu.Lock()
	inbox := w.inbox
	w.inbox = nil
	w.mu.Unlock()
	for _, c := range inbox {
		for _, path := range c.paths {
			if c.gone {
				w.forget(path)
			} else {
				w.follow(path)
			}
		}
	}
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
	delete(w.paced, t)
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

// unlink forgets where the target led.
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

// want has the way of a folder followed, again if that is under way.
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

// start begins the next job of each device.
func (w *Watcher) start(ctx context.Context) {
	for _, l := range w.lanes {
		for !l.busy && len(l.jobs) > 0 {
			j := l.jobs[0]
			if l.jobs = l.jobs[1:]; w.folders[j.folder.path] != j.folder {
				continue // forgotten meanwhile
			}
			if j.follow {
				j.folder.busy, j.folder.wanted = true, false
				j.targets = slices.Clone(j.folder.targets)
			}
			l.busy = true
			w.busy++
			go func() {
				s := w.survey.do(ctx, j)
				s.lane = l
				select {
				case w.surveys <- s:
				case <-ctx.Done():
				}
			}()
		}
	}
}

// take takes in what was found out.
func (w *Watcher) take(ctx context.Context, s survey) {
	s.lane.busy = false
	w.busy--
	f := s.folder
	if s.follow {
		f.busy = false
	}
	if w.folders[f.path] != f || ctx.Err() != nil {
		return
	}
	now := time.Now()
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

// attach takes over the way of a folder.
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

// way makes a way from what was found out.
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

// takeTarget takes in what was found out about one target, and plans to tell
// it.
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
	}
}

// event takes in what the kernel tells.
func (w *Watcher) event(e event) {
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
	now := time.Now()
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

// touched plans to tell the targets at a spot. One that may be a link now, or
// another one than before, is followed first.
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

// touch plans to tell a target.
func (w *Watcher) touch(now time.Time, t *target) {
	p := t.pace
	if p == nil {
		p = &pace{}
		t.pace = p
		w.paced[t] = struct{}{}
	}
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

// due returns the paths that are to be told now.
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

func (w *Watcher) limited(err error) {
	if w.limitTold || w.opt.Limited == nil {
		return
	}
	w.limitTold = true
	key := "fs.inotify.max_user_watches"
	if !errors.Is(err, unix.ENOSPC) {
		key = "fs.inotify.max_user_instances"
	}
	w.opt.Limited("the system's limit of watches is reached, so that files are looked at from time to time instead: raise " + key + " with sysctl")
}
