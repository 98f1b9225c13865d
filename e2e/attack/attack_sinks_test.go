package attack

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/internal/needs"
	tss "github.com/vigented/vigente/providers/tss/emulator"
	"golang.org/x/sys/unix"
)

func itoa(n int) string { return strconv.Itoa(n) }

// as runs f on a thread that belongs to another user and ends afterwards.
func as(uid int, f func()) (err error) {
	var done sync.WaitGroup
	done.Go(func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		for _, call := range [][4]uintptr{
			{unix.SYS_SETGROUPS, 0, 0, 0},
			{unix.SYS_SETRESGID, uintptr(uid), uintptr(uid), uintptr(uid)},
			{unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)},
		} {
			if _, _, e := unix.RawSyscall(call[0], call[1], call[2], call[3]); e != 0 {
				err = e
				return
			}
		}
		f()
	})
	done.Wait()
	return err
}

// traceAs tries to trace a process as another user.
func traceAs(uid, pid int) error {
	var traced error
	if err := as(uid, func() { traced = unix.PtraceAttach(pid) }); err != nil {
		return err
	}
	return traced
}

// trap is what the other user prepared in the folder of a sink, and the
// expected outcome of the delivery.
type trap struct {
	folder os.FileMode // owned by the stranger, or, if sticky, by root and open to all
	set    func(path, outside string) error
	state  string
	words  string // expected in the reason
}

var traps = map[string]trap{
	"link":        {0o755, func(p, out string) error { return os.Symlink(out, p) }, "failing", "another local user"},
	"sticky-link": {0o777 | os.ModeSticky, func(p, out string) error { return os.Symlink(out, p) }, "failing", "another local user"},
	"open-link":   {0o777, func(p, out string) error { return os.Symlink(out, p) }, "failing", "another local user"},
	"hard-link":   {0o755, func(p, out string) error { return os.Link(out, p) }, "failing", "several hard links"},
	"sticky-hard": {0o777 | os.ModeSticky, func(p, out string) error { return os.Link(out, p) }, "failing", "several hard links"},
	"pipe":        {0o755, func(p, _ string) error { return unix.Mkfifo(p, 0o666) }, "failing", "named pipe"},
	"folder":      {0o755, func(p, _ string) error { return os.Mkdir(p, 0o777) }, "failing", "it is a folder"},
	"huge":        {0o755, func(p, _ string) error { return grow(p, 20<<30) }, "failing", "larger than"},
	"locked":      {0o755, func(p, _ string) error { return hold(p, func(fd int) error { return unix.Flock(fd, unix.LOCK_EX) }) }, "delivered", ""},
	"backup":      {0o755, func(p, out string) error { return os.Symlink(out, p+".bak") }, "delivered", ""},
	"temporary": {0o755, func(p, out string) error {
		return os.Symlink(out, filepath.Join(filepath.Dir(p), ".vigente-0123456789abcdef.tmp"))
	}, "delivered", ""},
	"parent-link":  {0o755, func(p, out string) error { return swap(filepath.Dir(p), filepath.Dir(out)) }, "failing", "another local user"},
	"parent-twice": {0o755, func(p, out string) error { return swap(filepath.Dir(p), "outside") }, "failing", "another local user"},
}

func grow(path string, size int64) error {
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		return err
	}
	return os.Truncate(path, size)
}

// hold opens a file and does something with it that lasts until the test ends.
func hold(path string, do func(fd int) error) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	return do(fd)
}

func swap(folder, target string) error {
	if err := os.Rename(folder, folder+"-away"); err != nil {
		return err
	}
	return os.Symlink(target, folder)
}

// TestTrapsOfAnotherUserCatchNothing puts every trap on the path of its own
// sink, in one daemon that runs as root.
func TestTrapsOfAnotherUserCatchNothing(t *testing.T) {
	t.Parallel()
	needs.Root(t)
	var sinks strings.Builder
	for name := range traps {
		kind := "type = \"file\"\ncontent = \"${vault.access_token}\"\n"
		if name == "backup" {
			kind = "type = \"ini\"\nbackup = true\nsection = \"S\"\nvalues = { T = \"${vault.access_token}\" }\n"
		}
		fmt.Fprintf(&sinks, "[sinks.%s]\npath = \"{dir}/%s/dir/f\"\nowner = \"65534\"\nmode = \"0644\"\n%s", name, name, kind)
	}
	w := e2etest.Furnish(t, tss.New(tss.Options{}), e2etest.NewVault(time.Hour), sinks.String())
	w.Walkable()
	precious := "root's own\n"
	for name, trap := range traps {
		dir, outside := w.Path(name+"/dir"), w.Path(name+"/outside/precious")
		w.Write(name+"/outside/precious", precious)
		e2etest.Must(t, os.Mkdir(dir, 0o755), os.Chmod(dir, trap.folder))
		if trap.folder&0o002 == 0 {
			e2etest.Must(t, os.Chown(w.Path(name), e2etest.Stranger, e2etest.Stranger), os.Chown(dir, e2etest.Stranger, e2etest.Stranger))
		}
		if name == "backup" {
			w.Write(name+"/dir/f", "[S]\nT=\n")
		}
		e2etest.Must(t, trap.set(filepath.Join(dir, "f"), outside))
		if st, err := os.Lstat(dir); err == nil && st.Mode()&os.ModeSymlink != 0 {
			e2etest.Must(t, os.Lchown(dir, e2etest.Stranger, e2etest.Stranger))
			continue
		}
		for _, planted := range []string{dir + "/f", dir + "/f.bak", dir + "/.vigente-0123456789abcdef.tmp"} {
			if st, err := os.Lstat(planted); err == nil && st.Mode().Type() != 0 {
				e2etest.Must(t, os.Lchown(planted, e2etest.Stranger, e2etest.Stranger))
			}
		}
	}
	w.Start()
	w.Eventually("there is a first token", func() bool { return w.Status().Generation("vault") == 1 })
	w.Run("renew", "vault")
	missing := "everything"
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("unexpected: " + missing)
		}
	})
	w.Eventually("every sink has had its turn, twice", func() bool {
		s := w.Status()
		states := s.States()
		missing = ""
		for name, trap := range traps {
			if states[name] != trap.state {
				missing += " " + name + " is " + states[name]
			}
		}
		return missing == "" && s.Generation("vault") >= 2 && states["file"] == "delivered"
	})
	reasons := map[string]string{}
	for _, s := range w.Status().Sinks {
		reasons[s.Name] = s.LastError.Message
	}
	for name, trap := range traps {
		outside := w.Path(name + "/outside/precious")
		var st unix.Stat_t
		e2etest.Must(t, unix.Lstat(outside, &st))
		entries, err := os.ReadDir(filepath.Dir(outside))
		if w.Read(name+"/outside/precious") != precious || st.Uid != 0 || st.Gid != 0 || st.Mode&0o777 != 0o600 || err != nil || len(entries) != 1 {
			t.Errorf("%s: the outside file was changed: %q, %d:%d, mode %o, %v", name, w.Read(name+"/outside/precious"), st.Uid, st.Gid, st.Mode, entries)
		}
		if !strings.Contains(reasons[name], trap.words) {
			t.Errorf("%s: got reason %q, want it to contain %q", name, reasons[name], trap.words)
		}
		for _, dir := range []string{name + "/dir", name + "/dir-away"} {
			left, _ := filepath.Glob(w.Path(dir + "/.vigente*"))
			for _, file := range left {
				if st, err := os.Lstat(file); err == nil && st.Mode().IsRegular() {
					t.Errorf("%s: left over: %s", name, file)
				}
			}
		}
	}
}

// TestPathsThatClimbAreNoWayOut: names and paths with ".." are refused.
func TestPathsThatClimbAreNoWayOut(t *testing.T) {
	t.Parallel()
	w := e2etest.NewWorld(t, "")
	for _, table := range []string{
		`[sinks."../../etc/x"]`, `[sinks."a/b"]`, `[credentials."../x"]`, `[providers.".."]`, "[sinks.\"a\\u0000b\"]",
	} {
		w.Configure(table + "\ntype = \"file\"\npath = \"{dir}/x\"\ncontent = \"x\"\n")
		if code, _, errs := w.Run("check"); code != 3 || !strings.Contains(errs, "name") {
			t.Errorf("%s: check: got exit code %d, want 3: %s", table, code, errs)
		}
	}
	for _, path := range []string{"{dir}/out/..", "{dir}/out/.", "{dir}/out/", "", "{dir}/out/a\\u0000b"} {
		w.Configure("[sinks.x]\ntype = \"file\"\ncontent = \"x\"\npath = \"" + path + "\"\n")
		if code, _, _ := w.Run("check"); code != 3 {
			t.Errorf("path %q: got exit code %d, want 3", path, code)
		}
	}
}
