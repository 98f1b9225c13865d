package ini_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/atomicfile"
)

// TestSecondWriterLosesNoEdit: an AppServer rewrites the whole file thousands
// of times while we deliver. It increments a counter line, so a lost edit shows
// at its next one.
func TestSecondWriterLosesNoEdit(t *testing.T) {
	const rounds = 3000
	// Two gaps of microseconds remain that user space cannot close. A program
	// that opens the file for writing may have looked up the inode before our
	// lease; a program that renames may read, right afterwards, what we are
	// about to undo.
	const most = rounds / 1000
	for name, save := range map[string]func(path string, edit func(old string) string) error{
		"renames": saveByRename, "writes in place": saveInPlace,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(memory(t), "appserver.ini")
			write(t, path, "; AppServer\r\n[GENERAL]\r\nSTARTS=0\r\n[TSSOFFLINE]\r\nTOKEN=\r\nPORT=1\r\n")
			sink := opened(t, path, plainKeys).Sink
			stop, delivered := make(chan struct{}), 0
			var ours sync.WaitGroup
			ours.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					changed, err := sink.Deliver(t.Context(), tokens(fmt.Sprintf("TOKEN%06d", delivered)))
					if e, ok := errors.AsType[*atomicfile.Error](err); err != nil && !(ok && e.Kind == atomicfile.Conflict) {
						t.Error(err)
						return
					}
					if changed {
						delivered++
					}
				}
			})
			lost := 0
			for i := 1; i <= rounds; i++ {
				err := save(path, func(old string) string {
					if !strings.Contains(old, fmt.Sprintf("STARTS=%d\r\n", i-1)) {
						lost++
					}
					if !strings.Contains(old, "PORT=1\r\n") || !strings.HasPrefix(old, "; AppServer\r\n[GENERAL]\r\n") {
						t.Errorf("round %d: found %q", i, old)
					}
					head, _, _ := strings.Cut(old, "STARTS=")
					_, tail, _ := strings.Cut(old, "[TSSOFFLINE]")
					return head + fmt.Sprintf("STARTS=%d\r\n", i) + "[TSSOFFLINE]" + tail
				})
				if err != nil {
					t.Error(err)
					break
				}
			}
			close(stop)
			ours.Wait()
			t.Logf("%d rounds of the other program, %d deliveries, %d of its edits lost", rounds, delivered, lost)
			if lost > most {
				t.Errorf("lost %d of %d edits, want at most %d", lost, rounds, most)
			}
			if delivered < rounds/100 {
				t.Errorf("only %d deliveries succeeded", delivered)
			}
			if _, err := sink.Deliver(t.Context(), tokens("LAST")); err != nil {
				t.Error(err)
			}
			holds(t, path, fmt.Sprintf("; AppServer\r\n[GENERAL]\r\nSTARTS=%d\r\n[TSSOFFLINE]\r\nTOKEN=LAST\r\nPORT=1\r\n", rounds))
		})
	}
}

// saveByRename is a program that writes a new file and renames it.
func saveByRename(path string, edit func(string) string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", []byte(edit(string(old))), 0o600); err != nil {
		return err
	}
	err = os.Rename(path+".new", path)
	pace()
	return err
}

// pace is the pace of the other program, not a wait.
func pace() { _ = unix.Nanosleep(&unix.Timespec{Nsec: 2e5}, nil) }

// saveInPlace is a program that keeps the file open while it edits it.
func saveInPlace(path string, edit func(string) string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	old, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	text := edit(string(old))
	if _, err := f.WriteAt([]byte(text), 0); err != nil {
		return err
	}
	if err := f.Truncate(int64(len(text))); err != nil {
		return err
	}
	err = f.Close()
	pace()
	return err
}

// memory returns a folder in which syncing is free.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "vigente-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
