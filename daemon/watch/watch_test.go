package watch

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vigented/vigente/internal/devices"
	"github.com/vigented/vigente/internal/readfile"
)

// patience is how long a change may take to be reported.
const patience = 10 * time.Second

// start watches the files and returns the channel of reports, once all of them are followed.
func start(t *testing.T, files ...string) <-chan struct{} {
	t.Helper()
	told := make(chan struct{}, 100)
	f := NewFiles(Options{Disks: devices.New(), Work: devices.Configure, Within: 2 * time.Second})
	versions := map[string]readfile.Version{}
	for _, name := range files {
		_, versions[name], _ = readfile.Bounded(name, maxBytes)
	}
	f.Know(Set{Versions: versions})
	launch(t, func(ctx context.Context) { f.Run(ctx, func([]string) { told <- struct{}{} }) })
	return told
}

// launch runs a function until the test ends.
func launch(t *testing.T, run func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func replace(t *testing.T, name, text string) {
	t.Helper()
	write(t, name+".new", text)
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, told <-chan struct{}) {
	t.Helper()
	select {
	case <-told:
	case <-time.After(patience):
		t.Fatal("the change was not reported")
	}
}

func TestTellsOfEveryKindOfChange(t *testing.T) {
	cases := map[string]func(t *testing.T, dir string) (file string, change func()){
		"written in place": func(t *testing.T, dir string) (string, func()) {
			name := filepath.Join(dir, "f")
			write(t, name, "a")
			return name, func() { write(t, name, "b") }
		},
		"renamed over": func(t *testing.T, dir string) (string, func()) {
			name := filepath.Join(dir, "f")
			write(t, name, "a")
			return name, func() { replace(t, name, "b") }
		},
		"came into being": func(t *testing.T, dir string) (string, func()) {
			name := filepath.Join(dir, "f")
			return name, func() { write(t, name, "b") }
		},
		"came into being with its folder": func(t *testing.T, dir string) (string, func()) {
			name := filepath.Join(dir, "later", "f")
			return name, func() {
				if err := os.Mkdir(filepath.Dir(name), 0o700); err != nil {
					t.Fatal(err)
				}
				write(t, name, "b")
			}
		},
		"went away": func(t *testing.T, dir string) (string, func()) {
			name := filepath.Join(dir, "f")
			write(t, name, "a")
			return name, func() {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
			}
		},
		"symbolic link swapped": func(t *testing.T, dir string) (string, func()) {
			// Like a mounted secret of Kubernetes: file -> ..data -> folder.
			for _, v := range []string{"v1", "v2"} {
				if err := os.Mkdir(filepath.Join(dir, v), 0o700); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(dir, v, "f"), v)
			}
			link := func(target, name string) {
				if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			link("v1", "..data")
			link("..data/f", "f")
			return filepath.Join(dir, "f"), func() {
				link("v2", "..new")
				if err := os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")); err != nil {
					t.Fatal(err)
				}
			}
		},
		// There are events only for the folders of the file's name and of its target.
		// Changes between them are found by polling.
		"symbolic link swapped where no events are": func(t *testing.T, dir string) (string, func()) {
			for _, sub := range []string{"name", "between", "v1", "v2"} {
				if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			for _, v := range []string{"v1", "v2"} {
				write(t, filepath.Join(dir, v, "f"), v)
			}
			between, file := filepath.Join(dir, "between", "link"), filepath.Join(dir, "name", "f")
			for link, target := range map[string]string{file: between, between: filepath.Join(dir, "v1", "f"), between + ".new": filepath.Join(dir, "v2", "f")} {
				if err := os.Symlink(target, link); err != nil {
					t.Fatal(err)
				}
			}
			return file, func() {
				if err := os.Rename(between+".new", between); err != nil {
					t.Fatal(err)
				}
			}
		},
	}
	for name, make := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, change := make(t, t.TempDir())
			told := start(t, file)
			change()
			expect(t, told)
		})
	}
}

func TestSameBytesAreNoChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	same, other := filepath.Join(dir, "same"), filepath.Join(dir, "other")
	write(t, same, "a")
	write(t, other, "a")
	told := start(t, same, other)
	replace(t, same, "a")
	if err := os.Chtimes(same, time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	// The following change must be the only one reported. Written in place, it might be
	// seen twice: empty, and then complete.
	replace(t, other, "b")
	expect(t, told)
	replace(t, other, "c")
	expect(t, told)
	if len(told) != 0 {
		t.Error("got more reports than the two changes")
	}
}
