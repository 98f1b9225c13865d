package watch

import (
	"cmp"
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
	"time"

	"github.com/vigented/vigente/internal/devices"
	"github.com/vigented/vigente/internal/readfile"
)

// surveyor does the watcher's file system calls, outside the watcher's goroutine and
// within the limits of the devices.
type surveyor struct {
	disks  *devices.Pool
	work   devices.Work
	events *inotify

	mu    sync.Mutex
	added map[string]added // by path, so that shared parents are added once
	// above caches the resolved parents of followed folders that no link leads to.
	// Events report any change on the way to them.
	above map[string]devices.Place
}

// added is a watch of a folder.
type added struct {
	wd   int32
	full bool
}

// job says what to find out about a folder.
type job struct {
	folder  *folder
	targets []*target // whose links or versions are checked
	follow  bool      // follow the way of the folder again
	poll    bool      // only check versions
	at      time.Time // when it began
}

// survey is the result of a job.
type survey struct {
	job
	lane   *lane
	lead   lead
	found  []found // in the order of the job's targets
	failed error   // a file system did not answer
}

// lead is a way with its watches.
type lead struct {
	path    string
	final   string // the folder at its end; empty if it does not exist
	watches []watched
	spots   []devices.Entry
	polled  bool
	limit   error // the system's limit of watches was reached
}

// found is the result for one target.
type found struct {
	link  *lead
	one   bool   // it is a mount point
	mark  uint64 // of a file that is not a link
	seen  *readfile.Identity
	asked bool
}

// chunk is how many names one call checks.
const chunk = 500

func (s *surveyor) do(ctx context.Context, j job) survey {
	out := survey{job: j, found: make([]found, len(j.targets))}
	polled := j.poll || j.folder.way.polled
	named := 0 // targets whose names were looked at
	if j.follow {
		l, found, err := s.near(ctx, j)
		switch {
		case err == nil:
			out.lead, named = l, copy(out.found, found)
		case hangs(err):
			out.failed = err
		default:
			out.lead, out.failed = s.lead(ctx, j.folder.path, true)
		}
		polled = out.lead.polled
	}
	for at := named; at < len(j.targets) && out.failed == nil; at += chunk {
		out.failed = s.names(ctx, j, j.targets[at:min(at+chunk, len(j.targets))], out.found[at:])
	}
	for i, t := range j.targets {
		f := &out.found[i]
		if f.link != nil && out.failed == nil && !j.poll {
			if *f.link, out.failed = s.lead(ctx, t.path, false); f.one {
				s.alone(ctx, f.link)
			}
		}
		if (polled || f.link != nil && f.link.polled) && out.failed == nil {
			f.seen, out.failed = s.look(ctx, t.path)
			f.asked = true
		}
	}
	return out
}

// names finds out which targets are links or mount points.
func (s *surveyor) names(ctx context.Context, j job, targets []*target, out []found) error {
	found, err := devices.Run(ctx, s.disks, s.work, j.folder.path, func(context.Context) ([]found, error) {
		return s.lookAt(targets, j.at), nil
	})
	copy(out, found)
	return err
}

// lookAt is names on the device's own thread.
func (s *surveyor) lookAt(targets []*target, at time.Time) []found {
	out := make([]found, len(targets))
	for i, t := range targets {
		if t.base() == "" {
			continue
		}
		_, out[i].one = s.disks.Mounts().At(t.path)
		if out[i].one {
			out[i].link = &lead{}
			continue
		}
		info, err := os.Lstat(t.path)
		switch {
		case err != nil:
		case info.Mode()&fs.ModeSymlink != 0:
			out[i].link = &lead{}
		default:
			out[i].mark = readfile.IdentityOf(info).Mark(at)
		}
	}
	return out
}

// look returns the identity of a target, or nil if it cannot be read.
func (s *surveyor) look(ctx context.Context, path string) (*readfile.Identity, error) {
	id, err := devices.Run(ctx, s.disks, s.work, path, func(context.Context) (*readfile.Identity, error) {
		id, err := readfile.Look(path)
		if err != nil {
			return nil, nil //nolint:nilnil,nilerr // an unreadable target counts as missing
		}
		return &id, nil
	})
	return id, err
}

// lead follows a path and watches the folders on the way. A second walk makes sure
// that nothing changed before the watches were in place.
func (s *surveyor) lead(ctx context.Context, path string, folder bool) (lead, error) {
	for range 3 {
		at, err := s.resolve(ctx, path)
		if hangs(err) {
			return lead{}, err
		}
		l, err := s.watch(ctx, path, at, folder)
		if err != nil {
			return lead{}, err
		}
		again, err := s.resolve(ctx, path)
		if hangs(err) {
			return lead{}, err
		}
		if again.Path == at.Path && len(again.Entries) == len(at.Entries) {
			s.keepAbove(path, again, l)
			return l, nil
		}
	}
	return lead{path: path, polled: true}, nil // it keeps changing
}

// mostAbove limits the number of cached parents.
const mostAbove = 1000

// keepAbove caches the parent of a folder if no link is on the way to it and every
// folder on the way is watched.
func (s *surveyor) keepAbove(path string, at devices.Place, l lead) {
	n := len(at.Entries)
	if at.Path != path || n == 0 || l.polled || l.limit != nil || l.final == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.above) >= mostAbove {
		clear(s.above)
	}
	folder := filepath.Dir(path)
	s.above[folder] = devices.Place{Path: folder, Entries: at.Entries[: n-1 : n-1]}
}

// resolve follows a path, starting at a cached parent if there is one.
func (s *surveyor) resolve(ctx context.Context, path string) (devices.Place, error) {
	folder, name := filepath.Split(path)
	s.mu.Lock()
	above, known := s.above[filepath.Clean(folder)]
	s.mu.Unlock()
	if !known || name == "" {
		return devices.Resolve(ctx, s.disks, s.work, path)
	}
	return devices.ResolveIn(ctx, s.disks, s.work, above, name)
}

// watch adds the watches that a way needs.
func (s *surveyor) watch(ctx context.Context, path string, at devices.Place, folder bool) (lead, error) {
	l := lead{path: at.Path, final: at.Path, polled: remote(at.Mount)}
	if !folder {
		l.final = filepath.Dir(at.Path)
	}
	var dirs []string
	for _, e := range at.Entries {
		dirs = append(dirs, e.Folder)
		l.polled = l.polled || remote(s.disks.Mounts().Of(e.Folder))
	}
	slices.SortFunc(dirs, func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	dirs = slices.Compact(dirs)
	for _, dir := range append(dirs, l.final) {
		w, err := s.add(ctx, dir, dir == l.final)
		switch {
		case hangs(err) || ctx.Err() != nil:
			return l, errors.Join(err, ctx.Err())
		case err == nil:
			l.watches = append(l.watches, w)
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
			if dir == l.final {
				l.final = ""
			}
		default:
			l.polled = true
			if errors.Is(err, syscall.ENOSPC) || errors.Is(err, errNoEvents) {
				l.limit = err
			}
			if dir == l.final {
				l.final = ""
			}
		}
	}
	if at.Path != path || l.final == "" || !folder {
		l.spots = at.Entries
	}
	return l, nil
}

// alone watches a file that is a mount point.
func (s *surveyor) alone(ctx context.Context, l *lead) {
	w, err := devices.Run(ctx, s.disks, s.work, l.path, func(context.Context) (watched, error) {
		wd, err := s.events.add(l.path, oneFile)
		return watched{l.path, wd, true}, err
	})
	if err != nil {
		l.polled = true
		return
	}
	l.watches, l.final = append(l.watches, w), l.path
}

// add watches a folder, unless it already has these events.
func (s *surveyor) add(ctx context.Context, path string, full bool) (watched, error) {
	s.mu.Lock()
	was, known := s.added[path]
	s.mu.Unlock()
	if known && (was.full || !full) {
		return watched{path, was.wd, was.full}, nil
	}
	mask := uint32(structure)
	if full {
		mask = contents
	}
	w, err := devices.Run(ctx, s.disks, s.work, path, func(context.Context) (watched, error) {
		wd, err := s.events.add(path, mask)
		return watched{path, wd, full}, err
	})
	if err == nil {
		s.mu.Lock()
		s.added[path] = added{w.wd, w.full}
		s.mu.Unlock()
	}
	return w, err
}

// forget records that a folder is no longer watched.
func (s *surveyor) forget(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.added, path)
	delete(s.above, path)
}

// forgetBelow drops what is known of these paths and those below them, where other
// folders may be now: a watch moves along with its folder.
func (s *surveyor) forgetBelow(paths map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.added, func(path string, _ added) bool { return below(path, paths) })
	maps.DeleteFunc(s.above, func(path string, _ devices.Place) bool { return below(path, paths) })
}

func hangs(err error) bool {
	_, ok := errors.AsType[*devices.HangingError](err)
	return ok || errors.Is(err, context.Canceled)
}

// remote reports whether a file system may change without events on this machine. An
// unknown one counts as remote.
func remote(m devices.Mount) bool {
	switch m.Type {
	case "ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "ramfs", "rootfs", "overlay", "f2fs", "zfs", "bcachefs", "jfs",
		"reiserfs", "nilfs2", "vfat", "msdos", "exfat", "ntfs", "ntfs3", "hfsplus", "udf", "iso9660", "squashfs", "erofs",
		"devtmpfs", "minix", "ubifs", "ecryptfs":
		return false
	}
	return true
}

// folderOf returns the folder that contains a target.
func folderOf(path string) string {
	if folder, ok := strings.CutSuffix(path, "/"); ok && folder != "" {
		return folder
	}
	return filepath.Dir(path)
}
