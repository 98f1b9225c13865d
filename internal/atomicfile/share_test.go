package atomicfile

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/disktest"
)

// TestFolderSyncsAreShared: those who ask for a sync while one is running share the
// next one, with its error, and none gets the result of the one that was running. The
// one whose folder was opened first makes it.
func TestFolderSyncsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := folderSyncs{folders: map[folderID][]*folderSync{}}
		id, fault := folderID{1, 2}, errors.New("first failed")
		first, second := make(chan struct{}), make(chan struct{})
		var mu sync.Mutex
		var made []string
		results := map[string]error{}
		start := func(name string, id folderID, opened uint64, until chan struct{}, end error) {
			go func() {
				err := s.run(id, opened, func() error {
					mu.Lock()
					made = append(made, name)
					mu.Unlock()
					<-until
					return end
				})
				mu.Lock()
				defer mu.Unlock()
				results[name] = err
			}()
			synctest.Wait()
		}
		want := func(what string, wantMade, wantEnded []string) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			ended := []string{}
			for name := range results {
				ended = append(ended, name)
			}
			slices.Sort(ended)
			if !slices.Equal(made, wantMade) || !slices.Equal(ended, wantEnded) {
				t.Errorf("%s: got syncs by %q and ended %q, want %q and %q", what, made, ended, wantMade, wantEnded)
			}
		}
		start("a", id, 3, first, fault)
		start("b", id, 7, second, nil)
		start("c", id, 5, second, nil)
		start("d", id, 6, second, nil)
		start("elsewhere", folderID{1, 3}, 8, second, nil)
		want("while the first runs", []string{"a", "elsewhere"}, []string{})
		close(first)
		want("while the next runs", []string{"a", "elsewhere", "c"}, []string{"a"})
		start("e", id, 1, second, nil)
		close(second)
		want("at the end", []string{"a", "elsewhere", "c", "e"}, []string{"a", "b", "c", "d", "e", "elsewhere"})
		for name, err := range results {
			if failed := errors.Is(err, fault); failed != (name == "a") {
				t.Errorf("%s got %v", name, err)
			}
		}
		if len(s.folders) != 0 {
			t.Errorf("%d folders are kept, want none", len(s.folders))
		}
	})
}

// TestSharedSyncThatFails: everybody who relied on a sync is told that it failed.
func TestSharedSyncThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := folderSyncs{folders: map[folderID][]*folderSync{}}
		until, fault := make(chan struct{}), errors.New("failed")
		go func() { _ = s.run(folderID{}, 1, func() error { <-until; return nil }) }()
		synctest.Wait()
		failed := make(chan error, 3)
		for i := range 3 {
			go func() { failed <- s.run(folderID{}, uint64(2+i), func() error { return fault }) }()
		}
		synctest.Wait()
		close(until)
		for range 3 {
			if err := <-failed; !errors.Is(err, fault) {
				t.Errorf("got %v, want the error of the shared sync", err)
			}
		}
	})
}

// TestPowerCutAfterSharedSyncs replaces files of one folder at the same time, so that
// all but the first of a round share a sync, and cuts the power at every point: once a
// call has returned, its file is there whatever the others were doing.
func TestPowerCutAfterSharedSyncs(t *testing.T) {
	const n, rounds = 6, 3
	disk := disktest.Mount(t)
	for i := range n {
		put(t, filepath.Join(disk.Root, fmt.Sprint(i)), "old", 0o640)
	}
	syncAll(t, disk.Root)
	disk.Mark("begin")
	for round := range rounds {
		replaceTogether(t, disk, n, round)
	}
	trace := disk.Trace()
	begin := slices.IndexFunc(trace, func(c disktest.Change) bool { return c.Text == "begin" })
	made := 0
	for _, c := range trace[begin:] {
		if c.Op == "syncdir" {
			made++
		}
	}
	if made != 2*rounds {
		t.Errorf("got %d syncs of the folder for %d writes, want two a round", made, n*rounds)
	}
	states := disktest.Crashes(trace, func(after int) bool { return after > begin }, func(c disktest.Crash) {
		last := map[string]int{} // the last round that a writer was told is done
		for _, change := range trace[:c.After] {
			var name string
			var round int
			if got, _ := fmt.Sscanf(change.Text, "done %s %d", &name, &round); got == 2 {
				last[name] = round
			}
		}
		for name, round := range last {
			got := c.Files["/"+name]
			var holds int
			if _, err := fmt.Sscanf(strings.TrimPrefix(got, fresh), " in round %d", &holds); err != nil || holds < round {
				t.Errorf("cut after %d (%s): file %s holds %q after round %d was reported", c.After, c.Why, name, got, round)
			}
		}
	})
	t.Logf("%d syncs of the folder for %d writes, %d states", made, n*rounds, states)
}

// replaceTogether replaces n files at the same time. The first sync of the folder
// begins when all others wait for the next.
func replaceTogether(t *testing.T, disk *disktest.Disk, n, round int) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(disk.Root, &st); err != nil {
		t.Fatal(err)
	}
	id := folderID{uint64(st.Dev), st.Ino} //nolint:unconvert // other widths on other machines
	waiting := func() int {
		syncs.mu.Lock()
		defer syncs.mu.Unlock()
		return len(syncs.folders[id])
	}
	var first atomic.Bool
	s := quick()
	s.before = func(op string) error {
		if op == "sync folder" && first.CompareAndSwap(false, true) {
			for waiting() < n-1 && t.Context().Err() == nil {
				runtime.Gosched()
			}
		}
		return nil
	}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			text := fmt.Sprintf("%s in round %d", fresh, round)
			if _, err := s.replace(t.Context(), filepath.Join(disk.Root, fmt.Sprint(i)), Options{}, to(text)); err != nil {
				t.Error(err)
			}
			disk.Mark(fmt.Sprintf("done %d %d", i, round))
		})
	}
	all.Wait()
}
