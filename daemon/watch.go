package daemon

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/watch"
	"github.com/vigented/vigente/internal/devices"
)

// How soon changes are seen where a file system sends no events.
const (
	configWithin = 2 * time.Second
	sinksWithin  = 8 * time.Second // and repaired within ten
	sinksAtOnce  = 800             // in that time; what is beyond waits
)

// watch reloads when the configuration, an included file, a secret, a CA or a
// certificate has changed, until ctx ends.
func (d *Daemon) watch(ctx context.Context) {
	d.files.Run(ctx, func([]string) {
		// Reload keeps, logs and counts its own failure.
		_, _ = d.Reload(ctx, control.ReloadOptions{})
	})
}

// know tells the watcher what the present configuration was made from, and the
// one that was refused last, whose missing file may appear yet. It is called
// after every load.
func (d *Daemon) know() {
	d.live.RLock()
	sources := []*config.Config{d.cfg, d.refused}
	d.live.RUnlock()
	s := watch.Set{Ignored: ignored}
	for _, cfg := range sources {
		if cfg == nil {
			continue
		}
		versions := cfg.Versions()
		for path, version := range s.Versions {
			if _, newer := versions[path]; !newer {
				versions[path] = version
			}
		}
		s.Versions = versions
		s.Others = append(s.Others, cfg.Files()...)
		s.Globs = append(s.Globs, cfg.Globs...)
	}
	d.files.Know(s)
}

func ignored(path string) bool { return config.Ignored(filepath.Base(path)) }

// sinkFiles are the files of the present sinks, with who writes each.
type sinkFiles struct {
	watcher *watch.Watcher

	mu     sync.Mutex
	byPath map[string][]*plan.Sink
}

func newSinkFiles(disks *devices.Pool, log *zap.Logger) *sinkFiles {
	f := &sinkFiles{byPath: map[string][]*plan.Sink{}}
	f.watcher = watch.New(watch.Options{
		Disks: disks, Work: devices.Look, Within: sinksWithin, Few: sinksAtOnce, Seen: f.seen,
		Limited: func(message string) { log.Warn("watches exhausted", zap.String("detail", message)) },
	})
	return f
}

// seer is a guard that knows which version of the file it looked at last.
type seer interface{ Saw(mark uint64) bool }

// seen reports whether every sink of a file has looked at this version of it.
func (f *sinkFiles) seen(path string, mark uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.byPath[path] {
		if g, ok := s.Guard.(seer); !ok || !g.Saw(mark) {
			return false
		}
	}
	return true
}

// install takes over a change of the sinks. Each new file is looked at once, since
// nobody did while it was not watched.
func (f *sinkFiles) install(change plan.Difference[plan.Sink]) {
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

func (f *sinkFiles) names(paths []string) (names []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, path := range paths {
		for _, s := range f.byPath[path] {
			names = append(names, s.Name)
		}
	}
	return names
}

// watchSinks tells the engine of sinks whose files somebody may have changed,
// until ctx ends.
func (d *Daemon) watchSinks(ctx context.Context) {
	d.sinkFiles.watcher.Run(ctx, func(paths []string) {
		// The engine's end is the end of the watch as well.
		_ = d.engine.Suspect(ctx, d.sinkFiles.names(paths))
	})
}
