package disk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/devices"
)

// slow is a sink whose writes block until they are released.
type slow struct {
	begun   chan struct{}
	release chan bool // whether the write changes something
}

func (s *slow) Deliver(context.Context, credential.Set) (bool, error) {
	s.begun <- struct{}{}
	return <-s.release, nil
}

func isTimeout(err error) bool {
	f, ok := errors.AsType[*credential.Fault](err)
	return ok && f.Reason == credential.ReasonTimeout
}

// TestWriteThatHangs: the caller of a hanging write returns after a while; no
// other write starts until it has returned, and its change is reported by the
// next delivery.
func TestWriteThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &slow{make(chan struct{}, 9), make(chan bool)}
		s := New(devices.New(), "/none/file", inner)
		begun := time.Now()
		changed, err := s.Deliver(t.Context(), nil)
		if changed || !isTimeout(err) || time.Since(begun) != devices.HangsAfter {
			t.Errorf("got %v, %v after %s; want a timeout", changed, err, time.Since(begun))
		}
		begun = time.Now()
		if _, err := s.Deliver(t.Context(), nil); !isTimeout(err) || time.Since(begun) > 0 || len(inner.begun) != 1 {
			t.Errorf("while it hangs: got %v after %s and %d writes started", err, time.Since(begun), len(inner.begun))
		}
		inner.release <- true
		synctest.Wait()
		go func() { inner.release <- false }()
		if changed, err := s.Deliver(t.Context(), nil); err != nil || !changed {
			t.Errorf("after the late change: got %v, %v; want a change", changed, err)
		}
		go func() { inner.release <- false }()
		if changed, err := s.Deliver(t.Context(), nil); err != nil || changed {
			t.Errorf("second delivery: got %v, %v; want no change", changed, err)
		}
	})
}

// TestEndLeavesAWriteThatHangs: the daemon's shutdown does not wait for the
// write.
func TestEndLeavesAWriteThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &slow{make(chan struct{}, 9), make(chan bool)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		if _, err := New(devices.New(), "/none/file", inner).Deliver(ctx, nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Errorf("got %v after %s, want DeadlineExceeded after 1s", err, time.Since(begun))
		}
		inner.release <- false
		synctest.Wait()
	})
}

func TestRolesOfTheKind(t *testing.T) {
	pool := devices.New()
	if New(pool, "/none/file", &slow{}).Inspector() != nil {
		t.Error("Inspector of a sink without one is not nil")
	}
	s := New(pool, "/none/file", &slow{})
	if err := s.Preflight(t.Context()); err != nil {
		t.Errorf("Preflight = %v, want nil", err)
	}
	if change, err := s.WouldChange(t.Context(), nil); !change || err != nil {
		t.Errorf("WouldChange = %v, %v; want true, nil", change, err)
	}
}

// TestPathsThatLeadNowhere: the links of a path are followed before the sink writes, and
// what is wrong with them is said as plainly as the sink would.
func TestPathsThatLeadNowhere(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("loop", filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"loop":                   ": too many symbolic links (is there a loop?)",
		"loop/x":                 ": too many symbolic links (is there a loop?)",
		strings.Repeat("x", 256): ": file name too long (correct the path)",
	} {
		path := filepath.Join(dir, name)
		_, err := New(devices.New(), path, &slow{}).Deliver(t.Context(), nil)
		if fault := credential.AsFault(err); fault.Message != "write "+path+want || fault.Reason != credential.ReasonInternal {
			t.Errorf("got %s, %q", fault.Reason, fault.Message)
		}
	}
}
