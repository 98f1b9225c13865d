package daemon

import (
	"context"
	"maps"
	"path/filepath"
	"slices"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/watch"
)

// watch reloads when the configuration, an included file, a secret, a CA or a
// certificate has changed, until ctx ends.
func (d *Daemon) watch(ctx context.Context) {
	d.watcher.Run(ctx, func([]string) {
		// Reload keeps, logs and counts its own failure.
		_ = d.Reload(ctx)
	})
}

// watched returns every file that matters to the present configuration and to
// the one that was refused last, whose missing file may appear yet.
func (d *Daemon) watched() []string {
	d.live.RLock()
	present, refused := d.cfg, d.refused
	d.live.RUnlock()
	files := filesOf(present)
	if refused != nil {
		files = append(files, filesOf(refused)...)
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// filesOf returns the files of one configuration, and those that its include
// patterns match by now.
func filesOf(cfg *config.Config) []string {
	files := slices.Clone(cfg.Files())
	for _, pattern := range cfg.Globs {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		for _, name := range matches {
			if !config.Ignored(filepath.Base(name)) {
				files = append(files, name)
			}
		}
	}
	return files
}

// watchSinks tells the engine of sinks whose files somebody may have changed,
// until ctx ends: first of all of them, since nobody looked while the daemon
// was down.
func (d *Daemon) watchSinks(ctx context.Context) {
	files := watch.New(func() []string { return slices.Sorted(maps.Keys(d.sinksByPath())) })
	suspect := func(paths []string) {
		var names []string
		byPath := d.sinksByPath()
		for _, path := range paths {
			names = append(names, byPath[path]...)
		}
		// The engine's end is the end of the watch as well.
		_ = d.engine.Suspect(ctx, names)
	}
	suspect(slices.Collect(maps.Keys(d.sinksByPath())))
	files.Run(ctx, suspect)
}

// sinksByPath returns the names of the present sinks by their files.
func (d *Daemon) sinksByPath() map[string][]string {
	d.live.RLock()
	defer d.live.RUnlock()
	byPath := map[string][]string{}
	for _, s := range d.plan.Sinks {
		if s.Guard != nil && s.File != "" {
			byPath[s.File] = append(byPath[s.File], s.Name)
		}
	}
	return byPath
}
