// Package watch reports files that may have changed.
//
// It uses events of the kernel where there are any; they cost nothing while nothing
// happens. Elsewhere, on network file systems and beyond the system's limit of
// watches, it polls a part of the files at a time. When a folder on the way changes,
// links are followed again. All work on file systems stays within the limits of
// their devices, so that one that hangs does not block the others.
//
// Watcher reports paths that were touched. Files, which uses it, reports only files
// whose bytes differ from those last read.
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

// Intervals of the watcher.
const (
	readEvery  = 50 * time.Millisecond // meanwhile the kernel merges equal events
	crowdEvery = 40 * time.Millisecond // when many arrive, because its queue is bounded
	tickEvery  = 100 * time.Millisecond
	idleEvery  = time.Second
	// restFor is how long a file must be quiet before it is reported, up to restMost:
	// a save causes several events.
	restFor  = 200 * time.Millisecond
	restMost = time.Second
	// A file that is written continuously is reported every repeatAfter, and at most
	// repeatsATick such files per tick.
	repeatAfter  = 2 * time.Second
	repeatsATick = 100
	// hangingEvery is how often a folder on a hanging device is retried.
	hangingEvery = 10 * time.Second
	// foldersATick limits how many folders are followed again after events were lost.
	foldersATick = 50
)

// Options make a watcher.
type Options struct {
	Disks *devices.Pool
	Work  devices.Work
	// Within is the time in which all polled files are checked, if there are at most
	// Few of them; otherwise Few files are checked in that time. A zero Few means no
	// limit.
	Within time.Duration
	Few    int
	// Seen reports whether the caller has already read this version of a file
	// (readfile.Identity.Mark), for example during the start. The file is then not
	// reported when it is first followed. It may be nil.
	Seen func(path string, mark uint64) bool
	// Limited is called once, with a message for people, if the system's limit of
	// watches is reached.
	Limited func(message string)
}

// Watcher reports which of its paths may have changed. Its methods are safe for
// concurrent use; Run is called once.
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
	paced     paced
	looks     int // how many targets due has looked at, for tests
	polled    []*target
	cursor    int
	ticked    time.Time
	debt      float64 // polls that are due
	polledAt  time.Time
	lost      []*folder // to follow again because events were lost
	lostAgain bool
	hanging   []*folder
	retryAt   time.Time
	stale     map[string]bool // entries that have changed
	lanes     map[string]*lane
	busy      int
	surveys   chan survey
	mounts    *devices.Table
	limitTold bool
	deaf      bool // set by tests: behave as if there were no events
}

// change is one call of Follow or Forget.
type change struct {
	paths []string
	gone  bool
}

// New returns a watcher without any paths.
func New(opt Options) *Watcher {
	return &Watcher{
		opt: opt, wake: make(chan struct{}, 1), folders: map[string]*folder{}, targets: map[string]*target{},
		stale: map[string]bool{}, lanes: map[string]*lane{}, surveys: make(chan survey),
	}
}

// Follow adds paths, which must be clean and absolute. Each is reported once when it
// is first followed, whether or not it exists, and then whenever it may have
// changed. A path that ends in a slash means the entries of that folder.
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

// Run calls told, from its own goroutine, with paths that may have changed, until
// ctx ends.
func (w *Watcher) Run(ctx context.Context, told func(paths []string)) {
	events, err := newInotify()
	if err == nil && w.deaf {
		_ = events.close()
		err = errNoEvents
	}
	if err != nil {
		events = nil
		w.limited(err)
	}
	w.tree = newTree(events)
	w.survey = &surveyor{disks: w.opt.Disks, work: w.opt.Work, events: events, added: map[string]added{}, above: map[string]devices.Place{}}
	w.mounts = w.opt.Disks.Mounts()
	batches := make(chan []byte)
	if events != nil {
		defer func() { _ = events.close() }()
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
		timer.Reset(w.sleep(now))
	}
}

// sleep returns how long the watcher can wait for an event.
func (w *Watcher) sleep(now time.Time) time.Duration {
	switch {
	case len(w.lost) > 0 || w.lostAgain:
		return tickEvery
	case len(w.paced) > 0:
		return min(max(w.paced[0].pace.next().Sub(now), tickEvery), idleEvery)
	}
	return idleEvery
}

// read sends batches of events, with a pause between two in which the kernel merges
// equal events.
func read(ctx context.Context, events *inotify, batches chan []byte) {
	buf := make([]byte, 64<<10)
	for {
		n, err := events.read(buf)
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

// receive processes the calls of Follow and Forget.
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
				continue // forgotten in the meantime
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
		if len(l.jobs) == 0 {
			l.jobs = nil // a start queues a job for every folder
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
