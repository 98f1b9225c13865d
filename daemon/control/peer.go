package control

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/vigented/vigente/daemon/web"
)

// peer identifies the other end of a connection.
type peer struct {
	trusted bool
	owner   bool // root or the daemon's own user
	known   bool // uid and pid are
	uid     uint32
	pid     int32
}

type peerKey struct{}

// peers adds the peer to the context of each connection. The socket is the file at
// path.
func peers(path string) func(context.Context, net.Conn) context.Context {
	return func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, peerKey{}, identify(conn, path))
	}
}

func peerOf(ctx context.Context) peer {
	p, _ := ctx.Value(peerKey{}).(peer)
	return p
}

// identify determines who the peer is and whether it is trusted. If something
// cannot be determined, it is not.
func identify(conn net.Conn, path string) peer {
	who, ok := ucred(conn)
	if !ok {
		return peer{}
	}
	found := peer{known: true, uid: who.Uid, pid: who.Pid, owner: vouched(who, os.Geteuid())}
	var socket, folder syscall.Stat_t
	if syscall.Lstat(path, &socket) == nil && syscall.Stat(filepath.Dir(path), &folder) == nil {
		found.trusted = admit(who, &socket, &folder)
	}
	return found
}

// ucred returns the peer credentials from the kernel.
func ucred(conn net.Conn) (syscall.Ucred, bool) {
	if inner, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = inner.NetConn()
	}
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return syscall.Ucred{}, false
	}
	raw, err := unix.SyscallConn()
	if err != nil {
		return syscall.Ucred{}, false
	}
	var who *syscall.Ucred
	control := raw.Control(func(fd uintptr) {
		who, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if control != nil || err != nil {
		return syscall.Ucred{}, false
	}
	return *who, true
}

// The classes of connections have separate limits, so that the owner is served
// whatever connections others hold.
const (
	classOwner  = "owner"
	classOthers = "others"
	mostOthers  = 64
)

// bounds limits the connections of each class.
func bounds() web.Bounds {
	return web.Bounds{
		Class: func(conn net.Conn) string {
			if who, ok := ucred(conn); ok && vouched(who, os.Geteuid()) {
				return classOwner
			}
			return classOthers
		},
		Holder: func(conn net.Conn) string {
			who, _ := ucred(conn)
			return strconv.Itoa(int(who.Pid))
		},
		Limit: func(class string) int {
			if class == classOwner {
				return web.ConnectionLimit()
			}
			return min(mostOthers, web.ConnectionLimit())
		},
	}
}

// admit decides whether a peer is trusted at a socket in a folder.
func admit(who syscall.Ucred, socket, folder *syscall.Stat_t) bool {
	if exposed(folder, os.Geteuid(), os.Getegid()) {
		return vouched(who, os.Geteuid())
	}
	return trust(who, os.Geteuid(), socket, groupsOf)
}

// exposed reports whether another user can write to the folder of the socket. That
// user could set the socket's group and access list beforehand, or replace the file,
// so neither can be relied on.
func exposed(folder *syscall.Stat_t, uid, gid int) bool {
	const othersWrite, groupWrites = 0o002, 0o020
	switch {
	case folder.Uid != 0 && int64(folder.Uid) != int64(uid):
		return true
	case folder.Mode&syscall.S_ISVTX != 0:
		return false
	case folder.Mode&othersWrite != 0:
		return true
	}
	return folder.Mode&groupWrites != 0 && folder.Gid != 0 && int64(folder.Gid) != int64(gid)
}

// vouched reports whether the peer's user ID alone makes it trusted.
func vouched(who syscall.Ucred, own int) bool { return who.Uid == 0 || int64(who.Uid) == int64(own) }

// trust decides whether a peer is trusted. If the socket is closed to others, the
// kernel has already checked it, including supplementary groups and access lists:
// only root, its owner and its group could connect. If someone opened the file to
// everybody, the peer's IDs decide.
func trust(who syscall.Ucred, own int, socket *syscall.Stat_t, groups func(pid int32) []uint32) bool {
	if vouched(who, own) || who.Gid == socket.Gid {
		return true
	}
	const othersMayConnect = 0o002
	if socket.Mode&othersMayConnect == 0 {
		return true
	}
	for _, gid := range groups(who.Pid) {
		if gid == socket.Gid {
			return true
		}
	}
	return false
}

// groupsOf returns the supplementary groups of a process, or none if /proc hides
// it.
func groupsOf(pid int32) []uint32 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(int(pid)) + "/status")
	if err != nil {
		return nil
	}
	var groups []uint32
	for line := range strings.Lines(string(text)) {
		list, ok := strings.CutPrefix(line, "Groups:")
		if !ok {
			continue
		}
		for _, field := range strings.Fields(list) {
			if gid, err := strconv.ParseUint(field, 10, 32); err == nil {
				groups = append(groups, uint32(gid))
			}
		}
	}
	return groups
}
