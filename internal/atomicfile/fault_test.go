package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/disktest"
)

// scenario is one path through Replace, prepared in an empty folder.
type scenario struct {
	name    string
	opt     Options
	old     string // "" if the file does not exist
	prepare func(t testing.TB, path string)
	deny    map[string]error // system calls that always fail
}

var scenarios = []scenario{
	{name: "exchange", old: "old content"},
	{name: "exchange with backup", old: "old content", opt: Options{Backup: true}},
	{name: "through a link", old: "old content", prepare: throughLink},
	{name: "create", opt: Options{Create: true}},
	{name: "create by hard link", opt: Options{Create: true}, deny: map[string]error{"rename new": unix.EINVAL}},
	{name: "create by rename", opt: Options{Create: true}, deny: map[string]error{"rename new": unix.EINVAL, "hard link": unix.EPERM}},
	{name: "plain rename", old: "old content", deny: map[string]error{"exchange": unix.EINVAL}},
	{name: "in place, longer", old: "old", prepare: hardLinked},
	{name: "in place, shorter", old: "old content that is longer than the new one", opt: Options{Backup: true}, prepare: hardLinked},
	{name: "in place, nothing reserved", old: "old", prepare: hardLinked, deny: map[string]error{"reserve": unix.EOPNOTSUPP}},
	{name: "in place since busy", old: "old", deny: map[string]error{"exchange": unix.EBUSY}},
}

func throughLink(t testing.TB, path string) {
	if err := errors.Join(os.Rename(path, path+".real"), os.Symlink(path+".real", path)); err != nil {
		t.Fatal(err)
	}
}

func hardLinked(t testing.TB, path string) {
	if err := os.Link(path, path+".other"); err != nil {
		t.Fatal(err)
	}
}

func (sc scenario) set(t testing.TB, dir string) string {
	path := filepath.Join(dir, "f")
	for _, name := range list(t, dir) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if sc.old != "" {
		put(t, path, sc.old, 0o640)
	}
	if sc.prepare != nil {
		sc.prepare(t, path)
	}
	return path
}

const fresh = "new content, fresh"

// TestEveryCallMayFail lets every system call fail once, with each of several
// causes. The old content must be intact, nothing may be left behind, and an
// error after the change must say so.
func TestEveryCallMayFail(t *testing.T) {
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			dir := disktest.Memory(t)
			for _, cause := range []error{unix.EIO, unix.ENOSPC, unix.EPERM, unix.EACCES, unix.EROFS, unix.EINVAL, unix.EBUSY} {
				for n := 1; sc.failNth(t, dir, n, cause); n++ {
				}
			}
		})
	}
}

// failNth makes the nth call fail and reports whether there was one.
func (sc scenario) failNth(t *testing.T, dir string, n int, cause error) bool {
	path := sc.set(t, dir)
	calls, failed := 0, ""
	s := quick()
	s.before = func(op string) error {
		if calls++; calls == n {
			failed = op
			return cause
		}
		return sc.deny[op]
	}
	result, err := s.replace(t.Context(), path, sc.opt, to(fresh))
	if failed == "" {
		if err != nil || !result.Changed {
			t.Errorf("nothing failed: Replace = %+v, %v; want a change", result, err)
		}
		return false
	}
	what := fmt.Sprintf("call %d (%s) failing with %v: Replace = %+v, %v", n, failed, cause, result, err)
	wantNoLeftOver(t, filepath.Dir(path))
	holds, readErr := os.ReadFile(path)
	switch {
	case err == nil, MayHaveChanged(err):
		if string(holds) != fresh {
			t.Errorf("%s, but the file holds %q", what, holds)
		}
	case sc.old == "" && !errors.Is(readErr, os.ErrNotExist):
		t.Errorf("%s, but the file holds %q, %v", what, holds, readErr)
	case string(holds) != sc.old:
		t.Errorf("%s, but the file holds %q", what, holds)
	}
	if err != nil && !MayHaveChanged(err) && !errors.Is(err, cause) && !strings.Contains(err.Error(), "kept changing the file") {
		t.Errorf("%s: the error does not wrap the cause", what)
	}
	return true
}

// TestEveryCallMayFailForGood lets a call fail every time. That must not leave
// the file torn either, but temporary files that cannot be removed may stay.
func TestEveryCallMayFailForGood(t *testing.T) {
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			ops, dir := map[string]bool{}, disktest.Memory(t)
			s := quick()
			s.before = func(op string) error { ops[op] = true; return sc.deny[op] }
			if _, err := s.replace(t.Context(), sc.set(t, dir), sc.opt, to(fresh)); err != nil {
				t.Fatal(err)
			}
			for op := range ops {
				for _, cause := range []error{unix.EIO, unix.EPERM, unix.ENOSPC} {
					path := sc.set(t, dir)
					s.before = func(now string) error {
						if now == op {
							return cause
						}
						return sc.deny[now]
					}
					_, err := s.replace(t.Context(), path, sc.opt, to(fresh))
					if op != "remove" {
						wantNoLeftOver(t, filepath.Dir(path))
					}
					holds, _ := os.ReadFile(path)
					if string(holds) != fresh && string(holds) != sc.old || string(holds) == sc.old && err == nil {
						t.Errorf("%s failing with %v: the file holds %q, %v", op, cause, holds, err)
					}
					if string(holds) == fresh && err != nil && !MayHaveChanged(err) {
						t.Errorf("%s failing with %v: changed, but the error does not say so: %v", op, cause, err)
					}
				}
			}
		})
	}
}

// TestDurableOrder checks that a change is made durable, in the right order.
func TestDurableOrder(t *testing.T) {
	for name, want := range map[string]string{
		"exchange":             "create write sync exchange remove sync-folder",
		"exchange with backup": "create write sync create write sync rename sync-folder exchange remove sync-folder",
		"create":               "create write sync rename-new sync-folder",
		"create by hard link":  "create write sync rename-new hard-link remove sync-folder",
		"plain rename":         "create write sync exchange rename sync-folder",
		"in place, longer":     "reserve write sync",
		"in place, shorter":    "create write sync rename sync-folder reserve write truncate sync",
		"in place since busy":  "create write sync exchange reserve write sync remove",
	} {
		for _, sc := range scenarios {
			if sc.name != name {
				continue
			}
			var order []string
			s := quick()
			s.before = func(op string) error {
				switch op {
				case "create", "write", "sync", "sync folder", "exchange", "rename", "rename new", "hard link", "remove", "reserve", "truncate":
					order = append(order, strings.ReplaceAll(op, " ", "-"))
				}
				return sc.deny[op]
			}
			if _, err := s.replace(t.Context(), sc.set(t, disktest.Memory(t)), sc.opt, to(fresh)); err != nil {
				t.Error(err)
			}
			if got := strings.Join(order, " "); got != want {
				t.Errorf("%s: got %s, want %s", name, got, want)
			}
		}
	}
}

// TestInPlaceSurvivesAFullDisk fills the disk while a file is written in place,
// at each write: the file must not be torn.
func TestInPlaceSurvivesAFullDisk(t *testing.T) {
	for _, sizes := range [][2]int{{10, 50}, {50, 10}, {30, 30}} {
		old, text := strings.Repeat("o", sizes[0]), strings.Repeat("n", sizes[1])
		for n := 1; n <= 2; n++ {
			path := filepath.Join(t.TempDir(), "f")
			put(t, path, old, 0o600)
			hardLinked(t, path)
			writes := 0
			s := quick()
			s.before = func(op string) error {
				switch {
				case op == "reserve":
					return unix.EOPNOTSUPP
				case op != "write":
					return nil
				}
				if writes++; writes == n {
					return unix.ENOSPC
				}
				return nil
			}
			_, err := s.replace(t.Context(), path, Options{}, to(text))
			if writes < n {
				break
			}
			wantError(t, err, NoSpace, "free space")
			wantHolds(t, path, old)
		}
	}
}

// TestInPlaceThatCannotBeUndone: if restoring the old content fails as well,
// the error says that the file may have changed.
func TestInPlaceThatCannotBeUndone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old content", 0o600)
	hardLinked(t, path)
	s := quick()
	s.before = func(op string) error {
		if op == "truncate" {
			return unix.EIO
		}
		return nil
	}
	_, err := s.replace(t.Context(), path, Options{}, to("new"))
	wantError(t, err, IO, "several hard links", "could not be restored")
	if !MayHaveChanged(err) {
		t.Error("the error does not say that the file may have changed")
	}
}

// TestErrorsSayHowToFixThem checks the text of plain failures.
func TestErrorsSayHowToFixThem(t *testing.T) {
	for _, tt := range []struct {
		op    string
		cause unix.Errno
		opt   Options
		prep  func(testing.TB, string)
		kind  Kind
		words []string
	}{
		{op: "sync", cause: unix.ENOSPC, kind: NoSpace, words: []string{"free space"}},
		{op: "sync", cause: unix.EDQUOT, kind: NoSpace, words: []string{"raise the quota"}},
		{op: "sync folder", cause: unix.EIO, kind: IO, words: []string{"sync the folder"}},
		{op: "open", cause: unix.EACCES, kind: Unwritable, words: []string{"search the folder", "permission"}},
		{op: "create", cause: unix.ENOENT, kind: Missing, words: []string{"removed in the meantime"}},
		{op: "create", cause: unix.EACCES, opt: Options{Backup: true}, prep: hardLinked, kind: Unwritable, words: []string{"backup", "ReadWritePaths="}},
		{op: "chown", cause: unix.EPERM, opt: Options{Owner: "12345"}, kind: Unwritable, words: []string{`owner "12345"`, "CAP_CHOWN"}},
		{op: "chown", cause: unix.EPERM, opt: Options{Group: "12345"}, kind: Unwritable, words: []string{`group "12345"`, "setgid"}},
		{op: "chown", cause: unix.EPERM, opt: Options{Owner: "12345", Group: "54321"}, kind: Unwritable, words: []string{`owner "12345" and group "54321"`}},
		{op: "chown", cause: unix.EIO, opt: Options{Owner: "12345"}, kind: IO, words: []string{"owner"}},
		{op: "chown", cause: unix.EPERM, opt: Options{Owner: "12345"}, prep: hardLinked, kind: Unwritable, words: []string{`owner "12345"`}},
	} {
		path := filepath.Join(t.TempDir(), "f")
		put(t, path, "old", 0o600)
		if tt.prep != nil {
			tt.prep(t, path)
		}
		s := quick()
		s.before = func(op string) error {
			if op == tt.op || tt.op == "open" && op == "direct" {
				return tt.cause
			}
			return nil
		}
		_, err := s.replace(t.Context(), path, tt.opt, to("new"))
		wantError(t, err, tt.kind, tt.words...)
		if !MayHaveChanged(err) {
			wantHolds(t, path, "old")
		}
	}
}

// TestNeitherReplacedNorWritten: if neither replacing nor writing in place is
// possible, the message names both, and first how to fix the former.
func TestNeitherReplacedNorWritten(t *testing.T) {
	for _, cause := range []unix.Errno{unix.EACCES, unix.EROFS, unix.EPERM} {
		path := filepath.Join(t.TempDir(), "f")
		put(t, path, "old", 0o600)
		s := quick()
		s.before = func(op string) error {
			if op == "create" || op == "writable" {
				return cause
			}
			return nil
		}
		err := s.check(t.Context(), path, Options{}, to("new"))
		wantError(t, err, Unwritable, "create a temporary file in", "ReadWritePaths=", "the file cannot be written in place either")
		wantHolds(t, path, "old")
	}
}

func TestBusyProgramFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sleep")
	data, err := os.ReadFile("/bin/sleep")
	if err != nil {
		t.Skip("no program to run:", err)
	}
	put(t, path, string(data), 0o755)
	hardLinked(t, path)
	p, err := os.StartProcess(path, []string{path, "60"}, &os.ProcAttr{})
	if err != nil {
		t.Skip("the temporary folder runs no programs:", err)
	}
	defer func() { _ = p.Kill(); _, _ = p.Wait() }()
	_, err = Replace(t.Context(), path, Options{}, to("new"))
	wantError(t, err, Conflict, "a running program")
	if got := get(t, path); got != string(data) {
		t.Error("the file has changed")
	}
}

func TestOwnerThatDoesNotExist(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old", 0o600)
	_, err := Replace(t.Context(), path, Options{Owner: "no-such-user"}, to("new"))
	wantError(t, err, Unwritable, "no-such-user", "create the user")
	_, err = Replace(t.Context(), path, Options{Group: "no-such-group"}, to("new"))
	wantError(t, err, Unwritable, "no-such-group", "create the group")
	wantHolds(t, path, "old")
	o, err := lookUpOwner(t.Context(), path, Options{Owner: "root", Group: "root"})
	if err != nil || o != (owner{0, 0}) {
		t.Errorf("owner root: got %v, %v", o, err)
	}
}

func TestInterruptedCallsAreMadeAgain(t *testing.T) {
	n := 0
	err := system{}.do("x", func() error {
		if n++; n < 3 {
			return unix.EINTR
		}
		return nil
	})
	if err != nil || n != 3 {
		t.Errorf("got %d calls and %v, want 3 calls", n, err)
	}
}
