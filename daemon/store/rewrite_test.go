package store

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"sync"
	"testing"

	"github.com/vigented/vigente/daemon/schedule"
)

// TestTheFileIsRewritten rewrites the file repeatedly during saves, and loses nothing.
func TestTheFileIsRewritten(t *testing.T) {
	for name, key := range map[string]*[32]byte{"clear": nil, "sealed": {4}} {
		dir := t.TempDir()
		s := open(t, dir, key)
		s.slack = 64 << 10
		want := map[schedule.Key]schedule.Record{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				for n := range 200 {
					k := schedule.Key{Name: fmt.Sprint("task-", i, "-", n%5)}
					r := revision(uint64(n + 1))
					if err := s.Save(t.Context(), k, r); err != nil {
						t.Error(err)
					}
					mu.Lock()
					want[k] = r
					mu.Unlock()
				}
				k := schedule.Key{Name: fmt.Sprint("task-", i, "-0")}
				if err := s.Delete(t.Context(), k); err != nil {
					t.Error(err)
				}
				mu.Lock()
				delete(want, k)
				mu.Unlock()
			})
		}
		all.Wait()
		// If saves were faster than the rewrite, a save or two more make it small again.
		size, limit := rewritten(t, s)
		for range 5 {
			if size <= limit {
				break
			}
			k := schedule.Key{Name: "task-0-1"}
			save(t, s, map[schedule.Key]schedule.Record{k: want[k]})
			size, limit = rewritten(t, s)
		}
		if size > limit {
			t.Errorf("%s: the file has %d bytes, want at most %d", name, size, limit)
		}
		counter := s.log.end.counter
		if counter < uint64(s.commits) {
			t.Errorf("%s: the counter is %d after %d commits", name, counter, s.commits)
		}
		shut(t, s)
		s = open(t, dir, key)
		if got := load(t, s).Records; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %d records after a restart, want %d", name, len(got), len(want))
		}
		if s.log.end.counter < counter {
			t.Errorf("%s: the counter went back from %d to %d", name, counter, s.log.end.counter)
		}
		shut(t, s)
		for _, n := range names(t, dir) {
			if n == freshName {
				t.Errorf("%s: a temporary file is left", name)
			}
		}
	}
}

// rewritten waits for a running rewrite, and returns the size of the file and its limit.
func rewritten(t *testing.T, s *Store) (size, limit int64) {
	t.Helper()
	s.disk.Lock()
	done := s.rewriting
	s.disk.Unlock()
	if done != nil {
		<-done
	}
	info, err := os.Stat(s.path())
	if err != nil {
		t.Fatal(err)
	}
	s.disk.Lock()
	defer s.disk.Unlock()
	return info.Size(), 3*s.log.live + 3*s.slack
}

// TestTheCounterSurvivesRewriting: the counter never goes back, although a new file has fewer
// frames.
func TestTheCounterSurvivesRewriting(t *testing.T) {
	s := open(t, t.TempDir(), &[32]byte{1})
	for range 500 {
		save(t, s, map[schedule.Key]schedule.Record{loja: {}})
	}
	before := s.log.end
	b, err := s.copyNewest(chain{at: before.at, counter: 1, sum: before.sum}, func() bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	if err := s.copyFrames(b, before, chain{at: before.at, counter: before.counter}); err != nil {
		t.Fatal(err)
	}
	if err := b.finish(); err != nil {
		t.Fatal(err)
	}
	s.disk.Lock()
	err = s.replace(b)
	s.disk.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	dir := s.dir
	shut(t, s)
	if s = open(t, dir, &[32]byte{1}); s.log.end.counter < before.counter {
		t.Errorf("the counter is %d after %d", s.log.end.counter, before.counter)
	}
}

// TestFramesBelongToOneFile: a frame does not open in another file, even with the same key.
func TestFramesBelongToOneFile(t *testing.T) {
	key := &[32]byte{1}
	a, b := t.TempDir(), t.TempDir()
	shut(t, open(t, a, key))
	shut(t, open(t, b, key))
	data := append(bytes.Clone(read(t, a)[:firstFrame]), read(t, b)[firstFrame:]...)
	dir, _, err := opened(t, data, key)
	if err == nil {
		t.Error("frames of another file opened, want an error")
	}
	wantRefusal(t, "mixed", dir, data, err)
}
