package devices

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxLinks is the kernel's limit for links in one path.
const maxLinks = 40

// ErrLinks is the error for a path whose links form a loop.
var ErrLinks = errors.New("too many levels of symbolic links")

// Place is the location of a path after following every link.
type Place struct {
	Path  string // without links, as far as the path exists
	Mount Mount
	// Entries are the names looked up on the way, if requested. Changing one of
	// them may redirect the path.
	Entries []Entry
}

// Entry is a name in a folder. The folder's path contains no links.
type Entry struct{ Folder, Name string }

// Resolve follows the links of a path, each within the limits of the device it
// is on, and returns the entries on the way.
func Resolve(ctx context.Context, p *Pool, w Work, path string) (Place, error) {
	return run(ctx, p, w, start(p.mounts(), path, true), func(_ context.Context, at Place) (Place, error) { return at, nil })
}

// ResolveIn is Resolve for a name in a folder that is already resolved.
func ResolveIn(ctx context.Context, p *Pool, w Work, folder Place, name string) (Place, error) {
	return RunIn(ctx, p, w, folder, name, func(_ context.Context, at Place) (Place, error) { return at, nil })
}

// RunIn is Run for a name in a folder that is already resolved. It tells f what
// Resolve would return.
func RunIn[T any](ctx context.Context, p *Pool, w Work, folder Place, name string, f func(context.Context, Place) (T, error)) (T, error) {
	r := route{done: folder.Path, rest: []string{name}, keep: true, entries: slices.Clip(folder.Entries)}
	return run(ctx, p, w, r, f)
}

// route is a partly resolved path.
type route struct {
	done    string   // resolved, without links
	rest    []string // not resolved yet
	links   int
	keep    bool // collect the entries
	entries []Entry
}

// start begins a route. A mount point is not a link, so resolving can start at
// the nearest one, unless the entries above it are wanted too.
func start(t *Table, path string, keep bool) route {
	r := route{done: "/", keep: keep}
	if clean := filepath.Clean(path); clean == path && !keep {
		r.done = t.Of(path).Point
		path = strings.TrimPrefix(path, r.done)
	}
	r.rest = split(path)
	return r
}

func split(path string) []string {
	return strings.FieldsFunc(path, func(c rune) bool { return c == '/' })
}

// follow continues while the path stays on the device, and reports whether it
// ends there. A missing entry counts as not a link: opening the path will
// report the error.
func (r *route) follow(t *Table, on Mount) (here bool, err error) {
	r.skip(t, on)
	for len(r.rest) > 0 {
		name := r.rest[0]
		switch name {
		case ".":
			r.rest = r.rest[1:]
			continue
		case "..":
			r.done, r.rest = filepath.Dir(r.done), r.rest[1:]
			if t.Of(r.done).Device != on.Device {
				return false, nil
			}
			continue
		}
		part := filepath.Join(r.done, name)
		if r.keep {
			r.entries = append(r.entries, Entry{r.done, name})
		}
		if m, ok := t.At(part); ok && m.Device != on.Device {
			// A mount point is not a link, and looking at it would call the other
			// device.
			r.done, r.rest = part, r.rest[1:]
			return false, nil
		}
		target, err := readlink(part)
		switch {
		case errors.Is(err, syscall.EINVAL): // not a link
			r.done, r.rest = part, r.rest[1:]
			continue
		case err != nil: // nothing below can be looked up either
			r.done, r.rest = filepath.Join(append([]string{part}, r.rest[1:]...)...), nil
			if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) && !errors.Is(err, fs.ErrPermission) {
				return true, err
			}
			continue
		}
		if r.links++; r.links > maxLinks {
			return true, ErrLinks
		}
		if filepath.IsAbs(target) {
			r.done = "/"
		}
		r.rest = append(split(target), r.rest[1:]...)
		if t.Of(r.done).Device != on.Device {
			return false, nil
		}
	}
	return true, nil
}

// skip passes over the folders on the way if the kernel finds no link among them:
// one look for all of them, instead of one for each.
func (r *route) skip(t *Table, on Mount) {
	folders := len(r.rest) - 1
	if folders < 2 {
		return
	}
	at := r.done
	for _, name := range r.rest[:folders] {
		at = filepath.Join(at, name)
		if m, ok := t.At(at); name == "." || name == ".." || ok && m.Device != on.Device {
			return
		}
	}
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS}
	fd, err := unix.Openat2(unix.AT_FDCWD, at, &how)
	if err != nil {
		return // a link, something missing, or an old kernel
	}
	_ = unix.Close(fd)
	for _, name := range r.rest[:folders] {
		if r.keep {
			r.entries = append(r.entries, Entry{r.done, name})
		}
		r.done = filepath.Join(r.done, name)
	}
	r.rest = r.rest[folders:]
}

// readlink is os.Readlink for paths that are rarely links: it allocates nothing
// if the path is not a link.
func readlink(path string) (string, error) {
	var buf [256]byte
	switch n, err := unix.Readlink(path, buf[:]); {
	case errors.Is(err, unix.EINVAL):
		return "", err
	case err != nil || n == len(buf):
		return os.Readlink(path)
	default:
		return string(buf[:n]), nil
	}
}

// ResolveAll follows the links of many paths, folder by folder, and returns
// where each leads. A path is returned unchanged if its device hangs, or if ctx
// ends before it is resolved.
func ResolveAll(ctx context.Context, p *Pool, paths []string) map[string]Place {
	b := &batch{pool: p, out: make(map[string]Place, len(paths))}
	folders := map[string][]string{} // the names in each
	for _, path := range paths {
		clean := filepath.Clean(path)
		if _, known := b.out[path]; !known {
			b.out[path] = Place{Path: clean, Mount: p.mounts().Of(clean)}
			folders[filepath.Dir(clean)] = append(folders[filepath.Dir(clean)], path)
		}
	}
	b.resolveParents(ctx, folders)
	Each(p, slices.Collect(maps.Keys(folders)), func(folder string) { b.resolveFolder(ctx, folder, folders[folder]) })
	return b.out
}

// Each calls f for every path and waits for all calls. It uses as many
// goroutines per device as the device has threads. The calls of f use Run.
func Each(p *Pool, paths []string, f func(path string)) {
	byDevice := map[string][]string{}
	for _, path := range paths {
		on := p.mounts().Of(path).Device
		byDevice[on] = append(byDevice[on], path)
	}
	var all sync.WaitGroup
	for _, list := range byDevice {
		for i := range min(threads, len(list)) {
			all.Go(func() {
				for ; i < len(list); i += threads {
					f(list[i])
				}
			})
		}
	}
	all.Wait()
}

// batch is one call of ResolveAll.
type batch struct {
	pool *Pool
	mu   sync.Mutex
	out  map[string]Place
	// parents maps folders that contain several of the requested folders to where
	// they lead.
	parents map[string]string
}

// resolveParents resolves the folders that contain several of the requested
// folders, so that the path to them is resolved only once.
func (b *batch) resolveParents(ctx context.Context, folders map[string][]string) {
	count := map[string]int{}
	for folder := range folders {
		count[filepath.Dir(folder)]++
	}
	maps.DeleteFunc(count, func(folder string, n int) bool { return n < 2 || folder == "/" })
	b.parents = make(map[string]string, len(count))
	Each(b.pool, slices.Collect(maps.Keys(count)), func(folder string) {
		at, err := run(ctx, b.pool, Configure, start(b.pool.mounts(), folder, false), func(_ context.Context, at Place) (string, error) { return at.Path, nil })
		if err != nil {
			return // a folder in it reports the error
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.parents[folder] = at
	})
}

// routeTo returns the route to a folder.
func (b *batch) routeTo(folder string) route {
	b.mu.Lock()
	defer b.mu.Unlock()
	if parent, known := b.parents[filepath.Dir(folder)]; known {
		return route{done: parent, rest: []string{filepath.Base(folder)}}
	}
	return start(b.pool.mounts(), folder, false)
}

// inFolder is where the paths in one folder lead, and which of them are links.
type inFolder struct {
	found map[string]Place
	links []string
}

// resolveFolder resolves the paths in one folder.
func (b *batch) resolveFolder(ctx context.Context, folder string, paths []string) {
	// The function may still run when run has returned, so it leaves b alone.
	in, err := run(ctx, b.pool, Configure, b.routeTo(folder), func(_ context.Context, at Place) (inFolder, error) {
		in := inFolder{found: make(map[string]Place, len(paths))}
		for _, path := range paths {
			name := filepath.Join(at.Path, filepath.Base(path))
			m, mounted := b.pool.mounts().At(name)
			if !mounted {
				m = at.Mount
				if _, err := readlink(name); err == nil {
					in.links = append(in.links, path)
					continue
				}
			}
			in.found[path] = Place{Path: name, Mount: m}
		}
		return in, nil
	})
	if err != nil {
		return
	}
	b.mu.Lock()
	maps.Copy(b.out, in.found)
	b.mu.Unlock()
	for _, path := range in.links {
		at, err := run(ctx, b.pool, Configure, start(b.pool.mounts(), filepath.Clean(path), false), func(_ context.Context, at Place) (Place, error) { return at, nil })
		if err == nil {
			b.mu.Lock()
			b.out[path] = at
			b.mu.Unlock()
		}
	}
}
