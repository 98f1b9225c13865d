package control

import (
	"encoding/json"
	"errors"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/zap"

	"github.com/vigented/vigente/internal/needs"
)

func TestTrust(t *testing.T) {
	const owner, group, member, stranger = 100, 200, 1000, 1001
	closed := &syscall.Stat_t{Gid: group, Mode: syscall.S_IFSOCK | 0o660}
	open := &syscall.Stat_t{Gid: group, Mode: syscall.S_IFSOCK | 0o666}
	groups := func(pid int32) []uint32 {
		if pid == member {
			return []uint32{7, group}
		}
		return []uint32{7}
	}
	tests := []struct {
		name   string
		who    syscall.Ucred
		socket *syscall.Stat_t
		want   bool
	}{
		{"root", syscall.Ucred{Uid: 0, Gid: 9}, open, true},
		{"the daemon's user", syscall.Ucred{Uid: owner, Gid: 9}, open, true},
		{"the group by its first group", syscall.Ucred{Uid: stranger, Gid: group}, open, true},
		{"the group by another group", syscall.Ucred{Uid: stranger, Gid: 9, Pid: member}, open, true},
		{"a stranger", syscall.Ucred{Uid: stranger, Gid: 9, Pid: stranger}, open, false},
		{"a peer that the kernel let through", syscall.Ucred{Uid: stranger, Gid: 9, Pid: stranger}, closed, true},
		{"a member whose process is hidden", syscall.Ucred{Uid: stranger, Gid: 9, Pid: member + 1}, open, false},
	}
	for _, tt := range tests {
		if got := trust(tt.who, owner, tt.socket, groups); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestGroupsOf(t *testing.T) {
	own, err := os.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, gid := range groupsOf(int32(os.Getpid())) {
		got = append(got, int(gid))
	}
	slices.Sort(own)
	slices.Sort(got)
	if !slices.Equal(got, own) {
		t.Errorf("groups %v, want %v", got, own)
	}
	if got := groupsOf(1 << 30); got != nil {
		t.Errorf("a process that is not there has the groups %v", got)
	}
}

func TestIdentify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if !identify(conn, path).trusted {
		t.Error("we are not trusted by ourselves")
	}
	if identify(conn, path+"-gone").trusted {
		t.Error("trusted though the socket cannot be looked at")
	}
	_ = conn.Close()
	if identify(conn, path).trusted {
		t.Error("trusted though the connection is gone")
	}
	pipe, other := net.Pipe()
	defer pipe.Close()
	defer other.Close()
	if identify(pipe, path).trusted {
		t.Error("trusted without credentials")
	}
}

// TestStrangersMayOnlyLook asks as a peer that nobody vouches for.
func TestStrangersMayOnlyLook(t *testing.T) {
	backend := &fakeBackend{view: fleet()}
	h := newHandler(backend, zap.NewNop())
	for _, path := range []string{pathRenew, pathReload, pathShow, pathSign, pathPause, pathResume, pathForget, pathInvite, pathRedeem, pathImport} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(`{"name":"loja","names":["loja"]}`)))
		var p Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 403 || p.Code != CodeDenied {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if backend.asked != "" || backend.renewed != nil {
		t.Errorf("the backend was asked: %s %v", backend.asked, backend.renewed)
	}
	for _, r := range [][2]string{{"GET", pathView}, {"POST", pathWait}} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(r[0], r[1], strings.NewReader(`{"names":["loja"]}`)))
		if w.Code != 200 {
			t.Errorf("%s: %d %s", r[1], w.Code, w.Body)
		}
	}
}

// TestExposed: in a folder that another user rules over, the socket's group,
// access list and mode may all be that one's doing.
func TestExposed(t *testing.T) {
	const us, ours, another = 100, 200, 1000
	tests := []struct {
		name   string
		folder syscall.Stat_t
		want   bool
	}{
		{"ours", syscall.Stat_t{Uid: us, Gid: ours, Mode: 0o755}, false},
		{"root's", syscall.Stat_t{Gid: ours, Mode: 0o755}, false},
		{"ours, with our group", syscall.Stat_t{Uid: us, Gid: ours, Mode: 0o775}, false},
		{"ours, with root's group", syscall.Stat_t{Uid: us, Mode: 0o775}, false},
		{"ours, with another group", syscall.Stat_t{Uid: us, Gid: another, Mode: 0o775}, true},
		{"ours, open to all", syscall.Stat_t{Uid: us, Gid: ours, Mode: 0o777}, true},
		{"root's, open to all, sticky", syscall.Stat_t{Mode: 0o777 | syscall.S_ISVTX}, false},
		{"another's", syscall.Stat_t{Uid: another, Gid: ours, Mode: 0o755}, true},
		{"another's, sticky", syscall.Stat_t{Uid: another, Mode: 0o755 | syscall.S_ISVTX}, true},
	}
	for _, tt := range tests {
		if got := exposed(&tt.folder, us, ours); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// TestFolderOfAnotherVouchesForNobody: the group and the mode of the file do
// not count there.
func TestFolderOfAnotherVouchesForNobody(t *testing.T) {
	needs.Root(t)
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if err := errors.Join(os.Chown(path, 0, 4321), os.Chmod(path, 0o660)); err != nil {
		t.Fatal(err)
	}
	for owner, want := range map[int]bool{0: true, 4321: false} {
		if err := os.Chown(dir, owner, owner); err != nil {
			t.Fatal(err)
		}
		var socket, folder syscall.Stat_t
		if err := errors.Join(syscall.Lstat(path, &socket), syscall.Stat(dir, &folder)); err != nil {
			t.Fatal(err)
		}
		member := syscall.Ucred{Uid: 4321, Gid: 4321}
		if got := admit(member, &socket, &folder); got != want {
			t.Errorf("in a folder of %d a member of the group is trusted: %v", owner, got)
		}
		if !admit(syscall.Ucred{Uid: 0, Gid: 9}, &socket, &folder) {
			t.Errorf("in a folder of %d root is refused", owner)
		}
	}
}
