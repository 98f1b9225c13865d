package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/daemon/schedule"
)

// privateMounts runs the test again in a process with private mounts, and reports whether
// this is that process.
func privateMounts(t *testing.T) bool {
	t.Helper()
	if os.Getenv(role) == "mounts" {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), role+"=mounts")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) {
		t.Skip("private mounts are not permitted here")
	}
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("%v:\n%s", err, out)
	}
	return false
}

// smallDisk mounts a separate file system for the duration of the test.
func smallDisk(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size+",mode=0700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestFullDisk fills a real disk: every caller gets an error, nothing is lost, and saving
// works again once there is space.
func TestFullDisk(t *testing.T) {
	if !privateMounts(t) {
		return
	}
	dir := smallDisk(t, "2m")
	s := open(t, dir, nil)
	want := records(100)
	save(t, s, want)
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 4<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("fill: %v", err)
	}
	var told sync.WaitGroup
	failed := 0
	for i := 0; failed == 0; i++ {
		if i > 1000 {
			t.Fatal("the disk never got full")
		}
		var mu sync.Mutex
		for n := range 4 {
			key := schedule.Key{Name: fmt.Sprintf("late-%d-%d", i, n)}
			r := fullRecord()
			want[key] = r
			told.Go(func() {
				if err := s.Save(t.Context(), key, r); err != nil {
					mu.Lock()
					defer mu.Unlock()
					if failed++; !errors.Is(err, unix.ENOSPC) {
						t.Errorf("the error does not say why: %v", err)
					}
				}
			})
		}
		told.Wait()
	}
	for range 3 {
		if err := s.Save(t.Context(), loja, fullRecord()); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("on the full disk: %v", err)
		}
	}
	if got := names(t, dir); len(got) != 3 {
		t.Errorf("the directory holds %v", got)
	}
	// A file in doubt is not rewritten if it does not fit.
	s.disk.Lock()
	s.doubt = true
	s.disk.Unlock()
	if err := s.Save(t.Context(), loja, fullRecord()); !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "KiB are needed") {
		t.Errorf("in doubt on the full disk: %v", err)
	}
	if got := names(t, dir); len(got) != 3 {
		t.Errorf("the directory holds %v", got)
	}
	// What was durable is still there, and what was refused is not.
	if got := load(t, s).Records; len(got) < 100 {
		t.Errorf("%d records on the full disk", len(got))
	}
	for key := range want {
		if _, held := load(t, s).Records[key]; !held && strings.HasPrefix(key.Name, "late-") {
			delete(want, key)
		}
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	want[loja] = schedule.Record{Part: schedule.Token{Revision: 9}}
	if err := s.Save(t.Context(), loja, want[loja]); err != nil {
		t.Fatal("with space again:", err)
	}
	shut(t, s)
	s = open(t, dir, nil)
	if got := load(t, s).Records; !reflect.DeepEqual(got, want) {
		t.Errorf("got %d records after a restart, want %d", len(got), len(want))
	}
	shut(t, s)
	// Creating a state on a full disk fails and leaves none.
	if err := errors.Join(os.Remove(filepath.Join(dir, fileName))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filler, make([]byte, 4<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("fill: %v", err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("got %v from Open on a full disk, want an error", err)
	}
	if got := names(t, dir); len(got) != 2 {
		t.Errorf("the directory holds %v", got)
	}
}

// TestFileThatCannotBeUsed denies access to the file.
func TestFileThatCannotBeUsed(t *testing.T) {
	if !privateMounts(t) {
		return
	}
	dir := t.TempDir()
	shut(t, open(t, dir, nil))
	path := filepath.Join(dir, fileName)
	if err := unix.Mount(path, path, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	if err := unix.Mount("", path, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "writable for the daemon's user") || strings.Contains(err.Error(), "move the file away") {
		t.Errorf("got %v, want a refusal that says what to do", err)
	}
}
