package watch

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vigented/vigente/internal/devices"
	"github.com/vigented/vigente/internal/readfile"
)

const (
	// emptyFor is how long a file may be empty or missing before that counts as a
	// change: it may be in the middle of a save.
	emptyFor = 2 * time.Second
	maxBytes = 64 << 20
)

// Files reports files whose bytes differ from those last read. Only content
// counts: a file that was touched, or replaced by the same bytes, has not changed,
// and the same bad content is reported once.
type Files struct {
	watcher *Watcher
	opt     Options

	mu      sync.Mutex
	known   map[string]readfile.Version
	globs   []string
	ignored func(path string) bool
	paths   map[string]bool // followed by the watcher
	// strangers match a pattern and were reported, whether anyone read them or not.
	strangers map[string]bool
}

// NewFiles returns a Files without any files.
func NewFiles(opt Options) *Files {
	return &Files{watcher: New(opt), opt: opt, paths: map[string]bool{}, strangers: map[string]bool{}}
}

// Set describes the files a configuration was made from.
type Set struct {
	// Versions are the versions of the files when they were read, by absolute path.
	// The version of a file that could not be read is zero.
	Versions map[string]readfile.Version
	// Others are files that matter but whose version was not kept when they were
	// read. Their present content counts as known.
	Others []string
	// Globs are the absolute patterns used to find files. A matching file without a
	// version is a change.
	Globs []string
	// Ignored reports whether a matching file does not matter. If it is nil, all
	// matter.
	Ignored func(path string) bool
}

// Know replaces the known files. Changes since they were read are reported.
func (f *Files) Know(s Set) {
	paths := map[string]bool{}
	for path := range s.Versions {
		paths[path] = true
	}
	for _, path := range s.Others {
		paths[path] = true
	}
	for _, glob := range s.Globs {
		for _, folder := range foldersOf(glob, slices.Collect(maps.Keys(s.Versions))) {
			paths[folder+"/"] = true
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	known := maps.Clone(s.Versions)
	if known == nil {
		known = map[string]readfile.Version{}
	}
	for _, path := range s.Others {
		if before, ok := f.known[path]; ok && f.paths[path] {
			if _, read := known[path]; !read {
				known[path] = before
			}
		}
	}
	var come, gone []string
	for path := range paths {
		if !f.paths[path] {
			come = append(come, path)
		}
	}
	for path := range f.paths {
		if !paths[path] {
			gone = append(gone, path)
		}
	}
	f.known, f.globs, f.ignored, f.paths = known, s.Globs, s.Ignored, paths
	f.watcher.Forget(gone...)
	f.watcher.Follow(come...)
}

// foldersOf returns the folders whose entries decide what a pattern matches: the
// folder of its first wildcard, and those of the files it matched.
func foldersOf(glob string, files []string) []string {
	first := strings.IndexAny(glob, `*?[\`)
	if first < 0 {
		return nil
	}
	folders := map[string]bool{filepath.Dir(glob[:first] + "x"): true}
	for _, file := range files {
		if ok, _ := filepath.Match(glob, file); !ok {
			continue
		}
		for dir := filepath.Dir(file); len(dir) > first; dir = filepath.Dir(dir) {
			folders[dir] = true
		}
	}
	return slices.Collect(maps.Keys(folders))
}

// Run calls changed, from its own goroutine, with the files whose content has
// changed, until ctx ends. changed should read the files and call Know.
func (f *Files) Run(ctx context.Context, changed func(paths []string)) {
	suspects := make(chan []string)
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		f.watcher.Run(ctx, func(paths []string) {
			select {
			case suspects <- paths:
			case <-ctx.Done():
			}
		})
	})
	waiting := map[string]time.Time{} // when each file was first seen empty or missing
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		var paths []string
		select {
		case <-ctx.Done():
			return
		case paths = <-suspects:
		case <-again.C:
			paths = slices.Collect(maps.Keys(waiting))
		}
		if names := f.differing(ctx, paths, waiting); len(names) > 0 {
			slices.Sort(names)
			changed(names)
		}
		if len(waiting) > 0 {
			again.Reset(emptyFor / 8)
		}
	}
}

// differing returns the paths whose content differs from the known one. Those that
// are empty or missing must stay so for emptyFor.
func (f *Files) differing(ctx context.Context, paths []string, waiting map[string]time.Time) (names []string) {
	for i := 0; i < len(paths); i++ {
		path := paths[i]
		if folder, ok := strings.CutSuffix(path, "/"); ok {
			paths = append(paths, f.newIn(ctx, folder)...)
			continue
		}
		known, ok := f.version(path)
		now, answered := f.read(ctx, path, known)
		since, waits := waiting[path]
		switch {
		case !answered:
			continue
		case !ok:
			f.learn(path, now)
		case now.Read == known.Read && now.Sum == known.Sum:
			f.learn(path, now)
		case !full(now) && !waits:
			waiting[path] = time.Now()
			continue
		case !full(now) && time.Since(since) < emptyFor:
			continue
		default:
			f.learn(path, now)
			names = append(names, path)
		}
		delete(waiting, path)
	}
	return names
}

// full reports whether a version has content.
func full(v readfile.Version) bool { return v.Read && v.Sum != sha256.Sum256(nil) }

func (f *Files) version(path string) (readfile.Version, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, ok := f.known[path]
	return v, ok
}

// learn remembers what a file holds now, so that it is reported once.
func (f *Files) learn(path string, v readfile.Version) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.paths[path] {
		f.known[path] = v
	}
}

// read returns the version of a file, and whether its device answered.
func (f *Files) read(ctx context.Context, path string, known readfile.Version) (readfile.Version, bool) {
	v, err := devices.Run(ctx, f.opt.Disks, f.opt.Work, path, func(context.Context) (readfile.Version, error) {
		if known.Read && known.Identity != (readfile.Identity{}) {
			id, err := readfile.Look(path)
			if err == nil && id == known.Identity && id.Believed(time.Now()) {
				return known, nil
			}
		}
		_, v, err := readfile.Bounded(path, maxBytes)
		if err != nil {
			return readfile.Version{}, nil //nolint:nilerr // an unreadable file counts as missing
		}
		return v, nil
	})
	return v, err == nil
}

// newIn returns files that match a pattern and that no one has read.
func (f *Files) newIn(ctx context.Context, folder string) (names []string) {
	f.mu.Lock()
	globs := f.globs
	f.mu.Unlock()
	found, err := devices.Run(ctx, f.opt.Disks, f.opt.Work, folder, func(context.Context) (found []string, _ error) {
		for _, glob := range globs {
			matches, err := filepath.Glob(glob)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				continue // it was reported with the configuration
			}
			for _, name := range matches {
				if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
					found = append(found, name)
				}
			}
		}
		return found, nil
	})
	if err != nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.strangers, func(name string, _ bool) bool { return !slices.Contains(found, name) })
	for _, name := range found {
		if _, known := f.known[name]; known || f.strangers[name] || f.ignored != nil && f.ignored(name) {
			continue
		}
		names = append(names, name)
		f.strangers[name] = true
		f.known[name] = readfile.Version{}
		if !f.paths[name] {
			f.paths[name] = true
			f.watcher.Follow(name)
		}
	}
	return names
}
