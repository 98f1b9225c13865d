// Package watch tells that files may have changed.
//
// Events of the file system are a hint that makes it quick; looking at the
// files every two seconds makes it sure, on network file systems and through
// chains of symbolic links as well. Only content counts: a file that was
// touched, or replaced by the same bytes, is no change, and the same bad
// content is told of once.
package watch

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Distances of the looks.
const (
	pollEvery = 2 * time.Second
	// restFor is how long files must rest before their content is taken: an
	// editor's save is several events.
	restFor = 200 * time.Millisecond
	// emptyFor is how long a file that has become empty is taken for one that is
	// just being written.
	emptyFor = 2 * time.Second
	maxBytes = 64 << 20
)

// Watcher compares files with what they held when it was made.
type Watcher struct {
	files   func() []string
	disks   *disks
	seen    string
	content digests
}

// New takes the present content of the files as known. Files is asked before
// every look, so that the set may change; files that do not exist are watched
// for.
func New(files func() []string) *Watcher {
	names := files()
	w := &Watcher{files: files, disks: newDisks()}
	w.seen, w.content = w.look(names), w.read(names)
	return w
}

// Run calls changed, from its own goroutine, with the files whose content has
// changed, until ctx ends.
func (w *Watcher) Run(ctx context.Context, changed func(names []string)) {
	files := w.files
	hints := make(chan struct{}, 1)
	stop := listen(ctx, files, hints)
	defer stop()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hints:
		case <-poll.C:
		}
		now := w.look(files())
		if now == w.seen {
			continue
		}
		if now = w.settle(ctx, now); ctx.Err() != nil {
			return
		}
		fresh := w.read(files())
		names := w.content.differing(fresh)
		w.seen, w.content = now, fresh
		if len(names) > 0 {
			changed(names)
			// Files that matter only now begin with what they hold now; the
			// others keep what was read before the call, so that a change
			// during it is told of as well.
			for name, digest := range w.read(files()) {
				if _, known := w.content[name]; !known {
					w.content[name] = digest
				}
			}
		}
	}
}

// digests are the contents of files by name; missing files are not in it.
type digests map[string][sha256.Size]byte

// differing names the files that have changed, come or gone.
func (d digests) differing(o digests) (names []string) {
	for name, digest := range d {
		if now, still := o[name]; !still || now != digest {
			names = append(names, name)
		}
	}
	for name := range o {
		if _, before := d[name]; !before {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// settle waits until the files rest and none of them is empty, but not for
// ever: somebody may write one of them again and again.
func (w *Watcher) settle(ctx context.Context, now string) string {
	began := time.Now()
	for {
		select {
		case <-ctx.Done():
			return now
		case <-time.After(restFor):
		}
		next := w.look(w.files())
		over := time.Since(began) > emptyFor
		if over || next == now && !w.anyEmpty(w.files()) {
			return next
		}
		now = next
	}
}

// look returns what tells versions of the files apart without reading them.
func (w *Watcher) look(files []string) string {
	h := sha256.New()
	versions := ask(w.disks, files, versionOf)
	for _, name := range files {
		version, answered := versions[name]
		if !answered {
			version = "hangs"
		}
		fmt.Fprintf(h, "%q %s\n", name, version)
	}
	return string(h.Sum(nil))
}

func versionOf(name string) string {
	info, err := os.Stat(name)
	if err != nil {
		return "missing"
	}
	version := fmt.Sprint(info.Size(), info.ModTime().UnixNano())
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		version += fmt.Sprint(" ", sys.Dev, sys.Ino, sys.Ctim.Nano())
	}
	return version
}

// read returns the digests of the files that can be read. One whose disk hangs
// counts as unchanged.
func (w *Watcher) read(files []string) digests {
	type taken struct {
		digest [sha256.Size]byte
		ok     bool
	}
	answers := ask(w.disks, files, func(name string) (t taken) {
		t.digest, t.ok = digestOf(name)
		return t
	})
	out := digests{}
	for _, name := range files {
		t, answered := answers[name]
		if !answered {
			t.digest, t.ok = w.content[name]
		}
		if t.ok {
			out[name] = t.digest
		}
	}
	return out
}

// digestOf reads one regular file. It never waits: a named pipe in the place of
// a file must not hold up the look at the others, nor the end of the daemon.
func digestOf(name string) (digest [sha256.Size]byte, ok bool) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return digest, false
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return digest, false
	}
	h := sha256.New()
	_, _ = io.Copy(h, io.LimitReader(f, maxBytes))
	return [sha256.Size]byte(h.Sum(nil)), true
}

func (w *Watcher) anyEmpty(files []string) bool {
	for _, empty := range ask(w.disks, files, func(name string) bool {
		info, err := os.Stat(name)
		return err == nil && info.Mode().IsRegular() && info.Size() == 0
	}) {
		if empty {
			return true
		}
	}
	return false
}

// listen forwards events in the folders of the files as hints. Without events,
// polling alone does the work. The folders are renewed at every event, since
// the set of files may have changed.
func listen(ctx context.Context, files func() []string, hints chan<- struct{}) (stop func()) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return func() {}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer watcher.Close()
		renew := time.NewTicker(pollEvery)
		defer renew.Stop()
		follow(watcher, files())
		for {
			select {
			case <-ctx.Done():
				return
			case <-renew.C:
				follow(watcher, files())
			case _, ok := <-watcher.Errors:
				if !ok {
					return
				}
				// An overflow of events: looking finds what they would have said.
			case _, ok := <-watcher.Events:
				if !ok {
					return
				}
				select {
				case hints <- struct{}{}:
				default:
				}
			}
		}
	}()
	return func() {
		// A folder whose disk hangs may keep it; the end does not wait for that.
		select {
		case <-ended:
		case <-time.After(answerWithin):
		}
	}
}

// follow watches exactly the folders of the files, where they exist.
func follow(watcher *fsnotify.Watcher, files []string) {
	folders := map[string]bool{}
	for _, name := range files {
		folders[filepath.Dir(name)] = true
		if target, err := filepath.EvalSymlinks(name); err == nil {
			folders[filepath.Dir(target)] = true
		}
	}
	have := watcher.WatchList()
	for _, folder := range have {
		if !folders[folder] {
			_ = watcher.Remove(folder)
		}
	}
	for folder := range folders {
		if !slices.Contains(have, folder) {
			_ = watcher.Add(folder)
		}
	}
}
