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

// maxLinks is the kernel's limit for links in one path.
const maxLinks = 40

// location is where a file lies once every link has been followed: an open
// folder and a name in it. All work is relative to the descriptor, so nobody
// can redirect it by renaming a parent or planting a link.
type location struct {
	dir    int
	folder string // for messages
	name   string
	st     unix.Stat_t // of the folder
	// opened numbers the folders that were opened for reading, in their order; zero
	// if this one could not be.
	opened uint64
}

func (p location) path() string { return filepath.Join(p.folder, p.name) }

// walk is the state of resolving one path.
type walk struct {
	sys     system
	dir     int
	folder  string
	st      unix.Stat_t
	rest    []string // components not walked yet, the next one last
	links   int
	exposed string // the first folder that another local user could change
}

// resolve walks path component by component. It refuses a link if another local
// user could change the folder that contains it, or any folder walked
// before, because that user could redirect the write. Without a link, and after
// the last one, any folder is fine: its owner decides what it contains.
func (s system) resolve(ctx context.Context, path string) (location, error) {
	if path == "" {
		return location{}, refuse("open", `""`, "the path is empty")
	}
	if base := path[strings.LastIndexByte(path, '/')+1:]; base == "" || base == "." || base == ".." {
		return location{}, refuse("open", path, "it is a folder (expected the path of a file)")
	}
	if err := ctx.Err(); err != nil {
		return location{}, err
	}
	if p, ok := s.direct(path); ok {
		return p, nil
	}
	w := &walk{sys: s, dir: -1}
	defer func() { s.close(w.dir) }()
	start := "."
	if filepath.IsAbs(path) {
		start = "/"
	}
	if err := w.enter(unix.AT_FDCWD, start, start); err != nil {
		return location{}, err
	}
	w.push(path)
	for {
		if err := ctx.Err(); err != nil {
			return location{}, err
		}
		name, ok := w.pop()
		if !ok {
			return location{}, refuse("open", path, "it is a folder (expected the path of a file)")
		}
		final, err := w.step(name)
		if err != nil {
			return location{}, err
		}
		if final {
			return w.finish(name)
		}
	}
}

// direct resolves a path without links, the usual case, with a few system calls
// instead of several for each component. If there is a link, or anything else in the
// way, the walk decides and explains.
func (s system) direct(path string) (location, bool) {
	folder, name := filepath.Split(path)
	if folder == "" {
		folder = "."
	}
	p := location{dir: -1, folder: filepath.Clean(folder), name: name, opened: openings.Add(1)}
	var entry unix.Stat_t
	var missing error
	err := s.do("direct", func() (err error) {
		if p.dir, err = openWithoutLinks(folder); err != nil {
			return err
		}
		missing = unix.Fstatat(p.dir, name, &entry, unix.AT_SYMLINK_NOFOLLOW)
		return unix.Fstat(p.dir, &p.st)
	})
	if err == nil && (isAny(missing, unix.ENOENT) || missing == nil && entry.Mode&unix.S_IFMT != unix.S_IFLNK) {
		return p, true
	}
	s.close(p.dir)
	return location{}, false
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

// step walks one component: it enters a folder, follows a link, or reports
// true for the file itself.
func (w *walk) step(name string) (final bool, err error) {
	path := filepath.Join(w.folder, name)
	if name == ".." {
		return false, w.enter(w.dir, "..", path)
	}
	last := len(w.rest) == 0
	// The link is read through the descriptor that was checked, so it cannot
	// have been swapped.
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
			w.noteExposed(&st)
			return false, w.enter(w.dir, name, path)
		}
	}
	if !last {
		return false, refuse("open", path, "it is not a folder, but the path continues below it")
	}
	return true, nil
}

// follow continues at the target of a link.
func (w *walk) follow(fd int, path string, st *unix.Stat_t) error {
	if w.noteExposed(st); w.exposed != "" {
		return exposedFault(path, w.exposed)
	}
	if w.links++; w.links > maxLinks {
		return refuse("open", path, "too many symbolic links (is there a loop?)")
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

// enter makes another folder the current one. O_DIRECTORY triggers an
// automount; O_PATH needs only the permission to search it.
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

// noteExposed records the current folder if another local user could replace the
// entry being looked up.
func (w *walk) noteExposed(entry *unix.Stat_t) {
	if w.exposed == "" && w.sys.exposed(w.dir, &w.st, entry) {
		w.exposed = w.folder
	}
}

func (w *walk) finish(name string) (location, error) {
	p := location{dir: w.dir, folder: w.folder, name: name, st: w.st}
	// fsync and flock need a folder opened for reading. Where that is not
	// permitted, the O_PATH descriptor serves for everything else.
	opened := openings.Add(1)
	fd, err := w.sys.open(w.dir, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	switch {
	case err == nil:
		p.dir, p.opened = fd, opened
	case isAny(err, unix.EACCES):
		w.dir = -1
	default:
		return location{}, fault("open the folder", w.folder, err)
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
			Err: fmt.Errorf("%w (give %s permission)", err, whoWeAre()),
		}
	case isAny(err, unix.ENOTDIR, unix.ELOOP):
		return &Error{
			Op: "open the folder", Path: path, Kind: Conflict,
			Err: errors.New("another program has just replaced it"),
		}
	}
	return fault("open", path, err)
}

func exposedFault(path, folder string) *Error {
	return refuse("follow the symbolic link", path, fmt.Sprintf(
		"the folder %s can be changed by another local user, who could redirect the link"+
			" (configure the real path, or make that folder writable only by root and %s)", folder, whoWeAre()))
}

func whoWeAre() string { return fmt.Sprintf("the user of vigente (uid %d)", unix.Geteuid()) }

// exposed reports whether a user other than root and us could replace an entry
// of the folder; entry is nil if it does not exist yet. In a sticky
// folder only the owner of an entry can.
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

// othersWrite reports whether the folder's permissions allow writing by
// anyone other than its owner, root, root's group and our group.
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

// folderACL returns the ACL of a folder, or nil if it has none. With an ACL,
// the group bits of the mode are its mask and say nothing about the group.
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

// aclWritable reports whether an ACL whose mask allows writing lets another
// user or group write. It is in the kernel's format: a version, then entries of
// tag, permission and ID.
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
