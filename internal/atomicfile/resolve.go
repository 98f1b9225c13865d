package atomicfile

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is the kernel's own bound on links in one path.
const maxLinks = 40

// place is where a file lies once every link on the way has been followed: an
// open folder and a name in it. All work is done relative to the descriptor,
// so that nobody can lead it elsewhere by renaming a parent or planting a
// link.
type place struct {
	dir    int
	folder string // for messages
	name   string
	st     unix.Stat_t // of the folder
}

func (p place) path() string { return filepath.Join(p.folder, p.name) }

// walk is the state of resolving one path.
type walk struct {
	sys     system
	dir     int
	folder  string
	st      unix.Stat_t
	rest    []string // components still to be walked, the next one last
	links   int
	exposed string // the first folder that another local user could change
}

// resolve walks path component by component. It refuses a link when the folder
// that holds it, or one that was walked on the way to it, could be changed by
// another local user, since that user could turn the write elsewhere. Behind
// the last link, and without one, every folder is fine: the owner of a folder
// decides what lies in it.
func (s system) resolve(ctx context.Context, path string) (place, error) {
	if path == "" {
		return place{}, refuse("open", `""`, "the path is empty")
	}
	if base := path[strings.LastIndexByte(path, '/')+1:]; base == "" || base == "." || base == ".." {
		return place{}, refuse("open", path, "it is a folder (expected the path of a file)")
	}
	w := &walk{sys: s, dir: -1}
	defer func() { s.close(w.dir) }()
	start := "."
	if filepath.IsAbs(path) {
		start = "/"
	}
	if err := w.enter(unix.AT_FDCWD, start, start); err != nil {
		return place{}, err
	}
	w.push(path)
	for {
		if err := ctx.Err(); err != nil {
			return place{}, err
		}
		name, ok := w.pop()
		if !ok {
			return place{}, refuse("open", path, "it is a folder (expected the path of a file)")
		}
		final, err := w.step(name)
		if err != nil {
			return place{}, err
		}
		if final {
			return w.finish(name)
		}
	}
}

func (w *walk) push(path string) {
	parts := strings.Split(path, "/")
	slices.Reverse(parts)
	w.rest = append(w.rest, slices.DeleteFunc(parts, func(p string) bool { return p == "" || p == "." })...)
}

func (w *walk) pop() (string, bool) {
	if len(w.rest) == 0 {
		return "", false
	}
	name := w.rest[len(w.rest)-1]
	w.rest = w.rest[:len(w.rest)-1]
	return name, true
}

// step walks one component: into a folder, along a link, or, reporting true,
// to the file itself.
func (w *walk) step(name string) (final bool, err error) {
	path := filepath.Join(w.folder, name)
	if name == ".." {
		return false, w.enter(w.dir, "..", path)
	}
	last := len(w.rest) == 0
	// A link is read through the descriptor that was judged, so that it cannot
	// be another one by then.
	fd, err := w.sys.open(w.dir, name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if isAny(err, unix.ENOENT) && last {
		return true, nil
	}
	if err != nil {
		return false, w.openFault(path, err)
	}
	defer w.sys.close(fd)
	st, err := w.sys.stat(fd)
	if err != nil {
		return false, fault("open", path, err)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		return false, w.follow(fd, path, &st)
	case unix.S_IFDIR:
		if !last {
			w.judge(&st)
			return false, w.enter(w.dir, name, path)
		}
	}
	if !last {
		return false, refuse("open", path, "it is no folder, though the path goes on below it")
	}
	return true, nil
}

// follow continues at the target of a link.
func (w *walk) follow(fd int, path string, st *unix.Stat_t) error {
	if w.judge(st); w.exposed != "" {
		return exposedFault(path, w.exposed)
	}
	if w.links++; w.links > maxLinks {
		return refuse("open", path, "too many symbolic links, perhaps in a circle")
	}
	target, err := w.sys.link(fd)
	if err != nil {
		return fault("read the symbolic link", path, err)
	}
	w.push(target)
	if filepath.IsAbs(target) {
		return w.enter(unix.AT_FDCWD, "/", "/")
	}
	return nil
}

// enter makes another folder the present one. O_DIRECTORY lets an automounted
// folder appear; O_PATH asks for no more than the permission to search it.
func (w *walk) enter(dir int, name, path string) error {
	fd, err := w.sys.open(dir, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return w.openFault(path, err)
	}
	st, err := w.sys.stat(fd)
	if err != nil {
		w.sys.close(fd)
		return fault("open the folder", path, err)
	}
	w.sys.close(w.dir)
	w.dir, w.folder, w.st = fd, path, st
	return nil
}

// judge notes the present folder when another local user could put something
// else in the place of the entry that is being looked up.
func (w *walk) judge(entry *unix.Stat_t) {
	if w.exposed == "" && w.sys.exposed(w.dir, &w.st, entry) {
		w.exposed = w.folder
	}
}

func (w *walk) finish(name string) (place, error) {
	p := place{dir: w.dir, folder: w.folder, name: name, st: w.st}
	// fsync and flock want a folder opened for reading; where that is not
	// allowed the other one does for all the rest.
	fd, err := w.sys.open(w.dir, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	switch {
	case err == nil:
		p.dir = fd
	case isAny(err, unix.EACCES):
		w.dir = -1
	default:
		return place{}, fault("open the folder", w.folder, err)
	}
	return p, nil
}

func (w *walk) openFault(path string, err error) *Error {
	switch {
	case isAny(err, unix.ENOENT):
		return &Error{Op: "open the folder", Path: path, Kind: Missing, Err: fmt.Errorf("%w (create it, or correct the path)", err)}
	case isAny(err, unix.EACCES):
		return &Error{
			Op: "search the folder", Path: w.folder, Kind: Unwritable,
			Err: fmt.Errorf("%w (allow it to %s)", err, whoWeAre()),
		}
	case isAny(err, unix.ENOTDIR, unix.ELOOP):
		return &Error{
			Op: "open the folder", Path: path, Kind: Conflict,
			Err: errors.New("another program put something else in its place at this moment"),
		}
	}
	return fault("open", path, err)
}

func exposedFault(path, folder string) *Error {
	return refuse("follow the symbolic link", path, fmt.Sprintf(
		"the folder %s could be changed by another local user, who could turn the link elsewhere"+
			" (give the real path, or let only root and %s write in that folder)", folder, whoWeAre()))
}

func whoWeAre() string { return fmt.Sprintf("the user of vigente (uid %d)", unix.Geteuid()) }

// exposed reports whether a user other than root and us could put something
// else in the place of an entry of the folder; entry is nil when there is none
// yet. In a sticky folder only the owner of an entry can.
func (s system) exposed(dir int, st, entry *unix.Stat_t) bool {
	euid := uint32(unix.Geteuid())
	if st.Uid != 0 && st.Uid != euid {
		return true
	}
	if !s.othersWrite(dir, st) {
		return false
	}
	return st.Mode&unix.S_ISVTX == 0 || entry != nil && entry.Uid != 0 && entry.Uid != euid
}

// othersWrite reports whether the permissions of a folder let anybody but its
// owner, root, and root's and our own group write in it.
func (s system) othersWrite(dir int, st *unix.Stat_t) bool {
	if st.Mode&unix.S_IWOTH != 0 {
		return true
	}
	if st.Mode&unix.S_IWGRP == 0 {
		return false
	}
	if acl := s.folderACL(dir); acl != nil {
		return aclWritable(acl, st.Gid)
	}
	return !ourGroup(st.Gid)
}

func ourGroup(gid uint32) bool { return gid == 0 || gid == uint32(unix.Getegid()) }

// folderACL returns the access list of a folder, nil when there is none. With
// a list the group bits of the mode are its mask and say nothing of the group.
func (s system) folderACL(dir int) []byte {
	buf := make([]byte, 4096)
	var n int
	err := s.do("acl", func() (err error) {
		n, err = unix.Getxattr(descriptorPath(dir), aclName, buf)
		return err
	})
	if err != nil || n < 4 {
		return nil
	}
	return buf[:n]
}

// aclWritable reports whether an access list whose mask allows writing lets
// another user or group write. The form is the kernel's: a version, then
// entries of tag, permission and id.
func aclWritable(acl []byte, gid uint32) bool {
	const userTag, ownGroupTag, groupTag, write = 0x02, 0x04, 0x08, 0x02
	for entry := range slices.Chunk(acl[4:], 8) {
		if len(entry) < 8 || binary.LittleEndian.Uint16(entry[2:])&write == 0 {
			continue
		}
		id := binary.LittleEndian.Uint32(entry[4:])
		switch binary.LittleEndian.Uint16(entry) {
		case userTag:
			if id != 0 && id != uint32(unix.Geteuid()) {
				return true
			}
		case ownGroupTag:
			if !ourGroup(gid) {
				return true
			}
		case groupTag:
			if !ourGroup(id) {
				return true
			}
		}
	}
	return false
}
