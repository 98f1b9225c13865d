package sinkfiles

import (
	"context"
	"path/filepath"
	"time"

	"github.com/vigented/vigente/internal/atomicfile"
	"github.com/vigented/vigente/internal/devices"
)

// sweepTime bounds how long the start waits for left-overs to be removed: a
// file server that hangs must not keep the rest from working.
const sweepTime = 2 * time.Second

// Sweep removes what a crash left in the folders of these paths. It goes on behind
// the rest of the start when it takes long, until ctx ends. Failed is told of the
// folders where that could not be done.
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
