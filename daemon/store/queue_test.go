package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// TestACrowdSharesCommits: everything that is queued while the disk is busy is written in
// one commit. How much that is without our help depends on the disk and the processors.
func TestACrowdSharesCommits(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	const crowd, each = 32, 20
	var all sync.WaitGroup
	save := func(i, n int) {
		key := schedule.Key{Name: fmt.Sprint("task-", i)}
		if err := s.Save(t.Context(), key, schedule.Record{Part: schedule.Token{Revision: uint64(n)}}); err != nil {
			t.Error(err)
		}
	}
	for i := range crowd {
		all.Go(func() {
			for n := range each / 2 {
				save(i, n+1)
			}
		})
	}
	all.Wait()
	commits := s.commits
	for n := each / 2; n < each; n++ {
		release := held(s)
		for i := range crowd {
			all.Go(func() { save(i, n+1) })
		}
		waitFor(func() bool { return queued(s) == crowd })
		release()
		all.Wait()
	}
	if n := s.commits - commits; n != each/2 {
		t.Errorf("got %d commits for %d times %d saves, want one each time", n, each/2, crowd)
	}
	want := load(t, s)
	shut(t, s)
	got := load(t, open(t, dir, nil))
	if !reflect.DeepEqual(got, want) || len(got.Records) != crowd {
		t.Errorf("%d records after a restart", len(got.Records))
	}
	for key, r := range got.Records {
		if r.Token().Revision != each {
			t.Errorf("%s holds revision %d, want the last one", key.Name, r.Token().Revision)
		}
	}
}

// held makes the disk of a store slow: the next commit waits until release is called.
func held(s *Store) (release func()) {
	s.disk.Lock()
	return s.disk.Unlock
}

// TestCallersThatGiveUp: when a context ends, the caller returns but the save continues,
// even if all callers of a group have returned.
func TestCallersThatGiveUp(t *testing.T) {
	for _, staying := range []int{0, 1} {
		s := open(t, t.TempDir(), nil)
		release := held(s)
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		var leavers, stayers sync.WaitGroup
		begin := func(wg *sync.WaitGroup, ctx context.Context, name string, want error) {
			wg.Go(func() {
				if err := s.Save(ctx, schedule.Key{Name: name}, schedule.Record{Part: schedule.Token{Revision: 1}}); !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", name, err, want)
				}
			})
		}
		for i := range 3 {
			begin(&leavers, ctx, fmt.Sprint("leaver-", i), enough)
		}
		for i := range staying {
			begin(&stayers, t.Context(), fmt.Sprint("stayer-", i), nil)
		}
		waitFor(func() bool { return queued(s) == 3+staying })
		cancel(enough)
		leavers.Wait()
		release()
		stayers.Wait()
		dir := s.dir
		shut(t, s)
		if got := load(t, open(t, dir, nil)).Records; len(got) != 3+staying {
			t.Errorf("%d records were written, want %d", len(got), 3+staying)
		}
	}
}

// queued returns the number of writes that wait for the next commit.
func queued(s *Store) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue == nil {
		return 0
	}
	return s.queue.writes
}

// waitFor lets others run until a condition holds.
func waitFor(condition func() bool) {
	for !condition() {
		runtime.Gosched()
	}
}

// TestTheLaterSaveWins saves one record twice, also within one commit.
func TestTheLaterSaveWins(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	release := held(s)
	commits := s.commits
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			if err := s.Save(t.Context(), loja, schedule.Record{Part: schedule.Token{Revision: uint64(i + 1)}}); err != nil {
				t.Error(err)
			}
		})
		waitFor(func() bool { return queued(s) == i+1 })
	}
	release()
	wg.Wait()
	if got := load(t, s).Records[loja].Token().Revision; got != 10 {
		t.Errorf("revision %d, want 10", got)
	}
	if n := s.commits - commits; n != 1 {
		t.Errorf("%d commits, want one", n)
	}
}

// TestCloseWaits checks that Close waits for running saves.
func TestCloseWaits(t *testing.T) {
	for range 20 { // without the wait it would succeed by chance
		dir := t.TempDir()
		s := open(t, dir, nil)
		release := held(s)
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				if err := s.Save(t.Context(), schedule.Key{Name: fmt.Sprint(i)}, schedule.Record{}); err != nil {
					t.Error(err)
				}
			})
			waitFor(func() bool { return queued(s) == i+1 })
		}
		wg.Go(func() {
			if err := s.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		waitFor(func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.closed })
		release()
		wg.Wait()
		if got := load(t, open(t, dir, nil)).Records; len(got) != 3 {
			t.Fatalf("%d records, want 3", len(got))
		}
	}
}

// TestAFailedCommit checks that a failed write is reported and loses nothing durable.
func TestAFailedCommit(t *testing.T) {
	for name, broken := range map[string]int{"closed": -1, "read-only": os.O_RDONLY} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, nil)
			want := records(30)
			save(t, s, want)
			good := s.log.file
			bad, err := os.OpenFile(s.path(), max(0, broken), 0)
			if err != nil {
				t.Fatal(err)
			}
			if broken < 0 {
				if err := bad.Close(); err != nil {
					t.Fatal(err)
				}
			}
			s.log.file = bad
			if err := s.Save(t.Context(), loja, schedule.Record{Part: schedule.Token{Revision: 77}}); err == nil {
				t.Fatal("a save that cannot be written succeeded")
			}
			s.log.file = good
			next := schedule.Key{Kind: schedule.Hooking, Name: "next"}
			want[next] = numbered(next.Kind, 78)
			if err := s.Save(t.Context(), next, want[next]); err != nil {
				t.Fatal(err)
			}
			if s.doubt {
				t.Error("the file is still in doubt after a good commit")
			}
			shut(t, s)
			if got := load(t, open(t, dir, nil)).Records; !reflect.DeepEqual(got, want) {
				t.Errorf("got %d records after a restart, want %d", len(got), len(want))
			}
			if got := names(t, dir); len(got) != 2 {
				t.Errorf("the directory holds %v", got)
			}
		})
	}
}

// TestADiskThatHangsKeepsNobody checks that neither a caller nor Close is blocked.
func TestADiskThatHangsKeepsNobody(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	release := held(s)
	over, cancel := context.WithCancel(t.Context())
	var caller sync.WaitGroup
	caller.Go(func() {
		if err := s.Save(over, loja, schedule.Record{Part: schedule.Token{Revision: 1}}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v from Save", err)
		}
	})
	waitFor(func() bool { return queued(s) == 1 })
	cancel()
	caller.Wait()
	if err := s.Close(over); err == nil || !strings.Contains(err.Error(), "the disk does not answer") {
		t.Errorf("got %v from Close, want that the disk does not answer", err)
	}
	if err := s.Save(t.Context(), loja, schedule.Record{}); !errors.Is(err, errClosed) {
		t.Errorf("got %v from Save after Close", err)
	}
	release()
	waitFor(func() bool { s.disk.Lock(); defer s.disk.Unlock(); return s.shutting })
	if got := load(t, open(t, dir, nil)).Records[loja].Token().Revision; got != 1 {
		t.Errorf("got revision %d, want that of the running save", got)
	}
}

// TestAnEndFindsRoom: an attempt begins only if there is room to save its end too.
func TestAnEndFindsRoom(t *testing.T) {
	if !privateMounts(t) {
		return
	}
	dir := smallDisk(t, "1m")
	s := open(t, dir, nil)
	defer shut(t, s)
	attempt, err := s.Begin(t.Context(), loja, schedule.Record{Part: schedule.Token{Revision: 1}})
	if err != nil {
		t.Fatal(err)
	}
	have, _ := free(dir)
	if err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, have-Headroom/2), 0o600); err != nil {
		t.Fatal(err)
	}
	late, err := s.Begin(t.Context(), schedule.Key{Name: "late"}, schedule.Record{Part: schedule.Token{Revision: 1}})
	if !errors.Is(err, unix.ENOSPC) || late == nil {
		t.Errorf("Begin on a nearly full disk: got %v, %v; want an error", late, err)
	}
	if err := late.Commit(t.Context(), schedule.Record{}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("it ends with %v", err)
	}
	if err := s.Write(t.Context(), engine.Batch{Dropped: []schedule.Key{{Name: "gone"}}}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("a batch is written with %v", err)
	}
	if err := attempt.Commit(t.Context(), fullRecord()); err != nil {
		t.Errorf("the end of an attempt that had begun: %v", err)
	}
}
