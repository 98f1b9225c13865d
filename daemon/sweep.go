package daemon

import (
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/internal/atomicfile"
)

// sweepTime bounds how long the start waits for left-overs to be removed: a
// file server that hangs must not keep the rest from working.
const sweepTime = 2 * time.Second

// sweep removes what a crash left beside the sinks, folder by folder.
func (d *Daemon) sweep() {
	folders := map[string]string{} // folder to one path in it
	paths := make([]string, 0, len(d.plan.Sinks))
	for _, s := range d.plan.Sinks {
		paths = append(paths, s.Path)
	}
	for path, target := range resolveAll(paths) {
		folders[filepath.Dir(path)] = path
		folders[filepath.Dir(target)] = target
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

// resolveAll follows the links of every path, with one patience for all of
// them: a path whose disk hangs stays as it is.
func resolveAll(paths []string) map[string]string {
	type answer struct{ path, target string }
	out := make(map[string]string, len(paths))
	answers := make(chan answer, len(paths))
	for _, path := range paths {
		if _, asked := out[path]; asked {
			continue
		}
		out[path] = filepath.Clean(path)
		go func() { answers <- answer{path, resolve(path)} }()
	}
	over := time.After(sweepTime)
	for range out {
		select {
		case a := <-answers:
			out[a.path] = a.target
		case <-over:
			return out
		}
	}
	return out
}
