package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
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
		var first, rest sync.WaitGroup
		begin := func(wg *sync.WaitGroup, ctx context.Context, name string, want error) {
			wg.Go(func() {
				if err := s.Save(ctx, schedule.Key{Name: name}, schedule.Record{Revision: 1}); !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", name, err, want)
				}
			})
		}
		begin(&first, ctx, "leader", nil) // who commits stays until the disk has answered
		waitFor(func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.leading && s.queue == nil })
		for i := range 3 {
			begin(&rest, ctx, fmt.Sprint("leaver-", i), enough)
		}
		for i := range staying {
			begin(&first, t.Context(), fmt.Sprint("stayer-", i), nil)
		}
		waitFor(func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.queue != nil && s.queue.waiting == 3+staying })
		cancel(enough)
		rest.Wait()
		release()
		first.Wait()
		if got := load(t, s).Records; len(got) != 4+staying {
			t.Errorf("%d records are known", len(got))
		}
		dir := s.dir
		shut(t, s)
		if got := load(t, open(t, dir, nil)).Records; len(got) != 4+staying {
			t.Errorf("%d records were written, want %d", len(got), 4+staying)
		}
	}
}

// waitFor lets others run until a condition holds.
func waitFor(condition func() bool) {
	for !condition() {
		runtime.Gosched()
	}
}

// A caller that leaves just when the lead was passed to it, as the last one,
// has to take it.
func TestTheLastCallerTakesTheLead(t *testing.T) {
	s := &Store{}
	g := &group{lead: make(chan struct{}, 1), waiting: 2}
	g.lead <- struct{}{}
	if s.leave(g) {
		t.Error("the first of two takes the lead with it")
	}
	if !s.leave(g) {
		t.Error("the last one leaves the lead behind")
	}
	g = &group{lead: make(chan struct{}, 1), waiting: 1}
	if s.leave(g) {
		t.Error("a caller takes a lead that nobody passed")
	}
	s.queue, s.leading = g, true
	if s.pass() != g || !s.leading {
		t.Error("a group that nobody waits for is not returned to the leader")
	}
}

// A caller that has the lead commits, even if its context has ended: others
// may depend on it.
func TestWhoHasTheLeadCommits(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	const saves = 60 // each takes either way, by chance
	for i := range saves {
		if err := s.Save(ctx, schedule.Key{Name: fmt.Sprint(i)}, schedule.Record{}); err != nil {
			t.Fatal(err)
		}
	}
	shut(t, s)
	if got := load(t, open(t, dir, nil)).Records; len(got) != saves {
		t.Errorf("%d records, want %d", len(got), saves)
	}
}

// Of two saves of one record the later call wins, whether they share a commit
// or not.
func TestTheLaterSaveWins(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	release := held(t, s)
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			if err := s.Save(t.Context(), loja, schedule.Record{Revision: uint64(i + 1)}); err != nil {
				t.Error(err)
			}
		})
		waitFor(func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			if i == 0 {
				return s.leading && s.queue == nil
			}
			return s.queue != nil && s.queue.waiting == i
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
		}
		waitFor(func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.queue != nil && s.queue.waiting == 2 })
		wg.Go(func() {
			if err := s.Close(); err != nil {
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
