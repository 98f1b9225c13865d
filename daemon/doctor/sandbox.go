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

// sandbox is what confines this process, as far as a drop-in of its unit can
// change it.
type sandbox struct {
	euid, egid   int
	groups       []int
	caps         uint64 // effective capabilities, one bit each
	noNewPrivs   bool   // set-user-id programs gain nothing
	noExecMemory bool   // nothing may be written and then executed
	mounts       []mount
}

// mount is a line of mountinfo (proc_pid_mountinfo(5)).
type mount struct {
	root, point string
	readOnly    bool // this mount
	fixed       bool // the file system itself, whatever the mount
}

// readSandbox looks at this process.
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

// at returns the mount that a path lies on. Of two at one point the later one
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

// unwritable names the mount point of a path whose file system is mounted
// read-only for everybody: no line of a unit changes that. The sandbox makes all
// mounts read-only, the root's too, on file systems that could be written.
func (s sandbox) unwritable(path string) (point string, yes bool) {
	m := s.at(path)
	if _, hidden := s.hidden(path); hidden || m.point == "" {
		return "", false
	}
	ofSystem := m.point == "/" || slices.Contains([]string{"/usr", "/boot", "/efi", "/etc"}, m.point)
	return m.point, m.fixed || m.readOnly && !ofSystem && !s.at("/").readOnly
}

// below reports whether a path is a folder or lies in it.
func below(path, folder string) bool {
	return path == folder || folder == "/" || strings.HasPrefix(path, folder+"/")
}

// hidden reports whether the unit keeps a path out of sight, and returns the
// line that shows it again.
func (s sandbox) hidden(path string) (line string, hidden bool) {
	m := s.at(path)
	// The folder that systemd lays over it; containers have it elsewhere.
	covered := strings.HasSuffix(m.root, "/inaccessible/dir") || strings.HasSuffix(m.root, "/inaccessible/reg")
	for _, home := range []string{"/home", "/root", "/run/user"} {
		if m.point == home && (covered || m.root == "/" && m.readOnly) {
			return "ProtectHome=no", true
		}
	}
	return "", covered
}

// private reports whether what is written at a path is seen by this service
// only: /tmp and /var/tmp of its own.
func (s sandbox) private(path string) bool {
	m := s.at(path)
	return (m.point == "/tmp" || m.point == "/var/tmp") && strings.Contains(m.root, "/systemd-private-")
}

// linesFor returns what the unit needs so that a file can be written that now
// cannot. One obstacle hides others, so the owner and the group that the file
// shall have, and the permissions of its folder, are looked at as well.
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
		return nil // only who mounted it can help
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
	// A folder on the way that may not even be entered.
	if e, ok := errors.AsType[*atomicfile.Error](err); ok && errors.Is(err, unix.EACCES) && unix.Stat(filepath.Dir(e.Path), &st) == nil {
		add(s.admission(&st, 0o1))
	}
	return lines
}

// chownLines let the service give files away; examples/chown.conf says at what
// price.
var chownLines = []string{
	"CapabilityBoundingSet=CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE",
	"AmbientCapabilities=CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE",
}

func (s sandbox) can(capability int) bool { return s.caps&(1<<capability) != 0 }

func (s sandbox) inGroup(gid int) bool { return gid == s.egid || slices.Contains(s.groups, gid) }

// mayOwn reports whether files can be given to a user.
func (s sandbox) mayOwn(owner string) bool {
	if owner == "" || s.can(unix.CAP_CHOWN) {
		return true
	}
	uid, err := getent.UserID(context.Background(), owner)
	return err == nil && uid == s.euid
}

// admission returns the line that lets the service into a folder through its
// group; empty when it is not needed, or no membership would help.
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

// lookUpGroup returns the number of a group, -1 when there is none.
func lookUpGroup(name string) int {
	gid, err := getent.GroupID(context.Background(), name)
	if err != nil {
		return -1
	}
	return gid
}

// compiling are programs that write machine code into their memory and run it.
var compiling = regexp.MustCompile(`^(java|node|nodejs|deno|bun|dotnet|pwsh|luajit|pypy3?)$`)

// hookTrouble says why a program that is there would not work in this sandbox,
// and which line changes that; empty when nothing is known against it.
func (s sandbox) hookTrouble(program string, mode os.FileMode) (trouble, line string) {
	name := filepath.Base(program)
	switch {
	case s.noNewPrivs && mode&(os.ModeSetuid|os.ModeSetgid) != 0:
		return program + " works with another user's rights, which nothing gains under NoNewPrivileges=yes " +
			"(let the hook run systemctl with a polkit rule, or let a path unit watch the file: see examples/50-vigente.rules)", ""
	case s.noExecMemory && compiling.MatchString(name):
		return program + " compiles while it runs, which the unit forbids (MemoryDenyWriteExecute=)", "MemoryDenyWriteExecute=no"
	}
	return "", ""
}
