package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/vigented/vigente/internal/devices"
	"github.com/vigented/vigente/internal/readfile"
)

// tells follows paths and returns the channel of reports, once each was reported.
func tells(t *testing.T, w *Watcher, paths ...string) <-chan []string {
	t.Helper()
	told := make(chan []string, 1000)
	w.Follow(paths...)
	launch(t, func(ctx context.Context) { w.Run(ctx, func(paths []string) { told <- paths }) })
	for left := slices.Clone(paths); len(left) > 0; {
		for _, path := range wait(t, told) {
			left = slices.DeleteFunc(left, func(p string) bool { return p == path })
		}
	}
	return told
}

func wait[T any](t *testing.T, told <-chan T) (report T) {
	t.Helper()
	select {
	case report = <-told:
	case <-time.After(patience):
		t.Fatal("got no report")
	}
	return report
}

func looking() *Watcher {
	return New(Options{Disks: devices.New(), Work: devices.Look, Within: 100 * time.Millisecond, Few: 800})
}

// TestNoiseInAFolderIsNotTold writes a file that is not followed, then one beside it that is:
// only the second is reported.
func TestNoiseInAFolderIsNotTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	told := tells(t, looking(), file)
	for i := range 200 {
		write(t, filepath.Join(dir, fmt.Sprint("noise", i)), "x")
	}
	write(t, file, "a")
	if got := wait(t, told); !slices.Equal(got, []string{file}) {
		t.Errorf("got reports of %v", got)
	}
}

// TestRepeatsAreToldNowAndThen writes a followed file continuously: it is reported at most
// every two seconds, and once more after the last write.
func TestRepeatsAreToldNowAndThen(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "f")
	w, told := looking(), make(chan string, 1000)
	w.Follow(file)
	launch(t, func(ctx context.Context) {
		w.Run(ctx, func([]string) { text, _ := os.ReadFile(file); told <- string(text) })
	})
	wait(t, told) // it is followed
	begun, last := time.Now(), ""
	for n := 0; time.Since(begun) < 5*time.Second; n++ {
		last = fmt.Sprint(n)
		write(t, file, last)
	}
	n, took := len(told), time.Since(begun) // the last write may have taken long
	if n < 1 || n > 1+int(took/repeatAfter) {
		t.Errorf("got %d reports within %s, want one every %s", n, took, repeatAfter)
	}
	for wait(t, told) != last {
	}
}

// TestFolderAboveIsSwapped exchanges a folder two levels above the file, as a deployment does
// when it renames a whole tree into place.
func TestFolderAboveIsSwapped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, v := range []string{"live", "next"} {
		if err := os.MkdirAll(filepath.Join(dir, v, "a"), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, v, "a", "f"), v)
	}
	file := filepath.Join(dir, "live", "a", "f")
	told := tells(t, looking(), file)
	for from, to := range map[string]string{"live": "old"} {
		if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	wait(t, told)
	if err := os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "live")); err != nil {
		t.Fatal(err)
	}
	wait(t, told)
	write(t, file, "changed in the new folder")
	wait(t, told)
}

// TestForgottenIsNotTold forgets every file, which must remove every watch.
func TestForgottenIsNotTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	kept, gone := filepath.Join(dir, "kept", "f"), filepath.Join(dir, "gone", "f")
	for _, name := range []string{kept, gone} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w := looking()
	told := tells(t, w, kept, gone)
	w.Forget(gone)
	write(t, kept, "a")
	wait(t, told) // it is forgotten once this is reported
	write(t, gone, "a")
	write(t, kept, "b")
	if got := wait(t, told); !slices.Equal(got, []string{kept}) {
		t.Errorf("got reports of %v", got)
	}
}

// TestLooksWhereEventsDoNotReach switches off events: polling must find a change.
func TestLooksWhereEventsDoNotReach(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "f")
	w := looking()
	w.deaf = true
	limited := make(chan string, 1)
	w.opt.Limited = func(message string) { limited <- message }
	told := tells(t, w, file)
	write(t, file, "a")
	wait(t, told)
	if len(limited) != 1 {
		t.Error("Limited was not called")
	}
}

// TestNoChangeDuringALoadIsMissed changes a file after it was read and before the watcher
// knows of it, with and without a change of its size.
func TestNoChangeDuringALoadIsMissed(t *testing.T) {
	t.Parallel()
	for _, later := range []string{"b", "other"} {
		file := filepath.Join(t.TempDir(), "f")
		write(t, file, "a")
		_, version, err := readfile.Bounded(file, 10)
		if err != nil {
			t.Fatal(err)
		}
		write(t, file, later)
		f, told := NewFiles(Options{Disks: devices.New(), Work: devices.Configure, Within: time.Second}), make(chan struct{}, 9)
		f.Know(Set{Versions: map[string]readfile.Version{file: version}})
		launch(t, func(ctx context.Context) { f.Run(ctx, func([]string) { told <- struct{}{} }) })
		expect(t, told)
	}
}

// TestNewMatchOfAPatternIsTold creates a file that matches a pattern, in a folder that is
// created later, and a matching one that is ignored.
func TestNewMatchOfAPatternIsTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, told := NewFiles(Options{Disks: devices.New(), Work: devices.Configure, Within: time.Second}), make(chan []string, 9)
	f.Know(Set{
		Globs:   []string{filepath.Join(dir, "conf.d", "*.toml")},
		Ignored: func(path string) bool { return filepath.Base(path)[0] == '.' },
	})
	launch(t, func(ctx context.Context) { f.Run(ctx, func(paths []string) { told <- paths }) })
	if err := os.Mkdir(filepath.Join(dir, "conf.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "conf.d", ".hidden.toml"), "x")
	name := filepath.Join(dir, "conf.d", "a.toml")
	write(t, name, "x")
	if got := wait(t, told); !slices.Equal(got, []string{name}) {
		t.Errorf("got reports of %v", got)
	}
}

// TestEventsWakeNobodyWhoDoesNotRead checks that the queue is not in the runtime's
// poller, which would wake up for each event, and that close ends a read.
func TestEventsWakeNobodyWhoDoesNotRead(t *testing.T) {
	q, err := newInotify()
	if err != nil {
		t.Skip(err)
	}
	if err := q.file.SetReadDeadline(time.Now()); !errors.Is(err, os.ErrNoDeadline) {
		t.Errorf("a deadline can be set (%v), so the queue is in the poller", err)
	}
	ended := make(chan error)
	go func() {
		_, err := q.read(make([]byte, 4096))
		ended <- err
	}()
	if err := q.close(); err != nil {
		t.Error(err)
	}
	if wait(t, ended) == nil {
		t.Error("read: got events after close")
	}
}

// TestParse parses events of the kernel, including a truncated one at the end.
func TestParse(t *testing.T) {
	dir := t.TempDir()
	q, err := newInotify()
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = q.close() }()
	wd, err := q.add(dir, contents)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "a"), "x")
	write(t, filepath.Join(dir, "longer-name"), "x")
	buf := make([]byte, 4096)
	n, err := q.read(buf)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	parse(buf[:n], func(e event) {
		if e.wd != wd {
			t.Errorf("watch %d, want %d", e.wd, wd)
		}
		if len(got) == 0 || got[len(got)-1] != string(e.name) {
			got = append(got, string(e.name))
		}
	})
	if !slices.Equal(got, []string{"a", "longer-name"}) {
		t.Errorf("events of %q", got)
	}
	parse(buf[:20], func(event) {})
}

// TestSeenIsNotTold: a version that was already read is not reported; another one and later
// changes are.
func TestSeenIsNotTold(t *testing.T) {
	old, err := filepath.Abs("watch.go") // it must not have changed within the last second
	if err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(t.TempDir(), "fresh")
	write(t, fresh, "x")
	asked, told := make(chan string, 100), make(chan []string, 100)
	w := New(Options{Disks: devices.New(), Work: devices.Look, Within: time.Second, Seen: func(path string, mark uint64) bool {
		asked <- path
		return path == old && mark != 0
	}})
	w.Follow(old, fresh)
	launch(t, func(ctx context.Context) { w.Run(ctx, func(paths []string) { told <- paths }) })
	for range 2 { // in any order
		select {
		case path := <-asked:
			if path != old {
				t.Errorf("asked for %s, which is too young to be known again", path)
			}
		case got := <-told:
			if !slices.Equal(got, []string{fresh}) {
				t.Errorf("got %q, want only %s", got, fresh)
			}
		case <-time.After(patience):
			t.Fatal("got no report")
		}
	}
	write(t, fresh, "y")
	if got := wait(t, told); !slices.Equal(got, []string{fresh}) {
		t.Errorf("got %q after a change, want %s", got, fresh)
	}
}
