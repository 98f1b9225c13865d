package sinktest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/sinks"
)

func creates(r *rig) {
	b := r.open("")
	if r.NeedsFile {
		r.fails(b, set(Canary), "does not exist")
		r.preflight(b, "does not exist")
		r.wantNames()
		return
	}
	r.preflight(b, "")
	r.deliver(b, Canary, true)
	r.deliver(b, Canary, false)
	r.wantNames(filepath.Base(r.path))
}

func (r *rig) mode() fs.FileMode {
	r.Helper()
	info, err := os.Stat(r.path)
	if err != nil {
		r.Fatal(err)
	}
	return info.Mode()
}

func givesMode(r *rig) {
	if r.NeedsFile {
		return
	}
	for extra, want := range map[string]fs.FileMode{"": 0o600, `mode = "0644"`: 0o644, `mode = "0666"`: 0o666, `mode = "440"`: 0o440} {
		r.deliver(r.open(extra), Canary, true)
		if got := r.mode(); got != want {
			r.Errorf("%q: got mode %v", extra, got)
		}
		if err := os.Remove(r.path); err != nil {
			r.Fatal(err)
		}
	}
}

func keepsMode(r *rig) {
	r.put(r.old(older), 0o646)
	r.deliver(r.open(`mode = "0600"`), Canary, true)
	if got := r.mode(); got != 0o646 {
		r.Errorf("got mode %v", got)
	}
}

func (r *rig) owner() (uid, gid uint32) {
	r.Helper()
	info, err := os.Stat(r.path)
	if err != nil {
		r.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	return st.Uid, st.Gid
}

func needRoot(r *rig) {
	r.Helper()
	if os.Geteuid() != 0 {
		r.Skip("needs root")
	}
}

func keepsOwner(r *rig) {
	needRoot(r)
	r.put(r.old(older), 0o640)
	if err := os.Chown(r.path, 4711, 4712); err != nil {
		r.Fatal(err)
	}
	r.deliver(r.open(""), Canary, true)
	if uid, gid := r.owner(); uid != 4711 || gid != 4712 || r.mode() != 0o640 {
		r.Errorf("got owner %d, group %d, mode %v", uid, gid, r.mode())
	}
}

func givesOwner(r *rig) {
	needRoot(r)
	r.put(r.old(older), 0o640)
	b := r.open("owner = \"4711\"\ngroup = \"4712\"")
	r.deliver(b, Canary, true)
	if uid, gid := r.owner(); uid != 4711 || gid != 4712 {
		r.Errorf("got owner %d, group %d", uid, gid)
	}
	r.deliver(b, Canary, false)
}

func wantsOwner(r *rig) {
	r.put(r.old(older), 0o640)
	b := r.open(`owner = "no-such-user"`)
	r.fails(b, set(Canary), "no-such-user")
	r.preflight(b, "no-such-user")
	r.wantHolds(r.old(older))
}

func followsLink(r *rig) {
	r.put(r.old(older), 0o640)
	real := r.path
	r.path = filepath.Join(r.dir, "link")
	if err := os.Symlink(filepath.Base(real), r.path); err != nil {
		r.Fatal(err)
	}
	b := r.open("")
	r.preflight(b, "")
	r.deliver(b, Canary, true)
	if _, err := os.Readlink(r.path); err != nil {
		r.Errorf("the link was replaced: %v", err)
	}
	r.wantHolds(r.old(Canary), filepath.Base(real))
}

// refusesPlantedLink: in a folder that anybody may change, a link may lead
// anywhere.
func refusesPlantedLink(r *rig) {
	r.put(r.old(older), 0o640)
	open := filepath.Join(r.dir, "open")
	if err := os.Mkdir(open, 0o755); err != nil {
		r.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		r.Fatal(err)
	}
	target := r.path
	r.path = filepath.Join(open, "link")
	if err := os.Symlink(target, r.path); err != nil {
		r.Fatal(err)
	}
	b := r.open("")
	r.fails(b, set(Canary), open)
	r.preflight(b, open)
	r.path = target
	r.wantHolds(r.old(older), filepath.Base(open))
}

func refusesFolder(r *rig) {
	if err := os.Mkdir(r.path, 0o700); err != nil {
		r.Fatal(err)
	}
	b := r.open("")
	r.fails(b, set(Canary), "folder")
	r.preflight(b, "folder")
	r.wantNames(filepath.Base(r.path))
}

func wantsFolder(r *rig) {
	r.path = filepath.Join(r.dir, "absent", "target")
	b := r.open("")
	r.fails(b, set(Canary), filepath.Join(r.dir, "absent"))
	r.preflight(b, filepath.Join(r.dir, "absent"))
	r.wantNames()
}

const nobody = 65534

// becomeNobody drops root privileges for the rest of the part. Only this thread
// changes, and it ends with the part because it stays locked to it.
func becomeNobody(r *rig) {
	r.Helper()
	needRoot(r)
	runtime.LockOSThread()
	for _, call := range []struct{ trap, a, b, c uintptr }{
		{unix.SYS_SETGROUPS, 0, 0, 0},
		{unix.SYS_SETRESGID, nobody, nobody, nobody},
		{unix.SYS_SETRESUID, nobody, nobody, nobody},
	} {
		if _, _, e := unix.RawSyscall(call.trap, call.a, call.b, call.c); e != 0 {
			r.Fatalf("become nobody: %v", e)
		}
	}
}

// asNobody creates a world-readable file of root in a folder, and becomes
// nobody.
func (r *rig) asNobody(file, folder fs.FileMode, folderOwner int) sinks.Binding {
	r.Helper()
	needRoot(r)
	r.put(r.old(older), file)
	if err := os.Chown(r.dir, folderOwner, 0); err != nil {
		r.Fatal(err)
	}
	if err := os.Chmod(r.dir, folder); err != nil {
		r.Fatal(err)
	}
	b := r.open("")
	becomeNobody(r)
	return b
}

// readOnlyFile: the permissions of the folder decide, not those of the file.
func readOnlyFile(r *rig) {
	needRoot(r)
	r.put(r.old(older), 0o400)
	for _, name := range []string{r.dir, r.path} {
		if err := os.Chown(name, nobody, nobody); err != nil {
			r.Fatal(err)
		}
	}
	b := r.open("")
	becomeNobody(r)
	r.preflight(b, "")
	r.deliver(b, Canary, true)
	r.wantHolds(r.old(Canary))
	if got := r.mode(); got != 0o400 {
		r.Errorf("got mode %v", got)
	}
}

// readOnlyFolder: a writable file is written in place.
func readOnlyFolder(r *rig) {
	b := r.asNobody(0o666, 0o755, 0)
	r.preflight(b, "")
	r.deliver(b, Canary, true)
	r.wantHolds(r.old(Canary))
	r.deliver(b, Canary, false)
}

func readOnlyBoth(r *rig) {
	b := r.asNobody(0o644, 0o755, 0)
	says := "permission denied"
	if r.fails(b, set(Canary), says); !errors.Is(r.last, fs.ErrPermission) {
		r.Errorf("%v does not wrap the cause", r.last)
	}
	r.preflight(b, says)
	r.wantHolds(r.old(older))
}
