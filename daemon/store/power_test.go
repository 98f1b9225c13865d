package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/internal/disktest"
)

// TestPowerCutAtEveryPoint cuts the recorded system calls of a state at every point. The
// state is created, written to, grows, is rewritten after a failed sync, loses records and
// gets a key. Whatever state a power cut could leave must open, and hold each record as it
// was when Save last returned, or as it was being saved.
func TestPowerCutAtEveryPoint(t *testing.T) {
	t.Parallel()
	disk := disktest.Mount(t)
	dir := filepath.Join(disk.Root, "deep", "state")
	key := &[32]byte{7}
	life := &powerLife{t: t, disk: disk, promised: []map[string]uint64{{}}, coming: []map[string]uint64{{}}}

	s := open(t, dir, nil)
	disk.Mark("opened")
	for n := uint64(1); n <= 3; n++ {
		life.save(s, "loja", n)
		life.save(s, "filial", n)
	}
	for i := range 3 { // more than one page
		life.save(s, fmt.Sprintf("task-%d", i), 1)
	}
	life.remove(s, "filial")
	for i, op := range []string{"sync", "write"} {
		n := uint64(4 + 2*i)
		disk.Fail(op, unix.EIO, "state.db")
		if err := s.Save(t.Context(), schedule.Key{Name: "loja"}, revision(n)); err == nil {
			t.Fatalf("a failed %s is not reported", op)
		}
		disk.Heal()
		life.save(s, "loja", n+1) // rewritten after a failed sync
	}
	life.save(s, "task-3", 2)
	shut(t, s)
	if _, err := Seal(dir, key); err != nil { // rewritten again
		t.Fatal(err)
	}
	disk.Mark("sealed")
	s = open(t, dir, key)
	life.save(s, "loja", 8)
	shut(t, s)

	trace := disk.Trace()
	sealed := len(trace)
	marks := make([]int, len(trace)+1) // number of marks of saves after each change
	for i, c := range trace {
		marks[i+1] = marks[i]
		if strings.HasPrefix(c.Text, "saved") {
			marks[i+1]++
		}
		if c.Text == "sealed" {
			sealed = i
		}
	}
	states := disktest.Crashes(trace, nil, func(c disktest.Crash) {
		if t.Failed() {
			return
		}
		low, high := life.promised[marks[c.After]], life.coming[min(marks[c.After], len(life.coming)-1)]
		life.look(c, low, high, key, c.After > sealed)
	})
	t.Logf("%d changes of the disk, %d saves, %d states", len(trace), marks[len(trace)], states)
	if states < 500 {
		t.Errorf("only %d states were looked at", states)
	}
}

// powerLife records what was promised after each save, and what the next save may have
// changed.
type powerLife struct {
	t                *testing.T
	disk             *disktest.Disk
	promised, coming []map[string]uint64
}

func (l *powerLife) save(s *Store, name string, n uint64) {
	l.t.Helper()
	if err := s.Save(l.t.Context(), schedule.Key{Name: name}, revision(n)); err != nil {
		l.t.Fatal(err)
	}
	l.note(name, n)
}

func (l *powerLife) remove(s *Store, name string) {
	l.t.Helper()
	if err := s.Delete(l.t.Context(), schedule.Key{Name: name}); err != nil {
		l.t.Fatal(err)
	}
	l.note(name, 0)
}

// note records what is durable. No revision means no record.
func (l *powerLife) note(name string, n uint64) {
	last := l.promised[len(l.promised)-1]
	next := map[string]uint64{name: n}
	for k, v := range last {
		if k != name {
			next[k] = v
		}
	}
	l.coming[len(l.coming)-1] = next
	l.promised, l.coming = append(l.promised, next), append(l.coming, next)
	l.disk.Mark("saved " + name)
}

// look opens what a power cut left, and checks it.
func (l *powerLife) look(c disktest.Crash, low, high map[string]uint64, key *[32]byte, sealed bool) {
	t := l.t
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "vigente-test-")
	if err != nil {
		dir = t.TempDir()
	}
	defer os.RemoveAll(dir)
	state := c.Below("/deep/state")
	state.Lay(t, dir)
	use := key
	if _, written := state.Files["/"+fileName]; !sealed || !written {
		use = nil
	}
	s, err := Open(dir, Options{Key: use})
	if err != nil && use == nil && strings.Contains(err.Error(), "state_key is not set") {
		use = key
		s, err = Open(dir, Options{Key: use}) // the rename was already durable
	}
	if err != nil {
		t.Errorf("cut after %d (%s): %v", c.After, c.Why, err)
		return
	}
	defer s.Close(context.Background())
	got, err := s.Load()
	if err != nil {
		t.Errorf("cut after %d (%s): %v", c.After, c.Why, err)
		return
	}
	for name := range high {
		low, high := low[name], high[name]
		r, held := got.Records[schedule.Key{Name: name}]
		switch {
		case !held && (low == 0 || high == 0):
		case held && r.Token().Revision == low, held && r.Token().Revision == high:
		case held && name == "loja" && r.Token().Revision == low+1: // a save that was reported as failed
		default:
			t.Errorf("cut after %d (%s): %s holds revision %d (%v), promised was %d", c.After, c.Why, name, r.Token().Revision, held, low)
		}
	}
	for name, n := range low {
		if _, held := got.Records[schedule.Key{Name: name}]; !held && n > 0 && high[name] > 0 {
			t.Errorf("cut after %d (%s): %s is gone", c.After, c.Why, name)
		}
	}
	want := 2
	if use != nil {
		want = 3
	}
	if names := names(t, dir); len(names) != want {
		t.Errorf("cut after %d (%s): the directory holds %v", c.After, c.Why, names)
	}
}
