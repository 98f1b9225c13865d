package control

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// peer is who is at the other end of a connection.
type peer struct{ trusted bool }

type peerKey struct{}

// peers notes on each connection's context who is at its other end. The socket
// is the file at path.
func peers(path string) func(context.Context, net.Conn) context.Context {
	return func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, peerKey{}, peer{trusted: identify(conn, path)})
	}
}

func peerOf(ctx context.Context) peer {
	p, _ := ctx.Value(peerKey{}).(peer)
	return p
}

// identify reports whether the peer may do more than look. What cannot be
// found out counts against it.
func identify(conn net.Conn, path string) bool {
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return false
	}
	raw, err := unix.SyscallConn()
	if err != nil {
		return false
	}
	var who *syscall.Ucred
	control := raw.Control(func(fd uintptr) {
		who, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if control != nil || err != nil {
		return false
	}
	var socket syscall.Stat_t
	if syscall.Stat(path, &socket) != nil {
		return false
	}
	return trust(*who, os.Geteuid(), &socket, groupsOf)
}

// trust decides about a peer. A socket that is closed to others has been
// checked by the kernel, supplementary groups and access lists included: only
// root, its owner and its group could connect. If someone opened the file to
// everybody, the peer's own numbers decide.
func trust(who syscall.Ucred, own int, socket *syscall.Stat_t, groups func(pid int32) []uint32) bool {
	if who.Uid == 0 || int64(who.Uid) == int64(own) || who.Gid == socket.Gid {
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

// groupsOf returns the supplementary groups of a process, none when the kernel
// hides it from us.
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
