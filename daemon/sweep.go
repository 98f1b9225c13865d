package daemon

import (
	"context"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/internal/atomicfile"
	"github.com/vigented/vigente/internal/devices"
)

// sweepTime bounds how long the start waits for left-overs to be removed: a
// file server that hangs must not keep the rest from working.
const sweepTime = 2 * time.Second

// sweep removes what a crash left beside the sinks. It goes on behind the rest
// of the start when it takes long, until ctx ends.
func (d *Daemon) sweep(ctx context.Context) {
	swept := make(chan struct{})
	go func() { defer close(swept); d.sweepFolders(ctx) }()
	select {
	case <-swept:
	case <-ctx.Done():
	case <-time.After(sweepTime):
	}
}

func (d *Daemon) sweepFolders(ctx context.Context) {
	var paths []string
	for s := range d.loaded.Sinks() {
		if s.File != "" {
			paths = append(paths, s.File)
		}
	}
	folders := map[string]string{} // folder to one path in it
	for path, at := range devices.ResolveAll(ctx, d.disks, paths) {
		folders[filepath.Dir(path)] = path
		folders[filepath.Dir(at.Path)] = at.Path
	}
	paths = paths[:0]
	for _, path := range folders {
		paths = append(paths, path)
	}
	devices.Each(d.disks, paths, func(path string) {
		_, err := devices.Run(ctx, d.disks, devices.Deliver, path, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, atomicfile.Sweep(ctx, path)
		})
		if err != nil {
			d.log.Debug("left-overs not removed", zap.String("folder", filepath.Dir(path)), zap.Error(err))
		}
	})
}
