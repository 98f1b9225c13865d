package daemon

import (
	"context"
	"path/filepath"
	"time"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/watch"
)

// configWithin is how soon a change is noticed on a file system without events.
const configWithin = 2 * time.Second

// watch reloads when the configuration, an included file, a secret, a CA or a
// certificate has changed, until ctx ends.
func (d *Daemon) watch(ctx context.Context) {
	d.files.Run(ctx, func([]string) {
		// Reload records, logs and counts its own failure.
		_, _ = d.Reload(ctx, control.ReloadOptions{})
	})
}

// know tells the watcher which files the current configuration was made from, and
// those of the last refused one, whose missing file may still appear. It is called
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
