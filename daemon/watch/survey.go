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

// surveyor does the watcher's work on file systems, away from its goroutine and
// within the budgets of the devices.
type surveyor struct {
	disks  *devices.Pool
	work   devices.Work
	events *inotify

	mu    sync.Mutex
	added map[string]watched // by path, so that folders above are added once
	// above holds folders that hold followed ones and that no link leads to: what
	// happens on the way to them is told, so that it is not gone each time.
	above map[string]devices.Place
}

// job is what is to be found out about a folder.
type job struct {
	folder  *folder
	targets []*target // whose links, or whose versions, are looked at
	follow  bool      // the way of the folder is followed again
	poll    bool      // versions matter, and nothing else
	at      time.Time // when it was begun
}

// survey is what was found out.
type survey struct {
	job
	lane   *lane
	lead   lead
	found  []found // as the targets of the job
	failed error   // a file system did not answer
}

// lead is a way with the watches that it needs.
type lead struct {
	path    string
	final   string // the folder that it ends in; empty when that does not exist
	watches []watched
	spots   []devices.Entry
	polled  bool
	limit   error // the system's limit was reached
}

// found is what was found out about one target.
type found struct {
	link  *lead
	one   bool   // mounted by itself
	mark  uint64 // of a file that is no link
	seen  *readfile.Identity
	asked bool
}

// chunk is how many names are looked at by one call.
const chunk = 500

func (s *surveyor) do(ctx context.Context, j job) survey {
	out := survey{job: j, found: make([]found, len(j.targets))}
	polled := j.poll || j.folder.way.polled
	if j.follow {
		out.lead, out.failed = s.lead(ctx, j.folder.path, true)
		polled = out.lead.polled
	}
	for at := 0; at < len(j.targets) && out.failed == nil; at += chunk {
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

// names finds out which targets are links, or mounted by themselves.
func (s *surveyor) names(ctx context.Context, j job, targets []*target, out []found) error {
	_, err := devices.Run(ctx, s.disks, s.work, j.folder.path, func(context.Context) (none struct{}, _ error) {
		found := make([]found, len(targets))
		for i, t := range targets {
			if t.base() == "" {
				continue
			}
			_, found[i].one = s.disks.Mounts().At(t.path)
			if found[i].one {
				found[i].link = &lead{}
				continue
			}
			info, err := os.Lstat(t.path)
			switch {
			case err != nil:
			case info.Mode()&fs.ModeSymlink != 0:
				found[i].link = &lead{}
			default:
				found[i].mark = readfile.IdentityOf(info).Mark(j.at)
			}
		}
		if ctx.Err() == nil {
			copy(out, found)
		}
		return none, nil
	})
	return err
}

// look returns the identity of a target, nil when it cannot be told.
func (s *surveyor) look(ctx context.Context, path string) (*readfile.Identity, error) {
	id, err := devices.Run(ctx, s.disks, s.work, path, func(context.Context) (*readfile.Identity, error) {
		id, err := readfile.Look(path)
		if err != nil {
			return nil, nil //nolint:nilnil,nilerr // what cannot be told is as good as missing
		}
		return &id, nil
	})
	return id, err
}

// lead follows a path and watches the folders on the way. A second walk makes
// sure that nobody changed it before the watches were there.
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
	return lead{path: path, polled: true}, nil // somebody changes it all the time
}

// mostAbove bounds the folders whose ways are kept.
const mostAbove = 1000

// keepAbove keeps the way to the folder that holds another one, when no link is
// on it and each folder on it is watched.
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

// resolve follows a path, from a folder on the way to which is known.
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

// alone watches a file that is mounted by itself.
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

// add watches a folder, unless it is watched for as much already.
func (s *surveyor) add(ctx context.Context, path string, full bool) (watched, error) {
	s.mu.Lock()
	w, known := s.added[path]
	s.mu.Unlock()
	if known && (w.full || !full) {
		return w, nil
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
		s.added[path] = w
		s.mu.Unlock()
	}
	return w, err
}

// forget says that a folder is watched no longer.
func (s *surveyor) forget(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.added, path)
	delete(s.above, path)
}

// forgetBelow says that other folders may lie at these paths and below them: a
// watch goes along with the folder that it was added for.
func (s *surveyor) forgetBelow(paths map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.added, func(path string, _ watched) bool { return below(path, paths) })
	maps.DeleteFunc(s.above, func(path string, _ devices.Place) bool { return below(path, paths) })
}

func hangs(err error) bool {
	_, ok := errors.AsType[*devices.HangingError](err)
	return ok || errors.Is(err, context.Canceled)
}

// remote reports whether a file system may change without telling the kernel of
// this machine. What is not known is taken for one.
func remote(m devices.Mount) bool {
	switch m.Type {
	case "ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "ramfs", "rootfs", "overlay", "f2fs", "zfs", "bcachefs", "jfs",
		"reiserfs", "nilfs2", "vfat", "msdos", "exfat", "ntfs", "ntfs3", "hfsplus", "udf", "iso9660", "squashfs", "erofs",
		"devtmpfs", "minix", "ubifs", "ecryptfs":
		return false
	}
	return true
}

// folderOf returns the folder that a target lies in.
func folderOf(path string) string {
	if folder, ok := strings.CutSuffix(path, "/"); ok && folder != "" {
		return folder
	}
	return filepath.Dir(path)
}
