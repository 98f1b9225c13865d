package filesink_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/atomicfile"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/sinks"
	"github.com/vigented/vigente/sinks/filesink"
)

func parse(t *testing.T, text string) *section.Section {
	t.Helper()
	s, err := section.Parse("sinks.x", text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wantFault(t *testing.T, err error, reason credential.Reason, says ...string) {
	t.Helper()
	f, ok := errors.AsType[*credential.Fault](err)
	if !ok || f.Reason != reason {
		t.Fatalf("got %v, want a fault with reason %s", err, reason)
	}
	for _, s := range says {
		if !strings.Contains(f.Error(), s) {
			t.Errorf("fault %q does not contain %q", f, s)
		}
	}
}

func TestCommon(t *testing.T) {
	s := parse(t, "path = \"/a/../b\"\nmode = \"0640\"\nowner = \"o\"\ngroup = \"7\"\nenforce = true")
	target, b := filesink.Common(s, sinks.Env{})
	want := filesink.File{Path: "/b", Options: atomicfile.Options{Mode: 0o640, Owner: "o", Group: "7", Create: true, MaxSize: filesink.MaxSize}}
	if target != want || b.File != "/b" || b.Target != "/b" || !b.Enforce || b.Hook != nil || len(s.Finish()) > 0 {
		t.Errorf("got file %+v, binding %+v, faults %v", target, b, s.Finish())
	}
	target, b = filesink.Common(parse(t, "path = \"/x\""), sinks.Env{})
	if target.Options.Mode != 0o600 || b.Enforce {
		t.Errorf("got defaults %+v, %+v", target, b)
	}
	for _, keys := range []string{"", "path = \"\""} {
		s := parse(t, keys)
		filesink.Common(s, sinks.Env{})
		if faults := s.Finish(); len(faults) != 1 || faults[0].Key != "sinks.x.path" {
			t.Errorf("%q: got faults %v", keys, faults)
		}
	}
}

// TestFileTries: if content looks half written, the edit is called again with
// settled set.
func TestFileTries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	target := filesink.File{Path: path, Options: atomicfile.Options{Create: true}}
	var asked []bool
	edit := func(_ []byte, _, settled bool) ([]byte, error) {
		if len(asked) == 0 || asked[len(asked)-1] != settled {
			asked = append(asked, settled)
		}
		if !settled {
			return nil, fmt.Errorf("half: %w", atomicfile.ErrUnready)
		}
		return []byte("whole"), nil
	}
	if err := target.Preflight(t.Context(), edit); err != nil || !slices.Equal(asked, []bool{false, true}) {
		t.Errorf("Preflight: got calls %v, %v; want false, true", asked, err)
	}
	if got, err := target.Read(t.Context()); got.Exists || err != nil {
		t.Errorf("Preflight created the file, %v", err)
	}
	asked = nil
	if changed, err := target.Deliver(t.Context(), edit); err != nil || !changed || !slices.Equal(asked, []bool{false, true}) {
		t.Errorf("Deliver: changed %v, calls %v, %v", changed, asked, err)
	}
	if got, err := target.Read(t.Context()); string(got.Bytes) != "whole" || !got.Exists || err != nil {
		t.Errorf("Read = %q, %v, %v", got.Bytes, got.Exists, err)
	}
}

func TestFileFaults(t *testing.T) {
	dir := t.TempDir()
	target := filesink.File{Path: filepath.Join(dir, "f"), Options: atomicfile.Options{Create: true}}
	failing := func(err error) filesink.Edit {
		return func([]byte, bool, bool) ([]byte, error) { return nil, err }
	}
	own := &credential.Fault{Reason: credential.ReasonInternal, Message: "mine"}
	for _, c := range []struct {
		name   string
		err    error
		reason credential.Reason
		says   string
	}{
		{"of the kind", own, credential.ReasonInternal, "mine"},
		{"another", errors.New("line 3: odd"), credential.ReasonInternal, "edit " + target.Path + ": line 3: odd"},
		{"cancelled", context.Canceled, credential.ReasonCancelled, "cut short"},
		{"out of time", context.DeadlineExceeded, credential.ReasonTimeout, "did not answer in time"},
		{"empty content", nil, credential.ReasonInternal, "the new content is empty"},
		{"full disk", &atomicfile.Error{Op: "write", Path: "/x", Kind: atomicfile.NoSpace, Err: syscall.ENOSPC}, credential.ReasonInternal, "write /x: no space left on device (free space"},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed, err := target.Deliver(t.Context(), failing(c.err))
			if changed {
				t.Error("got changed true, want false")
			}
			wantFault(t, err, c.reason, c.says)
			if c.err != nil && !errors.Is(err, c.err) {
				t.Errorf("%v does not wrap the cause", err)
			}
			if _, err := os.Stat(target.Path); err == nil {
				t.Error("the file was created")
			}
		})
	}
}

func TestFileRead(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, filesink.MaxSize+1); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{dir: "is a directory", fifo: "read " + fifo, large: "read " + large} {
		_, err := filesink.File{Path: path}.Read(t.Context())
		wantFault(t, err, credential.ReasonInternal, says)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := filesink.File{Path: large}.Read(ctx)
	wantFault(t, err, credential.ReasonCancelled)
}
