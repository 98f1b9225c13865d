// Package disktest provides tests with a disk that fails, hangs, and loses
// power.
//
// Mount puts a file system in front of a folder. It fails or hangs on demand
// and records every change. From such a trace, Crashes derives every state that
// a power cut could have left. Its rules are stricter than those of a
// journalling file system: writes that were not synced may be present, missing
// or partial; entries of a folder that was not synced may be present or
// missing; and no order is guaranteed.
package disktest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/vigented/vigente/internal/needs"
)

// program builds the file system once per test binary, always at the same path,
// so that builds do not accumulate. It is a module of its own, to keep its
// library out of ours.
var program = sync.OnceValues(func() (string, error) {
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module of faultfs: %w", err)
	}
	name := filepath.Join(os.TempDir(), "vigente-faultfs")
	fresh := fmt.Sprintf("%s-%d", name, os.Getpid())
	build := exec.Command("go", "build", "-mod=readonly", "-o", fresh, ".")
	build.Dir = filepath.Join(filepath.Dir(strings.TrimSpace(string(mod))), "internal", "disktest", "testdata", "faultfs")
	build.Env = append(os.Environ(), "GOARCH=", "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build faultfs: %w\n%s", err, out)
	}
	return name, os.Rename(fresh, name)
})

// Disk is a mounted folder.
type Disk struct {
	// Root is the mount point, Below the underlying folder.
	Root, Below string

	t     testing.TB
	trace string
	mu    sync.Mutex
	in    io.Writer
	out   *bufio.Scanner
}

// Mount mounts an empty folder until the test ends. It needs root and FUSE.
func Mount(t testing.TB) *Disk {
	t.Helper()
	needs.Root(t)
	if _, err := os.Stat("/dev/fuse"); err != nil {
		needs.Missing(t, "/dev/fuse")
	}
	name, err := program()
	if err != nil {
		t.Fatal(err)
	}
	base := Memory(t)
	d := &Disk{t: t, Root: filepath.Join(base, "disk"), Below: filepath.Join(base, "below"), trace: filepath.Join(base, "trace")}
	for _, dir := range []string{d.Root, d.Below} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(name, d.Below, d.Root, d.trace)
	// The process ends with the test, however the test ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.in, d.out = in, bufio.NewScanner(out)
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
		_ = syscall.Unmount(d.Root, syscall.MNT_DETACH)
	})
	if !d.out.Scan() || d.out.Text() != "mounted" {
		needs.Missing(t, "a way to mount FUSE")
	}
	return d
}

// Memory returns a temporary folder in which syncing is free.
func Memory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "vigente-disktest-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func (d *Disk) send(format string, args ...any) {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(d.in, format+"\n", args...)
	if !d.out.Scan() || d.out.Text() != "ok" {
		d.t.Fatalf("faultfs answers %q to "+format, append([]any{d.out.Text()}, args...)...)
	}
}

// Fail makes calls of op fail on paths that contain part. The package comment
// of faultfs lists the calls.
func (d *Disk) Fail(op string, errno syscall.Errno, part string) {
	d.t.Helper()
	d.send("fail %s %d %s 0", op, errno, part)
}

// FailAfter is like Fail, but lets a number of calls succeed first.
func (d *Disk) FailAfter(spare int, op string, errno syscall.Errno, part string) {
	d.t.Helper()
	d.send("fail %s %d %s %d", op, errno, part, spare)
}

// Hang makes such calls block.
func (d *Disk) Hang(op, part string) {
	d.t.Helper()
	d.send("hang %s %s", op, part)
}

// Heal ends all failures and hangs.
func (d *Disk) Heal() {
	d.t.Helper()
	d.send("heal")
}

// Mark writes a text into the trace.
func (d *Disk) Mark(text string) {
	d.t.Helper()
	d.send("mark %s", text)
}

// Trace returns what has happened to the disk so far.
func (d *Disk) Trace() []Change {
	d.t.Helper()
	f, err := os.Open(d.trace)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	var all []Change
	for in := json.NewDecoder(f); ; {
		var c Change
		if err := in.Decode(&c); err == io.EOF {
			return all
		} else if err != nil {
			d.t.Fatal(err)
		}
		all = append(all, c)
	}
}
