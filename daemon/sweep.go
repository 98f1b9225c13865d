package daemon

import (
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon/atomicfile"
)

// sweepTime bounds how long the start waits for left-overs to be removed: a
// file server that hangs must not keep the rest from working.
const sweepTime = 2 * time.Second

// sweep removes what a crash left beside the sinks, folder by folder.
func (d *Daemon) sweep() {
	folders := map[string]string{} // folder to one path in it
	for _, s := range d.plan.Sinks {
		folders[filepath.Dir(s.Path)] = s.Path
		if target, err := filepath.EvalSymlinks(s.Path); err == nil {
			folders[filepath.Dir(target)] = target
		}
	}
	var all sync.WaitGroup
	for folder, path := range folders {
		all.Go(func() {
			if err := atomicfile.Sweep(path); err != nil {
				d.log.Debug("left-overs not removed", zap.String("folder", folder), zap.Error(err))
			}
		})
	}
	swept := make(chan struct{})
	go func() { all.Wait(); close(swept) }()
	select {
	case <-swept:
	case <-time.After(sweepTime):
	}
}
