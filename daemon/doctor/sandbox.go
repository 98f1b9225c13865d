package doctor

import (
	"context"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/atomicfile"
	"github.com/vigented/vigente/internal/getent"
	"github.com/vigented/vigente/internal/realpath"
)

// sandbox describes the restrictions of this process that a drop-in of its unit can
// change.
type sandbox struct {
	euid, egid   int
	groups       []int
	caps         uint64 // effective capabilities, one bit each
	noNewPrivs   bool   // set-user-id programs gain nothing
	noExecMemory bool   // memory must not be writable and executable
	mounts       []mount
}

// mount is a line of mountinfo (proc_pid_mountinfo(5)).
type mount struct {
	root, point string
	readOnly    bool // this mount
	fixed       bool // the file system itself is read-only
}

// readSandbox reads the restrictions of this process.
func readSandbox() sandbox {
	s := sandbox{euid: os.Geteuid(), egid: os.Getegid()}
	s.groups, _ = os.Getgroups()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) == nil {
		s.caps = uint64(data[0].Effective) | uint64(data[1].Effective)<<32
	}
	nnp, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	s.noNewPrivs = err == nil && nnp == 1
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
	s.noExecMemory = err != nil
	if err == nil {
		_ = unix.Munmap(page)
	}
	if text, err := os.ReadFile("/proc/self/mountinfo"); err == nil {
		s.mounts = readMounts(string(text))
	}
	return s
}

func readMounts(text string) []mount {
	var all []mount
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 6 {
			continue
		}
		m := mount{root: unescape.Replace(f[3]), point: unescape.Replace(f[4]), readOnly: slices.Contains(strings.Split(f[5], ","), "ro")}
		if i := slices.Index(f, "-"); i >= 0 && i+3 < len(f) {
			m.fixed = slices.Contains(strings.Split(f[i+3], ","), "ro")
		}
		all = append(all, m)
	}
	return all
}

// at returns the mount of a path. Of two mounts at the same point, the later one
// covers the other.
func (s sandbox) at(path string) mount {
	var best mount
	for _, m := range s.mounts {
		if below(path, m.point) && len(m.point) >= len(best.point) {
			best = m
		}
	}
	return best
}

// unwritable returns the mount point of a path on a read-only file system, which no
// line of a unit can change. The sandbox itself makes all mounts read-only,
// including the root's, on file systems that are writable.
func (s sandbox) unwritable(path string) (point string, yes bool) {
	m := s.at(path)
	if _, hidden := s.hidden(path); hidden || m.point == "" {
		return "", false
	}
	ofSystem := m.point == "/" || slices.Contains([]string{"/usr", "/boot", "/efi", "/etc"}, m.point)
	return m.point, m.fixed || m.readOnly && !ofSystem && !s.at("/").readOnly
}

// below reports whether a path is a folder or is inside it.
func below(path, folder string) bool {
	return path == folder || folder == "/" || strings.HasPrefix(path, folder+"/")
}

// hidden reports whether the unit hides a path, and returns the line that reveals
// it.
func (s sandbox) hidden(path string) (line string, hidden bool) {
	m := s.at(path)
	// The folder that systemd mounts over it; containers use another one.
	covered := strings.HasSuffix(m.root, "/inaccessible/dir") || strings.HasSuffix(m.root, "/inaccessible/reg")
	for _, home := range []string{"/home", "/root", "/run/user"} {
		if m.point == home && (covered || m.root == "/" && m.readOnly) {
			return "ProtectHome=no", true
		}
	}
	return "", covered
}

// private reports whether a path is in a private /tmp or /var/tmp of this service.
func (s sandbox) private(path string) bool {
	m := s.at(path)
	return (m.point == "/tmp" || m.point == "/var/tmp") && strings.Contains(m.root, "/systemd-private-")
}

// linesFor returns the lines that the unit needs to write a file. Because one
// obstacle hides others, it also checks the configured owner and group of the file
// and the permissions of its folder.
func (s sandbox) linesFor(path, owner, group string, err error) []string {
	folder := filepath.Dir(realpath.Of(path))
	var lines []string
	add := func(more ...string) {
		for _, line := range more {
			if line != "" && !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	if line, hidden := s.hidden(folder); hidden {
		add(line, "ReadWritePaths="+folder)
	} else if _, yes := s.unwritable(folder); yes {
		return nil // no line of a unit helps
	} else if errors.Is(err, unix.EROFS) || s.at(folder).readOnly || readOnly(folder) {
		add("ReadWritePaths=" + folder)
	}
	if s.private(folder) {
		add("PrivateTmp=no", "ReadWritePaths="+folder)
	}
	if !s.mayOwn(owner) {
		add(chownLines...)
		return lines // with these, groups and permissions no longer matter
	}
	if group != "" && !s.inGroup(lookUpGroup(group)) && !s.can(unix.CAP_CHOWN) {
		add("SupplementaryGroups=" + group)
	}
	var st unix.Stat_t
	if unix.Stat(folder, &st) == nil {
		add(s.admission(&st, 0o3))
	}
	// A folder on the path that cannot be entered.
	if e, ok := errors.AsType[*atomicfile.Error](err); ok && errors.Is(err, unix.EACCES) && unix.Stat(filepath.Dir(e.Path), &st) == nil {
		add(s.admission(&st, 0o1))
	}
	return lines
}

// chownLines let the service change owners; examples/chown.conf tells the cost.
var chownLines = []string{
	"CapabilityBoundingSet=CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE",
	"AmbientCapabilities=CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE",
}

func (s sandbox) can(capability int) bool { return s.caps&(1<<capability) != 0 }

func (s sandbox) inGroup(gid int) bool { return gid == s.egid || slices.Contains(s.groups, gid) }

// mayOwn reports whether files may be given to a user.
func (s sandbox) mayOwn(owner string) bool {
	if owner == "" || s.can(unix.CAP_CHOWN) {
		return true
	}
	uid, err := getent.UserID(context.Background(), owner)
	return err == nil && uid == s.euid
}

// admission returns the line that gives the service access to a folder through its
// group. It is empty if that is not needed or would not help.
func (s sandbox) admission(st *unix.Stat_t, want uint32) string {
	gid := int(st.Gid)
	byGroup := st.Mode>>3&want == want
	byOthers := st.Mode&want == want
	if !byGroup || byOthers || int(st.Uid) == s.euid || s.inGroup(gid) || s.can(unix.CAP_DAC_OVERRIDE) {
		return ""
	}
	name := strconv.Itoa(gid)
	if g, err := user.LookupGroupId(name); err == nil {
		name = g.Name
	}
	return "SupplementaryGroups=" + name
}

// lookUpGroup returns the ID of a group, or -1.
func lookUpGroup(name string) int {
	gid, err := getent.GroupID(context.Background(), name)
	if err != nil {
		return -1
	}
	return gid
}

// compiling are programs with a just-in-time compiler.
var compiling = regexp.MustCompile(`^(java|node|nodejs|deno|bun|dotnet|pwsh|luajit|pypy3?)$`)

// hookTrouble tells why an existing program would not work in this sandbox, and which
// line fixes that. It is empty if no reason is known.
func (s sandbox) hookTrouble(program string, mode os.FileMode) (trouble, line string) {
	name := filepath.Base(program)
	switch {
	case s.noNewPrivs && mode&(os.ModeSetuid|os.ModeSetgid) != 0:
		return program + " needs the rights of another user, which NoNewPrivileges=yes prevents " +
			"(let the hook run systemctl with a polkit rule, or let a path unit watch the file: see examples/50-vigente.rules)", ""
	case s.noExecMemory && compiling.MatchString(name):
		return program + " has a just-in-time compiler, which the unit forbids (MemoryDenyWriteExecute=)", "MemoryDenyWriteExecute=no"
	}
	return "", ""
}
