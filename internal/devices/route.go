package devices

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxLinks is the kernel's own bound on links in one path.
const maxLinks = 40

var errLinks = errors.New("too many levels of symbolic links")

// Place is where a path leads once every link has been followed.
type Place struct {
	Path  string // without links, as far as it exists
	Mount Mount
	// Entries are the names that were looked up on the way, when they were asked
	// for. Whoever changes one of them may lead the path elsewhere.
	Entries []Entry
}

// Entry is a name in a folder, whose path has no links.
type Entry struct{ Folder, Name string }

// Resolve follows the links of a path, each within the budget of the device
// that it lies on, and keeps the entries on the way.
func Resolve(ctx context.Context, p *Pool, w Work, path string) (Place, error) {
	return run(ctx, p, w, start(p.mounts(), path, true), func(_ context.Context, at Place) (Place, error) { return at, nil })
}

// route is a path of which a part has been followed.
type route struct {
	done    string   // followed, without links
	rest    []string // to be followed
	links   int
	keep    bool // the entries
	entries []Entry
}

// start begins a route. A mount point holds no links, so that the way begins
// at the nearest one; whoever wants the entries needs those above it as well.
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

// follow goes on as far as the way stays on the device, and reports whether it
// ends there. What does not exist counts as no link: whoever opens the path
// gets the fault.
func (r *route) follow(t *Table, on Mount) (here bool, err error) {
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
			// A mount point is no link, and looking at it would ask the other
			// device.
			r.done, r.rest = part, r.rest[1:]
			return false, nil
		}
		target, err := os.Readlink(part)
		switch {
		case errors.Is(err, syscall.EINVAL): // no link
			r.done, r.rest = part, r.rest[1:]
			continue
		case err != nil: // whatever follows cannot be looked up either
			r.done, r.rest = filepath.Join(append([]string{part}, r.rest[1:]...)...), nil
			if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) && !errors.Is(err, fs.ErrPermission) {
				return true, err
			}
			continue
		}
		if r.links++; r.links > maxLinks {
			return true, errLinks
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
