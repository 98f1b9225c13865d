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

// sweptFirst is the number of folders up to which a start sweeps before it does
// anything else. More would delay it for seconds, so they are swept once the daemon is
// ready, or after latestSweep if it does not get ready.
const (
	sweptFirst  = 1000
	latestSweep = time.Minute
)

// Sweep removes temporary files that a crash left in the folders of these paths. If it
// takes long it continues in the background, until ctx ends; with many folders it also
// begins there, when ready is closed. A nil ready means to begin at once. failed is
// called for folders where files could not be removed. The result is closed at the end.
func Sweep(ctx context.Context, disks *devices.Pool, paths []string, ready <-chan struct{}, failed func(folder string, err error)) <-chan struct{} {
	swept := make(chan struct{})
	later := ready != nil && len(paths) > sweptFirst
	go func() {
		defer close(swept)
		if later {
			select {
			case <-ready:
			case <-time.After(latestSweep):
			case <-ctx.Done():
				return
			}
		}
		sweepFolders(ctx, disks, paths, failed)
	}()
	if later {
		return swept
	}
	select {
	case <-swept:
	case <-ctx.Done():
	case <-time.After(sweepTime):
	}
	return swept
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
