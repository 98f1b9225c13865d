package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/vigented/vigente/daemon/schedule"
)

func TestACrowdSharesCommits(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	const crowd, each = 32, 20
	before, commits := s.db.Stats(), s.commits
	var all sync.WaitGroup
	for i := range crowd {
		all.Go(func() {
			for n := range each {
				key := schedule.Key{Name: fmt.Sprint("task-", i)}
				if err := s.Save(t.Context(), key, schedule.Record{Revision: uint64(n + 1)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	after := s.db.Stats()
	writes := after.Sub(&before)
	t.Logf("%d saves in %d commits, %d pages written", crowd*each, s.commits-commits, writes.TxStats.GetWrite())
	if n := s.commits - commits; n > crowd*each/4 || n < each {
		t.Errorf("%d commits for %d saves", n, crowd*each)
	}
	want := load(t, s)
	shut(t, s)
	got := load(t, open(t, dir, nil))
	if !reflect.DeepEqual(got, want) || len(got.Records) != crowd {
		t.Errorf("%d records after a restart", len(got.Records))
	}
	for key, r := range got.Records {
		if r.Revision != each {
			t.Errorf("%s holds revision %d, want the last one", key.Name, r.Revision)
		}
	}
}

// held is a store whose disk is slow: the next commit waits for a transaction
// of the test's.
func held(t *testing.T, s *Store) (release func()) {
	t.Helper()
	tx, err := s.db.Begin(true)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}

// The end of a context ends the waiting, not the save; even when nobody of a
// group stays to wait, it is written.
func TestCallersThatGiveUp(t *testing.T) {
	for _, staying := range []int{0, 1} {
		s := open(t, t.TempDir(), nil)
		release := held(t, s)
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		var leavers, stayers sync.WaitGroup
		begin := func(wg *sync.WaitGroup, ctx context.Context, name string, want error) {
			wg.Go(func() {
				if err := s.Save(ctx, schedule.Key{Name: name}, schedule.Record{Revision: 1}); !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", name, err, want)
				}
			})
		}
		begin(&leavers, ctx, "first", enough) // also whose save is under way
		waitFor(func() bool { return committing(s) })
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
		if got := load(t, s).Records; len(got) != 4+staying && staying > 0 {
			t.Errorf("%d records are known", len(got))
		}
		dir := s.dir
		shut(t, s)
		if got := load(t, open(t, dir, nil)).Records; len(got) != 4+staying {
			t.Errorf("%d records were written, want %d", len(got), 4+staying)
		}
	}
}

// committing reports whether a commit is under way with nothing behind it.
func committing(s *Store) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.idle != nil && s.queue == nil
}

// queued counts the records that wait for the next commit.
func queued(s *Store) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue == nil {
		return 0
	}
	return len(s.queue.writes)
}

// waitFor lets others run until a condition holds.
func waitFor(condition func() bool) {
	for !condition() {
		runtime.Gosched()
	}
}

// Of two saves of one record the later call wins, whether they share a commit
// or not.
func TestTheLaterSaveWins(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	release := held(t, s)
	var wg sync.WaitGroup
	var last []byte
	for i := range 10 {
		wg.Go(func() {
			if err := s.Save(t.Context(), loja, schedule.Record{Revision: uint64(i + 1)}); err != nil {
				t.Error(err)
			}
		})
		// The first is under way, the others take one place, one after the other.
		waitFor(func() bool {
			if i == 0 {
				return committing(s)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.queue == nil {
				return false
			}
			now := s.queue.writes[entry{"credentials", loja.Name}]
			if now == nil || bytes.Equal(now, last) {
				return false
			}
			last = now
			return true
		})
	}
	commits := s.commits
	release()
	wg.Wait()
	if got := load(t, s).Records[loja].Revision; got != 10 {
		t.Errorf("revision %d, want 10", got)
	}
	if n := s.commits - commits; n != 2 {
		t.Errorf("%d commits, want the one under way and one for all others", n)
	}
}

// Close waits for the saves under way, queued ones included.
func TestCloseWaits(t *testing.T) {
	for range 20 { // without the wait it is a matter of luck
		dir := t.TempDir()
		s := open(t, dir, nil)
		release := held(t, s)
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				if err := s.Save(t.Context(), schedule.Key{Name: fmt.Sprint(i)}, schedule.Record{}); err != nil {
					t.Error(err)
				}
			})
			waitFor(func() bool { return i == 0 && committing(s) || i > 0 && queued(s) == i })
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

// A group gets the error of its commit; what failed is part of the next one.
func TestAFailedCommit(t *testing.T) {
	for name, breakIt := range map[string]func(t *testing.T, s *Store){
		"closed": func(t *testing.T, s *Store) {
			if err := s.db.Close(); err != nil {
				t.Fatal(err)
			}
		},
		"read-only": func(t *testing.T, s *Store) {
			db, err := bolt.Open(s.path(), 0o600, &bolt.Options{ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			s.db = db
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, nil)
			want := records(30)
			save(t, s, want)
			if name == "read-only" {
				if err := s.db.Close(); err != nil {
					t.Fatal(err)
				}
			}
			breakIt(t, s)
			want[loja] = schedule.Record{Revision: 77}
			if err := s.Save(t.Context(), loja, want[loja]); err == nil {
				t.Fatal("a save that cannot be written succeeds")
			}
			if !s.doubt {
				t.Error("the failed commit left no doubt")
			}
			next := schedule.Key{Kind: schedule.Hooking, Name: "next"}
			want[next] = schedule.Record{Revision: 78}
			if err := s.Save(t.Context(), next, want[next]); err != nil {
				t.Fatal(err)
			}
			if s.doubt {
				t.Error("the doubt stays after a good commit")
			}
			shut(t, s)
			if got := load(t, open(t, dir, nil)).Records; !reflect.DeepEqual(got, want) {
				t.Errorf("%d of %d records after a restart", len(got), len(want))
			}
			if got := names(t, dir); len(got) != 2 {
				t.Errorf("the directory holds %v", got)
			}
		})
	}
}

// A disk that does not answer keeps neither a caller nor the end.
func TestADiskThatHangsKeepsNobody(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	release := held(t, s)
	over, cancel := context.WithCancel(t.Context())
	var caller sync.WaitGroup
	caller.Go(func() {
		if err := s.Save(over, loja, schedule.Record{Revision: 1}); !errors.Is(err, context.Canceled) {
			t.Errorf("the caller got %v", err)
		}
	})
	waitFor(func() bool { return committing(s) })
	cancel()
	caller.Wait()
	if err := s.Close(over); err == nil || !strings.Contains(err.Error(), "the disk does not answer") {
		t.Errorf("Close gave %v", err)
	}
	if err := s.Save(t.Context(), loja, schedule.Record{}); !errors.Is(err, errClosed) {
		t.Errorf("a save after the end gave %v", err)
	}
	release()
	shut(t, s)
	if got := load(t, open(t, dir, nil)).Records[loja].Revision; got != 1 {
		t.Errorf("revision %d, want what was under way", got)
	}
}
