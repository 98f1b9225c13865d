package devices

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// twoDevices has the root file system and a file server at /away.
const twoDevices = `20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
21 20 0:50 / /away rw,relatime shared:2 - nfs4 server:/x rw
22 20 8:1 /sub /bound rw - ext4 /dev/sda1 rw
`

func fixed(text string) *Pool {
	t := NewTable(text)
	return newPool(func() *Table { return t })
}

// hang starts n calls on path that return when release is closed.
func hang(ctx context.Context, p *Pool, n int, path string, release <-chan struct{}) *atomic.Int32 {
	var at atomic.Int32
	for range n {
		go func() {
			_, _ = call(ctx, p, p.mounts().Of(path), Deliver, func(context.Context) (int, error) {
				at.Add(1)
				<-release
				at.Add(-1)
				return 0, nil
			})
		}()
	}
	return &at
}

func ask(p *Pool, w Work, path string) error {
	_, err := call(context.Background(), p, p.mounts().Of(path), w, func(context.Context) (int, error) { return 0, nil })
	return err
}

func isHanging(err error) bool {
	_, ok := errors.AsType[*HangingError](err)
	return ok
}

// TestThreadsOfADeviceThatHangs: however many calls go to a hanging device,
// they occupy eight threads plus one per kind of work, and do not delay the
// other device.
func TestThreadsOfADeviceThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, release := fixed(twoDevices), make(chan struct{})
		stuck := hang(t.Context(), p, 300, "/away/x", release)
		synctest.Wait()
		if got := stuck.Load(); got != threads {
			t.Errorf("got %d blocked threads, want %d", got, threads)
		}
		begun := time.Now()
		if err := ask(p, Deliver, "/here"); err != nil || time.Since(begun) > 0 {
			t.Errorf("other device: got %v after %s, want nil at once", err, time.Since(begun))
		}
		time.Sleep(HangsAfter)
		for range 20 { // reloads and checks continue
			hang(t.Context(), p, 50, "/away/x", release)
			time.Sleep(time.Minute)
		}
		if got := stuck.Load(); got != threads+1 {
			t.Errorf("got %d blocked threads, want the limit of %d and a probe", got, threads)
		}
		d := p.device(p.mounts().Of("/away/x"))
		d.mu.Lock()
		if got := len(d.running); got > threads+1 {
			t.Errorf("got %d running calls, want at most %d", got, threads+1)
		}
		d.mu.Unlock()
		if err := ask(p, Look, "/away/x"); err != nil {
			t.Errorf("a probe of another kind that is answered: got %v", err)
		}
		begun = time.Now()
		if err := ask(p, Deliver, "/away/x"); !isHanging(err) || time.Since(begun) > 0 {
			t.Errorf("while a probe is running: got %v after %s, want a hanging error at once", err, time.Since(begun))
		}
		close(release)
		synctest.Wait()
		if err := ask(p, Deliver, "/away/x"); err != nil {
			t.Errorf("after the probe returned: got %v", err)
		}
	})
}

// TestWaitersLearnThatTheDeviceHangs: calls that wait for a thread return as
// soon as the device is known to hang.
func TestWaitersLearnThatTheDeviceHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, release := fixed(twoDevices), make(chan struct{})
		hang(t.Context(), p, threads, "/away/x", release)
		synctest.Wait()
		begun := time.Now()
		for range 3 {
			go func() { _, _ = ask(p, Preflight, "/away/x"), 0 }()
		}
		time.Sleep(HangsAfter + time.Millisecond)
		if err := ask(p, Preflight, "/away/x"); err != nil { // a probe that returns
			t.Errorf("got %v after %s", err, time.Since(begun))
		}
		close(release)
		synctest.Wait()
	})
}

// TestCancelEndsTheWaitForAHangingCall: cancelling the caller's context ends
// the wait, not the call.
func TestCancelEndsTheWaitForAHangingCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, release := fixed(twoDevices), make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		begun := time.Now()
		_, err := call(ctx, p, Mount{Device: "9:9"}, Look, func(context.Context) (int, error) { <-release; return 1, nil })
		if !errors.Is(err, context.Canceled) || time.Since(begun) != time.Second {
			t.Errorf("got %v after %s, want context.Canceled after 1s", err, time.Since(begun))
		}
		close(release)
		synctest.Wait()
	})
}

func TestPanicReachesTheCaller(t *testing.T) {
	defer func() {
		if recover() != "boom" {
			t.Error("the panic did not reach the caller")
		}
	}()
	_, _ = Run(t.Context(), New(), Look, "/", func(context.Context) (int, error) { panic("boom") })
}

func TestTable(t *testing.T) {
	table := NewTable(twoDevices + "23 20 0:51 / /with\\040blank ro,nosuid - tmpfs none rw\n" + "torn line\n")
	for path, want := range map[string]Mount{
		"/":              {Device: "8:1", Root: "/", Point: "/", Type: "ext4"},
		"/awayfrom":      {Device: "8:1", Root: "/", Point: "/", Type: "ext4"},
		"/away/a/b":      {Device: "0:50", Root: "/", Point: "/away", Type: "nfs4"},
		"/bound":         {Device: "8:1", Root: "/sub", Point: "/bound", Type: "ext4"},
		"/with blank/of": {Device: "0:51", Root: "/", Point: "/with blank", Type: "tmpfs", ReadOnly: true},
	} {
		if got := table.Of(path); got != want {
			t.Errorf("%s: got %+v, want %+v", path, got, want)
		}
	}
	if got := NewTable("").Of("/x"); got != (Mount{Point: "/"}) {
		t.Errorf("without a table: got %+v", got)
	}
}

// TestSourceReadsTheTable reads the mount table of this process.
func TestSourceReadsTheTable(t *testing.T) {
	if _, ok := (&source{}).table().At("/"); !ok {
		t.Error("the mount table has no root")
	}
}

func TestResolve(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b/c"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"a/up": "../b", "abs": dir + "/b/c", "turn": "a/up/../a", "loop": "loop", "dangling": "none/x"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"a/up/c/file": "b/c/file",
		"abs/file":    "b/c/file",
		"turn/file":   "a/file", // .. is relative to the link's target
		"dangling/f":  "none/x/f",
		"none/up/f":   "none/up/f",
	} {
		at, err := Resolve(t.Context(), New(), Look, filepath.Join(dir, path))
		if err != nil || at.Path != filepath.Join(dir, want) {
			t.Errorf("%s: got %s, %v; want %s", path, at.Path, err, want)
		}
	}
	at, _ := Resolve(t.Context(), New(), Look, dir+"/abs/file")
	for _, e := range []Entry{{"/", split(dir)[0]}, {dir, "abs"}, {dir, "b"}, {dir + "/b/c", "file"}} {
		if !slices.Contains(at.Entries, e) {
			t.Errorf("missing entry %v in %v", e, at.Entries)
		}
	}
	if _, err := Resolve(t.Context(), New(), Look, dir+"/loop/x"); !errors.Is(err, ErrLinks) {
		t.Errorf("loop: got %v", err)
	}
}

// TestLinkUsesTheLimitOfItsTarget: a path across several devices uses
// the limits of each for its own part. A link from a healthy device to a
// hanging one occupies no thread of the former.
func TestLinkUsesTheLimitOfItsTarget(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	away := filepath.Join(dir, "away")
	if err := errors.Join(os.Mkdir(away, 0o700), os.Symlink(away, dir+"/link")); err != nil {
		t.Fatal(err)
	}
	p := fixed("1 0 8:1 / / rw - ext4 x rw\n2 1 0:9 / " + away + " rw - nfs x rw\n")
	at, err := Run(t.Context(), p, Look, dir+"/link/file", func(context.Context) (int, error) {
		d := p.device(Mount{Device: "0:9", Point: away})
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.running), nil
	})
	if err != nil || at != 1 {
		t.Errorf("got %d threads on the target device and %v, want 1", at, err)
	}
}

func TestResolveAll(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(os.Mkdir(dir+"/real", 0o700), os.Symlink("real", dir+"/link"), os.WriteFile(dir+"/real/a", nil, 0o600), os.Symlink("a", dir+"/real/b"))
	if err != nil {
		t.Fatal(err)
	}
	got := ResolveAll(t.Context(), New(), []string{dir + "/link/a", dir + "/real/b", dir + "/real/./a", dir + "/none/x", dir + "/link/a"})
	for path, want := range map[string]string{"/link/a": "/real/a", "/real/b": "/real/a", "/real/./a": "/real/a", "/none/x": "/none/x"} {
		if got[dir+path].Path != dir+want {
			t.Errorf("%s: got %s, want %s", path, got[dir+path].Path, want)
		}
	}
	if len(got) != 4 {
		t.Errorf("got %d results, want 4", len(got))
	}
}

// TestResolveAllSkipsHangingDevices: folders on a hanging device do not delay the
// others, and no more goroutines are started than the device has threads.
func TestResolveAllSkipsHangingDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, release := fixed(twoDevices), make(chan struct{})
		hang(t.Context(), p, threads, "/away/x", release)
		synctest.Wait()
		time.Sleep(HangsAfter)
		go func() { // the probe
			_, _ = call(context.Background(), p, p.mounts().Of("/away"), Configure, func(context.Context) (int, error) { <-release; return 0, nil })
		}()
		time.Sleep(probeTime)
		begun := time.Now()
		got := ResolveAll(t.Context(), p, []string{"/away/a/x", "/away/b/x", "/none/x"})
		if len(got) != 3 || got["/away/b/x"].Mount.Device != "0:50" || time.Since(begun) > 0 {
			t.Errorf("got %+v after %s", got, time.Since(begun))
		}
		close(release)
		synctest.Wait()
	})
}

// TestResolveAllIsFinalWhenItReturns: a call that is under way when the time is over
// changes nothing any more when it ends.
func TestResolveAllIsFinalWhenItReturns(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(dir+"/real", 0o700), os.Symlink("real", dir+"/link")); err != nil {
		t.Fatal(err)
	}
	paths, looks := []string{dir + "/link/f"}, 0
	ResolveAll(t.Context(), newPool(func() *Table { looks++; return NewTable(twoDevices) }), paths)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release, left := make(chan struct{}), looks
		p := newPool(func() *Table {
			if left--; left == 0 { // the last look is that at the path itself
				cancel()
				<-release
			}
			return NewTable(twoDevices)
		})
		got := ResolveAll(ctx, p, paths)
		close(release)
		synctest.Wait()
		if at := got[paths[0]].Path; at != paths[0] {
			t.Errorf("got %s, want %s, as it was returned", at, paths[0])
		}
	})
}

// TestResolveWithoutLinks: the entries of a path on which the folders are passed over
// together are those of all its components.
func TestResolveWithoutLinks(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "a/b/c"), 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a/b/c/file")
	var want []Entry
	for at := path; at != "/"; at = filepath.Dir(at) {
		want = append([]Entry{{filepath.Dir(at), filepath.Base(at)}}, want...)
	}
	at, err := Resolve(t.Context(), New(), Look, path)
	if err != nil || at.Path != path || !slices.Equal(at.Entries, want) {
		t.Errorf("got %s by %v, %v; want %v", at.Path, at.Entries, err, want)
	}
	table := New().Mounts()
	r := start(table, path, false)
	if r.skip(table, table.Of(path)); len(r.rest) != 1 {
		t.Errorf("%q is left to follow, want only the file", r.rest)
	}
}
