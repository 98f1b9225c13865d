package sinkfiles

import (
	"context"
	"path/filepath"
	"time"

	"github.com/vigented/vigente/internal/atomicfile"
	"github.com/vigented/vigente/internal/devices"
)

// sweepTime limits how long a start waits until temporary files are removed, so that a
// file server that hangs does not delay everything else.
const sweepTime = 2 * time.Second

// Sweep removes temporary files that a crash left in the folders of these paths. If it
// takes long it continues in the background, until ctx ends. failed is called for
// folders where files could not be removed.
func Sweep(ctx context.Context, disks *devices.Pool, paths []string, failed func(folder string, err error)) {
	swept := make(chan struct{})
	go func() { defer close(swept); sweepFolders(ctx, disks, paths, failed) }()
	select {
	case <-swept:
	case <-ctx.Done():
	case <-time.After(sweepTime):
	}
}

func sweepFolders(ctx context.Context, disks *devices.Pool, paths []string, failed func(folder string, err error)) {
	devices.Each(disks, paths, func(path string) {
		_, err := devices.Run(ctx, disks, devices.Deliver, path, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, atomicfile.Sweep(ctx, path)
		})
		if err != nil {
			failed(filepath.Dir(path), err)
		}
	})
}
