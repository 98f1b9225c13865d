// Package sinkfiles watches the files of the current sinks, reports changes by the
// names of the sinks, and removes temporary files that a crash left beside them.
package sinkfiles

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/watch"
	"github.com/vigented/vigente/internal/devices"
)

// How soon changes are noticed on a file system without events.
const (
	within = 8 * time.Second // so that they are repaired within ten
	atOnce = 800             // files checked in that time; more files take longer
)

// Files are the files of the current sinks, with the sinks that write each.
type Files struct {
	watcher *watch.Watcher

	mu     sync.Mutex
	byPath map[string][]*plan.Sink
}

// New returns a Files without any file. limited is called once, with a message for
// people, if the system's limit of watches is reached.
func New(disks *devices.Pool, limited func(message string)) *Files {
	f := &Files{byPath: map[string][]*plan.Sink{}}
	f.watcher = watch.New(watch.Options{
		Disks: disks, Work: devices.Look, Within: within, Few: atOnce, Seen: f.seen,
		Limited: limited,
	})
	return f
}

// seer is a guard that knows which version of the file it last inspected.
type seer interface{ Saw(mark uint64) bool }

// seen reports whether every sink of a file has inspected this version of it.
func (f *Files) seen(path string, mark uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.byPath[path] {
		if g, ok := s.Guard.(seer); !ok || !g.Saw(mark) {
			return false
		}
	}
	return true
}

// Install applies a change of the sinks. Each new file is reported once, since it may
// have changed while it was not watched.
func (f *Files) Install(change plan.Difference[plan.Sink]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := map[string]bool{} // the files of changed sinks, and whether they were watched
	touch := func(path string) {
		if _, noted := before[path]; !noted {
			before[path] = f.byPath[path] != nil
		}
	}
	for _, s := range change.Was {
		if watchable(s) {
			touch(s.File)
			f.byPath[s.File] = slices.DeleteFunc(f.byPath[s.File], func(other *plan.Sink) bool { return other.Name == s.Name })
		}
	}
	for _, s := range slices.Concat(change.Added, change.Changed) {
		if watchable(s) {
			touch(s.File)
			f.byPath[s.File] = append(f.byPath[s.File], s)
		}
	}
	var come, gone []string
	for path, was := range before {
		switch is := len(f.byPath[path]) > 0; {
		case is && !was:
			come = append(come, path)
		case !is:
			delete(f.byPath, path)
			gone = append(gone, path)
		}
	}
	f.watcher.Forget(gone...)
	f.watcher.Follow(come...)
}

// watchable reports whether changes by others to the file can be detected.
func watchable(s *plan.Sink) bool { return s.Guard != nil && s.File != "" }

func (f *Files) names(paths []string) (names []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, path := range paths {
		for _, s := range f.byPath[path] {
			names = append(names, s.Name)
		}
	}
	return names
}

// latestWatch is when a start with more than sweptFirst files watches them, if the
// daemon is not ready before. Until then its looks at the files take the processor.
const latestWatch = 3 * time.Second

// Run calls suspect with the sinks whose files may have changed, until ctx ends. With
// many files it begins when ready is closed, or after latestWatch. Nothing is missed:
// a file that is not as it was when it was looked at is reported.
func (f *Files) Run(ctx context.Context, ready <-chan struct{}, suspect func(names []string)) {
	f.leaveStart(ctx, ready)
	f.watcher.Run(ctx, func(paths []string) { suspect(f.names(paths)) })
}

// leaveStart waits until watches are made.
func (f *Files) leaveStart(ctx context.Context, ready <-chan struct{}) {
	f.mu.Lock()
	many := len(f.byPath) > sweptFirst
	f.mu.Unlock()
	if !many {
		return
	}
	select {
	case <-ready:
	case <-time.After(latestWatch):
	case <-ctx.Done():
	}
}
