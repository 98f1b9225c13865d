package atomicfile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/disktest"
)

// setLine returns an edit that sets the line "key=value" and keeps all others.
func setLine(key, value string) Edit {
	return func(old []byte, _ bool) ([]byte, error) {
		lines := strings.SplitAfter(string(old), "\n")
		for i, line := range lines {
			if strings.HasPrefix(line, key+"=") {
				lines[i] = key + "=" + value + "\n"
				return []byte(strings.Join(lines, "")), nil
			}
		}
		return []byte(string(old) + key + "=" + value + "\n"), nil
	}
}

// TestChangesOfOthersSurvive: a change by another program at any point of the
// call survives.
func TestChangesOfOthersSurvive(t *testing.T) {
	others := map[string]func(t testing.TB, path string){
		"replaces": func(t testing.TB, path string) {
			put(t, path+".new", get(t, path)+"b=other\n", 0o644)
			if err := os.Rename(path+".new", path); err != nil {
				t.Error(err)
			}
		},
		"appends": func(t testing.TB, path string) {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|unix.O_NONBLOCK, 0)
			if err != nil {
				return // A lease is held: a real program would block until it is returned.
			}
			defer f.Close()
			if _, err := f.WriteString("b=other\n"); err != nil {
				t.Error(err)
			}
		},
	}
	for name, other := range others {
		for _, sc := range scenarios {
			if sc.old == "" || strings.Contains(sc.name, "link") {
				continue
			}
			t.Run(name+"/"+sc.name, func(t *testing.T) {
				dir := disktest.Memory(t)
				for n := 1; otherAtCall(t, sc.set(t, dir), sc, other, n); n++ {
				}
			})
		}
	}
}

// otherAtCall lets the other program act just before the nth system call, and
// reports whether the change was still incomplete then.
func otherAtCall(t *testing.T, path string, sc scenario, other func(testing.TB, string), n int) bool {
	put(t, path, "a=old\n", 0o644)
	calls, wrote, done, reserved := 0, "", false, false
	s := quick()
	s.before = func(op string) error {
		if calls++; calls == n {
			before := get(t, path)
			other(t, path)
			if get(t, path) != before {
				wrote = op
			}
		}
		// A change between the comparison and a plain rename, or during a write
		// in place, cannot be detected.
		reserved = reserved || op == "reserve"
		if wrote == op && (op == "rename" && strings.HasPrefix(sc.name, "plain") || op != "read" && op != "look" && reserved) {
			wrote = ""
		}
		done = done || op == "sync folder"
		return sc.deny[op]
	}
	_, err := s.replace(t.Context(), path, sc.opt, setLine("a", "ours"))
	if calls < n {
		return false
	}
	if err != nil {
		t.Errorf("other program at call %d (%s): %v", n, wrote, err)
	}
	wantNoLeftOver(t, filepath.Dir(path))
	holds := get(t, path)
	if wrote != "" && !strings.Contains(holds, "b=other\n") {
		t.Errorf("other program at call %d (%s): its change is lost: %q", n, wrote, holds)
	}
	if !strings.Contains(holds, "a=ours\n") && !done {
		t.Errorf("other program at call %d (%s): our change is lost: %q", n, wrote, holds)
	}
	return true
}

// TestFileThatAppears: a file that appears while we create it is edited, not
// overwritten.
func TestFileThatAppears(t *testing.T) {
	for _, deny := range []map[string]error{
		nil,
		{"rename new": unix.EINVAL},
		{"rename new": unix.EINVAL, "hard link": unix.EPERM},
	} {
		path := filepath.Join(t.TempDir(), "f")
		appeared := false
		s := quick()
		s.before = func(op string) error {
			if op == "rename new" && !appeared {
				appeared = true
				put(t, path, "b=other\n", 0o644)
			}
			return deny[op]
		}
		got, err := s.replace(t.Context(), path, Options{Create: true}, setLine("a", "ours"))
		if err != nil || !got.Changed {
			t.Fatalf("Replace = %+v, %v", got, err)
		}
		wantHolds(t, path, "b=other\na=ours\n")
		if st := stat(t, path); st.Mode&0o777 != 0o644 {
			t.Errorf("got mode %o, want 644", st.Mode&0o777)
		}
	}
}

// TestFileThatVanishes: a file deleted at the last moment is created again or
// reported missing.
func TestFileThatVanishes(t *testing.T) {
	for _, op := range []string{"look", "open", "read", "create", "lease", "exchange"} {
		for _, create := range []bool{false, true} {
			path := filepath.Join(t.TempDir(), "f")
			put(t, path, "old", 0o640)
			s := quick()
			s.before = func(now string) error {
				if now == op {
					_ = os.Remove(path)
				}
				return nil
			}
			got, err := s.replace(t.Context(), path, Options{Create: create}, to("new"))
			if !create {
				wantError(t, err, Missing, "does not exist")
				wantNoLeftOver(t, filepath.Dir(path))
				continue
			}
			if err != nil || !got.Changed {
				t.Fatalf("deleted at %q: Replace = %+v, %v", op, got, err)
			}
			wantHolds(t, path, "new")
		}
	}
}

// TestStubbornOtherWriter: a program that is always first causes a conflict
// error, and its content is kept.
func TestStubbornOtherWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "0", 0o600)
	n, edits := 0, 0
	s := quick()
	s.before = func(op string) error {
		if op == "exchange" && n == edits-1 { // not when undoing
			n++
			put(t, path+".new", fmt.Sprint(n), 0o600)
			return os.Rename(path+".new", path)
		}
		return nil
	}
	_, err := s.replace(t.Context(), path, Options{}, func(old []byte, _ bool) ([]byte, error) {
		edits++
		return append(old, " and ours"...), nil
	})
	wantError(t, err, Conflict, "kept changing the file")
	if n != conflictLimit {
		t.Errorf("got %d tries, want conflictLimit", n)
	}
	wantHolds(t, path, fmt.Sprint(n))
}

// TestUndoingMeetsAThirdWriter: content that another program writes while an
// exchange is undone is newer than what was to be restored.
func TestUndoingMeetsAThirdWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "a=old\n", 0o600)
	exchanges := 0
	s := quick()
	s.before = func(op string) error {
		if op == "exchange" {
			if exchanges++; exchanges <= 2 {
				put(t, path+".new", fmt.Sprintf("a=old\nb=%d\n", exchanges), 0o600)
				return os.Rename(path+".new", path)
			}
		}
		return nil
	}
	if _, err := s.replace(t.Context(), path, Options{}, setLine("a", "ours")); err != nil {
		t.Fatal(err)
	}
	wantHolds(t, path, "a=ours\nb=2\n")
}

// TestUndoingMeetsADeletion: a file deleted while an exchange is undone stays
// deleted.
func TestUndoingMeetsADeletion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old", 0o600)
	exchanges := 0
	s := quick()
	s.before = func(op string) error {
		if op == "exchange" {
			switch exchanges++; exchanges {
			case 1:
				put(t, path+".new", "other", 0o600)
				return os.Rename(path+".new", path)
			case 2:
				return os.Remove(path)
			}
		}
		return nil
	}
	_, err := s.replace(t.Context(), path, Options{}, to("new"))
	wantError(t, err, Missing, "does not exist")
	if names := list(t, filepath.Dir(path)); len(names) > 0 {
		t.Errorf("the folder holds %v, want it empty", names)
	}
}

// TestUndoingFails: content written by another program is kept even if it
// cannot be restored.
func TestUndoingFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old", 0o600)
	exchanges := 0
	s := quick()
	s.before = func(op string) error {
		if op != "exchange" {
			return nil
		}
		if exchanges++; exchanges > 1 {
			return unix.EIO
		}
		put(t, path+".new", "other", 0o600)
		return os.Rename(path+".new", path)
	}
	_, err := s.replace(t.Context(), path, Options{}, to("new"))
	wantError(t, err, IO, "restore", ".vigente-")
	if !MayHaveChanged(err) {
		t.Error("the error does not say that the file may have changed")
	}
	found := ""
	for _, name := range list(t, filepath.Dir(path)) {
		if isTemporary(name) {
			found = get(t, filepath.Join(filepath.Dir(path), name))
		}
	}
	if found != "other" || get(t, path) != "new" {
		t.Errorf("got file %q and beside it %q, want new and other", get(t, path), found)
	}
}

// TestChangeOfTheSameSizeSurvives: a change in place that keeps the size is
// found by comparing content.
func TestChangeOfTheSameSizeSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "a=old\nb=1\n", 0o600)
	once := false
	s := quick()
	s.before = func(op string) error {
		if op == "lease" {
			return unix.EACCES // as for a file of another user
		}
		if op == "exchange" && !once {
			once = true
			put(t, path, "a=old\nb=2\n", 0o600)
		}
		return nil
	}
	if _, err := s.replace(t.Context(), path, Options{}, setLine("a", "ours")); err != nil {
		t.Fatal(err)
	}
	wantHolds(t, path, "a=ours\nb=2\n")
}

// TestChangedModeSurvives: a change of mode or owner alone counts as a change
// by another program.
func TestChangedModeSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old", 0o600)
	once := false
	s := quick()
	s.before = func(op string) error {
		if op == "exchange" && !once {
			once = true
			return os.Chmod(path, 0o644)
		}
		return nil
	}
	if _, err := s.replace(t.Context(), path, Options{}, to("new")); err != nil {
		t.Fatal(err)
	}
	if st := stat(t, path); st.Mode&0o777 != 0o644 {
		t.Errorf("got mode %o, want 644", st.Mode&0o777)
	}
}

// TestEmptiedFileIsBeingSaved: an empty file means that another program is
// saving it, so we wait.
func TestEmptiedFileIsBeingSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "a=old\n", 0o600)
	state, waited := 0, time.Duration(0)
	s := system{
		before: func(op string) error {
			if op == "lease" {
				return unix.EACCES // otherwise the truncation would wait for us
			}
			if op == "exchange" && state == 0 {
				state = 1
				return os.Truncate(path, 0)
			}
			return nil
		},
		pause: func(_ context.Context, d time.Duration) error {
			if waited += d; waited > unreadyTimeout/2 && state == 1 {
				state = 2
				put(t, path, "a=old\nb=other\n", 0o600)
			}
			return nil
		},
	}
	if _, err := s.replace(t.Context(), path, Options{}, setLine("a", "ours")); err != nil {
		t.Fatal(err)
	}
	wantHolds(t, path, "a=ours\nb=other\n")
}

// TestEmptiedFileThatStaysSo: a file that stays empty is written in the end.
func TestEmptiedFileThatStaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old", 0o600)
	once := false
	s := quick()
	s.before = func(op string) error {
		if op == "lease" {
			return unix.EACCES // otherwise the truncation would wait for us
		}
		if op == "exchange" && !once {
			once = true
			return os.Truncate(path, 0)
		}
		return nil
	}
	if _, err := s.replace(t.Context(), path, Options{}, to("new")); err != nil {
		t.Fatal(err)
	}
	wantHolds(t, path, "new")
}

// TestConcurrentWritersLoseNothing: two of our writers and another program edit
// one file as fast as they can. Our writers must not conflict with each other.
//
// The other program does not begin to read between our exchange and its end, where it
// would see what we are about to take back. Nothing in user space can prevent that;
// the moment takes microseconds, unless the machine is loaded. It may rename then.
func TestConcurrentWritersLoseNothing(t *testing.T) {
	path := filepath.Join(disktest.Memory(t), "f")
	put(t, path, "one=0\ntwo=0\n", 0o600)
	const rounds = 500
	var ours, foreign sync.WaitGroup
	stop := make(chan struct{})
	var appended int
	var exchanging sync.Mutex
	foreign.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			// It cannot compare and swap, so it may lose our lines; they are set
			// again below. Its own lines must all survive.
			appended++
			exchanging.Lock()
			old, err := os.ReadFile(path)
			exchanging.Unlock()
			if err != nil || !renameOver(t, path, append(old, fmt.Sprintf("foreign %d\n", appended)...)) {
				t.Error(err)
				return
			}
			_ = unix.Nanosleep(&unix.Timespec{Nsec: 3e6}, nil) // the pace of the other program, not a wait
		}
	})
	for _, key := range []string{"one", "two"} {
		ours.Go(func() {
			for i := 1; i <= rounds; i++ {
				if err := stubborn(t.Context(), held(&exchanging), path, setLine(key, fmt.Sprint(i))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	ours.Wait()
	close(stop)
	foreign.Wait()
	holds := get(t, path)
	for i := 1; i <= appended; i++ {
		if !strings.Contains(holds, fmt.Sprintf("\nforeign %d\n", i)) {
			t.Errorf("line %d of the other program is lost", i)
		}
	}
	wantNoLeftOver(t, filepath.Dir(path))
	t.Logf("%d lines of the other program", appended)
}

// held returns a system that holds a lock from an exchange until the temporary file
// is removed.
func held(exchanging *sync.Mutex) system {
	holds := false
	return system{before: func(op string) error {
		switch {
		case op == "exchange" && !holds:
			exchanging.Lock()
			holds = true
		case op == "remove" && holds:
			exchanging.Unlock()
			holds = false
		}
		return nil
	}}
}

// renameOver is the other program: it writes a new file and renames it, under its own
// kind of lock that we do not know.
func renameOver(t testing.TB, path string, content []byte) bool {
	err := os.WriteFile(path+".foreign", content, 0o600)
	if err == nil {
		err = os.Rename(path+".foreign", path)
	}
	if err != nil {
		t.Error(err)
	}
	return err == nil
}
