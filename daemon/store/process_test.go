package store

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/daemon/schedule"
)

// role tells a copy of the test binary what to do, with the state in its
// working directory.
const role = "VIGENTE_STORE_TEST_ROLE"

// TestMain lets the test binary act as the other process.
func TestMain(m *testing.M) {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	switch os.Getenv(role) {
	case "open":
		if _, err := Open(dir, Options{}); err != nil {
			fmt.Fprintln(os.Stdout, err)
		} else {
			fmt.Fprintln(os.Stdout, "opened")
		}
	case "save":
		saveForEver(dir)
	case "create":
		for {
			s, err := Open(dir, Options{Key: &[32]byte{5}})
			if err != nil {
				fmt.Fprintln(os.Stdout, err)
				return
			}
			fmt.Fprintln(os.Stdout, "open")
			_ = s.Close(context.Background())
			_ = os.Remove(filepath.Join(dir, markName))
			_ = os.Remove(filepath.Join(dir, fileName))
		}
	default:
		os.Exit(m.Run())
	}
}

// saveForEver saves from several goroutines and prints what is durable.
func saveForEver(dir string) {
	s, err := Open(dir, Options{})
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return
	}
	var out sync.Mutex
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := uint64(1); ; n++ {
				if err := s.Save(context.Background(), schedule.Key{Name: fmt.Sprint(i)}, revision(n)); err != nil {
					return
				}
				out.Lock()
				fmt.Fprintf(os.Stdout, "%d %d\n", i, n)
				out.Unlock()
			}
		})
	}
	all.Wait()
}

func play(t *testing.T, what, dir string) (*exec.Cmd, io.Reader) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), role+"="+what)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, out
}

func TestASecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, nil)
	begun := time.Now()
	_, again := Open(dir, Options{})
	_, out := play(t, "open", dir)
	said, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("state directory %s is in use by another vigente (pid %d)", dir, os.Getpid())
	for who, text := range map[string]string{"this process": fmt.Sprint(again), "another": string(said)} {
		if !strings.Contains(text, want) || !strings.Contains(text, "state_dir") {
			t.Errorf("%s got %q, want %q", who, text, want)
		}
	}
	if took := time.Since(begun); took < 2*lockPatience || took > 4*lockPatience {
		t.Errorf("refused after %s", took)
	}
	shut(t, s)
	_, out = play(t, "open", dir)
	if said, err := io.ReadAll(out); err != nil || string(said) != "opened\n" {
		t.Errorf("after the end of the first: %q, %v", said, err)
	}
	// The lock file holds no process id, or something else.
	for _, text := range []string{"", "rubbish"} {
		if err := os.WriteFile(filepath.Join(dir, lockName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		lock, err := os.Open(filepath.Join(dir, lockName))
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "in use by another vigente (stop") {
			t.Errorf("got %v, want a refusal that says what to do", err)
		}
		lock.Close()
	}
}

// TestKilledWhileSaving checks that everything a killed process reported as durable is
// there, and complete.
func TestKilledWhileSaving(t *testing.T) {
	dir := t.TempDir()
	for round := range 8 {
		cmd, out := play(t, "save", dir)
		lines := bufio.NewScanner(out)
		durable := map[string]uint64{}
		note := func() {
			name, n, ok := strings.Cut(lines.Text(), " ")
			revision, err := strconv.ParseUint(n, 10, 64)
			if !ok || err != nil {
				t.Fatalf("the other process printed %q", lines.Text())
			}
			durable[name] = revision
		}
		for n := 0; n < 50+37*round && lines.Scan(); n++ {
			note()
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			if strings.Contains(lines.Text(), " ") {
				note()
			}
		}
		_ = cmd.Wait()
		s := open(t, dir, nil)
		got := load(t, s).Records
		for name, revision := range durable {
			// One more save may have become durable without being reported.
			if r := got[schedule.Key{Name: name}]; r.Token().Revision < revision || r.Token().Revision > revision+1 {
				t.Errorf("round %d: %s holds revision %d, want the reported %d or one more", round, name, r.Token().Revision, revision)
			} else if want := fullRecord(); !reflect.DeepEqual(r.Token().Credential, want.Token().Credential) {
				t.Errorf("round %d: %s is not complete", round, name)
			}
		}
		shut(t, s)
	}
}

// TestKilledWhileCreating checks that a crash leaves no state or a complete one.
func TestKilledWhileCreating(t *testing.T) {
	dir := t.TempDir()
	for round := range 12 {
		cmd, out := play(t, "create", dir)
		lines := bufio.NewScanner(out)
		for n := 0; n <= round && lines.Scan(); n++ {
			if lines.Text() != "open" {
				t.Fatalf("the other process printed %q", lines.Text())
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		s, err := Open(dir, Options{Key: &[32]byte{5}})
		if err != nil {
			t.Fatalf("after a crash: %v", err)
		}
		if got := names(t, dir); len(got) != 3 {
			t.Errorf("the directory holds %v", got)
		}
		shut(t, s)
	}
	// After a crash during a rewrite the old file is used and the new one removed.
	if err := os.WriteFile(filepath.Join(dir, freshName), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	shut(t, open(t, dir, &[32]byte{5}))
	if got := names(t, dir); len(got) != 3 {
		t.Errorf("the directory holds %v", got)
	}
	// Other things with the name of the new file are not used as a state.
	for _, name := range []string{fileName, markName} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, freshName), bytes.Repeat([]byte("x"), 9000), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, nil)
	save(t, s, map[schedule.Key]schedule.Record{loja: {}})
	if got := names(t, dir); len(got) != 2 {
		t.Errorf("the directory holds %v", got)
	}
}

// TestFileChangedUnderUs: a file that is moved away while in use is rewritten. One that
// another program changes is left to the operator.
func TestFileChangedUnderUs(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(path string) error
		healed bool
	}{
		"removed":      {os.Remove, true},
		"moved away":   {func(path string) error { return os.Rename(path, path+".away") }, true},
		"cut short":    {func(path string) error { return os.Truncate(path, int64(2*os.Getpagesize())) }, false},
		"emptied":      {func(path string) error { return os.Truncate(path, 0) }, false},
		"filled again": {func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("x"), 1<<20), 0o600) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, nil)
			want := records(40)
			save(t, s, want)
			if err := tt.change(s.path()); err != nil {
				t.Fatal(err)
			}
			want[loja] = fullRecord()
			err := s.Save(t.Context(), loja, want[loja])
			if !tt.healed {
				if err == nil || !strings.Contains(err.Error(), "changed by another program while the daemon was running") {
					t.Errorf("got %v from Save, want a refusal", err)
				}
				return
			}
			if err != nil {
				t.Fatalf("Save did not replace the file: %v", err)
			}
			shut(t, s)
			if got := load(t, open(t, dir, nil)).Records; !reflect.DeepEqual(got, want) {
				t.Errorf("got %d records after a restart, want %d", len(got), len(want))
			}
		})
	}
}

// TestFileReplacedUnderUs checks that a file that replaced ours is not overwritten.
func TestFileReplacedUnderUs(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	save(t, s, records(5))
	if err := os.Remove(s.path()); err != nil {
		t.Fatal(err)
	}
	write(t, dir, []byte("theirs"))
	for range 2 {
		if err := s.Save(t.Context(), loja, schedule.Record{}); err == nil || !strings.Contains(err.Error(), "replaced while the daemon was running") {
			t.Errorf("got %v from Save, want a refusal", err)
		}
	}
	if got := string(read(t, dir)); got != "theirs" {
		t.Errorf("the file holds %q", got)
	}
}
