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
	// Seen reports whether whoever is told has looked at this version of a file
	// already, as a start does (readfile.Identity.Mark): then the file is not told
	// when it is followed. Nil for nobody.
	Seen func(path string, mark uint64) bool
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
	w.survey = &surveyor{disks: w.opt.Disks, work: w.opt.Work, events: events, added: map[string]watched{}, above: map[string]devices.Place{}}
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
			parse(batch, func(e event) { w.event(time.Now(), e) })
			select {
			case batches <- nil: // read on
			case <-ctx.Done():
			}
		case s := <-w.surveys:
			w.take(ctx, time.Now(), s)
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
		w.start(ctx, now)
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

// start begins the next job of each device.
func (w *Watcher) start(ctx context.Context, now time.Time) {
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
			j.at, l.busy = now, true
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
