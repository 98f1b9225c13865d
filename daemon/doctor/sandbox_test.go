package doctor

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/atomicfile"
)

// mountsOfUnit is /proc/self/mountinfo as the unit's sandbox has it, shortened.
const mountsOfUnit = `612 611 0:53 / / ro,relatime shared:1 - overlay vigente-box rw
613 612 0:60 / /run rw,nosuid - tmpfs tmpfs rw
614 612 0:60 /systemd/inaccessible/dir /home ro,nosuid - tmpfs tmpfs rw
615 612 0:60 /host/inaccessible/dir /root ro,nosuid - tmpfs tmpfs rw
616 612 0:53 /tmp/systemd-private-1234-vigente.service-abc/tmp /tmp rw,nosuid - overlay vigente-box rw
617 612 0:53 /srv/shop /srv/shop rw,relatime - overlay vigente-box rw
618 612 0:53 /srv/a\040b /srv/a\040b rw,relatime - overlay vigente-box rw
619 617 0:60 /systemd/inaccessible/dir /srv/shop/closed ro - tmpfs tmpfs rw
620 612 0:60 /systemd/inaccessible/dir /srv/covered ro - tmpfs tmpfs rw
621 612 0:53 /srv/other /srv/covered rw - overlay vigente-box rw
`

func TestLinesForMounts(t *testing.T) {
	s := sandbox{euid: 990, egid: 990, mounts: readMounts(mountsOfUnit)}
	for _, c := range []struct {
		path    string
		lines   []string
		private bool
	}{
		{"/totvs/bin/appserver.ini", []string{"ReadWritePaths=/totvs/bin"}, false},
		{"/srv/shop/token", nil, false},
		{"/srv/shopping/token", []string{"ReadWritePaths=/srv/shopping"}, false},
		{"/srv/a b/token", nil, false},
		{"/srv/covered/token", nil, false}, // the later mount counts
		{"/home/ana/token", []string{"ProtectHome=no", "ReadWritePaths=/home/ana"}, false},
		{"/root/token", []string{"ProtectHome=no", "ReadWritePaths=/root"}, false},
		{"/tmp/shop/token", []string{"PrivateTmp=no", "ReadWritePaths=/tmp/shop"}, true},
	} {
		if got := s.linesFor(c.path, "", "", unix.ENOENT); !slices.Equal(got, c.lines) {
			t.Errorf("%s needs %q, expected %q", c.path, got, c.lines)
		}
		if got := s.private(c.path); got != c.private {
			t.Errorf("%s is private: %t", c.path, got)
		}
	}
	if line, hidden := s.hidden("/srv/shop/closed/token"); line != "" || !hidden {
		t.Errorf("InaccessiblePaths=: %q, %t", line, hidden)
	}
	if lines := (sandbox{mounts: readMounts("1 0 0:1 / / rw - ext4 x rw\n")}).linesFor("/nowhere/x", "", "", unix.ENOENT); lines != nil {
		t.Errorf("without a sandbox: %q", lines)
	}
}

// TestReadOnlyMounts tells a file system that nobody may write from one that only
// the unit closes.
func TestReadOnlyMounts(t *testing.T) {
	unit := sandbox{mounts: readMounts(mountsOfUnit + "622 612 0:70 / /mnt/fixed ro - nfs server:/x ro\n623 612 0:71 / /mnt/open ro - nfs server:/y rw\n")}
	plain := sandbox{mounts: readMounts("1 0 0:1 / / rw - ext4 x rw\n2 1 0:2 / /mnt ro - ext4 y rw\n")}
	for _, c := range []struct {
		s    sandbox
		path string
		want bool
	}{
		{unit, "/mnt/fixed/f", true},
		{unit, "/mnt/open/f", false},
		{unit, "/totvs/f", false},
		{unit, "/home/ana/f", false},
		{plain, "/mnt/f", true},
		{plain, "/srv/f", false},
	} {
		if _, got := c.s.unwritable(c.path); got != c.want {
			t.Errorf("%s: got %t, want %t", c.path, got, c.want)
		}
		if lines := c.s.linesFor(c.path+"/x", "", "", unix.EROFS); c.want && lines != nil {
			t.Errorf("%s: got the lines %q for a mount that no unit changes", c.path, lines)
		}
	}
}

// TestLinesForOwners checks a folder of the test's user as another user.
func TestLinesForOwners(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "token")
	own, other := os.Getuid(), os.Getuid()+1
	gid := os.Getgid()
	group := strconv.Itoa(gid)
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	join := []string{"SupplementaryGroups=" + group}
	for _, c := range []struct {
		name         string
		mode         os.FileMode
		s            sandbox
		owner, group string
		want         []string
	}{
		{"own folder", 0o700, sandbox{euid: own, egid: gid}, "", "", nil},
		{"a folder of the group", 0o770, sandbox{euid: other, egid: gid + 1}, "", "", join},
		{"in the group already", 0o770, sandbox{euid: other, egid: gid + 1, groups: []int{gid}}, "", "", nil},
		{"a folder that its group may only read", 0o750, sandbox{euid: other, egid: gid + 1}, "", "", nil},
		{"a folder for everybody", 0o777, sandbox{euid: other, egid: gid + 1}, "", "", nil},
		{"above all permissions", 0o770, sandbox{euid: other, egid: gid + 1, caps: 1 << unix.CAP_DAC_OVERRIDE}, "", "", nil},
		{"a file for a group", 0o700, sandbox{euid: own, egid: gid + 1}, "", group, join},
		{"a file for a group, with the right", 0o700, sandbox{euid: own, egid: gid + 1, caps: 1 << unix.CAP_CHOWN}, "", group, nil},
		{"a file for another user", 0o770, sandbox{euid: other, egid: gid + 1}, strconv.Itoa(own), "", chownLines},
		{"a file for oneself", 0o700, sandbox{euid: own, egid: gid}, strconv.Itoa(own), "", nil},
	} {
		if err := os.Chmod(dir, c.mode); err != nil { //nolint:gosec // the subject of the test
			t.Fatal(err)
		}
		if got := c.s.linesFor(path, c.owner, c.group, unix.EACCES); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, expected %q", c.name, got, c.want)
		}
	}
	if err := os.Chmod(dir, 0o710); err != nil { //nolint:gosec // the subject of the test
		t.Fatal(err)
	}
	inner := filepath.Join(dir, "inner", "token")
	err := &atomicfile.Error{Op: "open", Path: filepath.Join(dir, "inner"), Err: unix.EACCES}
	if got := (sandbox{euid: other, egid: gid + 1}).linesFor(inner, "", "", err); !slices.Equal(got, join) {
		t.Errorf("a folder on the way that only its group may enter: %q", got)
	}
}

func TestHookTrouble(t *testing.T) {
	in := sandbox{noNewPrivs: true, noExecMemory: true}
	for _, c := range []struct {
		program string
		mode    os.FileMode
		trouble bool
		line    string
	}{
		{"/usr/bin/systemctl", 0o755, false, ""},
		{"/usr/bin/sudo", 0o755 | os.ModeSetuid, true, ""},
		{"/usr/bin/java", 0o755, true, "MemoryDenyWriteExecute=no"},
		{"/opt/javac/run", 0o755, false, ""},
	} {
		trouble, line := in.hookTrouble(c.program, c.mode)
		if (trouble != "") != c.trouble || line != c.line {
			t.Errorf("%s: %q, %q", c.program, trouble, line)
		}
		if trouble, _ := (sandbox{}).hookTrouble(c.program, c.mode); trouble != "" {
			t.Errorf("%s without a sandbox: %q", c.program, trouble)
		}
	}
}

func TestReadSandbox(t *testing.T) {
	s := readSandbox()
	if s.euid != os.Geteuid() || len(s.mounts) == 0 || s.at("/").point != "/" {
		t.Errorf("this process is seen as %+v", s)
	}
	if os.Geteuid() == 0 != s.can(unix.CAP_CHOWN) {
		t.Errorf("root's capabilities are %x", s.caps)
	}
}
