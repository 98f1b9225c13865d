// Package sinkfiles watches the files of the present sinks, and removes what a
// crash left beside them. What is found is told by the names of sinks.
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

// How soon changes are seen where a file system sends no events.
const (
	within = 8 * time.Second // and repaired within ten
	atOnce = 800             // in that time; what is beyond waits
)

// Files are the files of the present sinks, with who writes each.
type Files struct {
	watcher *watch.Watcher

	mu     sync.Mutex
	byPath map[string][]*plan.Sink
}

// New returns one without any file. Limited is told once, in words for people,
// when the system's limit keeps events from us.
func New(disks *devices.Pool, limited func(message string)) *Files {
	f := &Files{byPath: map[string][]*plan.Sink{}}
	f.watcher = watch.New(watch.Options{
		Disks: disks, Work: devices.Look, Within: within, Few: atOnce, Seen: f.seen,
		Limited: limited,
	})
	return f
}

// seer is a guard that knows which version of the file it looked at last.
type seer interface{ Saw(mark uint64) bool }

// seen reports whether every sink of a file has looked at this version of it.
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

// Install takes over a change of the sinks. Each new file is looked at once, since
// nobody did while it was not watched.
func (f *Files) Install(change plan.Difference[plan.Sink]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := map[string]bool{} // the files that the change is about, and whether they were watched
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

// watchable reports whether somebody can tell what others did to the file.
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

// Run tells the sinks whose files somebody may have changed, until ctx ends.
func (f *Files) Run(ctx context.Context, suspect func(names []string)) {
	f.watcher.Run(ctx, func(paths []string) { suspect(f.names(paths)) })
}
