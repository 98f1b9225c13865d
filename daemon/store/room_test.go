package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/daemon/schedule"
)

// TestASmallDiskIsNotFilledByItself saves many times the size of a disk that is smaller than
// the usual slack, before and after other files have filled it for a while.
func TestASmallDiskIsNotFilledByItself(t *testing.T) {
	if !privateMounts(t) {
		return
	}
	dir := smallDisk(t, "1m")
	s := open(t, dir, nil)
	defer shut(t, s)
	saved := func(when string) {
		t.Helper()
		for n := range 4000 {
			k := schedule.Key{Name: string(rune('a' + n%20))}
			if err := s.Save(t.Context(), k, fullRecord()); err != nil {
				t.Fatalf("save %d %s: %v", n, when, err)
			}
		}
	}
	saved("on an empty disk")
	if s.commits < 4000 || s.log.end.at > 1<<20 {
		t.Fatalf("%d commits, %d bytes", s.commits, s.log.end.at)
	}
	filler := filepath.Join(dir, "filler")
	rewritten(t, s) // A rewrite that is still running would change the free space.
	have, _ := free(dir)
	if err := os.WriteFile(filler, make([]byte, have), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(t.Context(), loja, fullRecord()); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("a save on a full disk: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	saved("after others filled it")
}
