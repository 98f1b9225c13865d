package daemon

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/vigented/vigente/daemon/config"
)

// watch reloads when the configuration, an included file, a secret, a CA or a
// certificate has changed, until ctx ends.
func (d *Daemon) watch(ctx context.Context) {
	d.watcher.Run(ctx, func() {
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
