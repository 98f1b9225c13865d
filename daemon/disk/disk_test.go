package disk

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/devices"
)

// slow is a sink whose writes wait for their release.
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

// A write that hangs is left after a while; no other begins until it has come
// back, and what it changed is told by the next one.
func TestWriteThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &slow{make(chan struct{}, 9), make(chan bool)}
		s := New(devices.New(), "/none/file", inner)
		begun := time.Now()
		changed, err := s.Deliver(t.Context(), nil)
		if changed || !isTimeout(err) || time.Since(begun) != devices.HangsAfter {
			t.Errorf("%v, %v after %s", changed, err, time.Since(begun))
		}
		begun = time.Now()
		if _, err := s.Deliver(t.Context(), nil); !isTimeout(err) || time.Since(begun) > 0 || len(inner.begun) != 1 {
			t.Errorf("while it hangs: %v after %s, %d writes begun", err, time.Since(begun), len(inner.begun))
		}
		inner.release <- true
		synctest.Wait()
		go func() { inner.release <- false }()
		if changed, err := s.Deliver(t.Context(), nil); err != nil || !changed {
			t.Errorf("the late change is lost: %v, %v", changed, err)
		}
		go func() { inner.release <- false }()
		if changed, err := s.Deliver(t.Context(), nil); err != nil || changed {
			t.Errorf("the late change is told twice: %v, %v", changed, err)
		}
	})
}

// The end of the daemon does not wait for the write.
func TestEndLeavesAWriteThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &slow{make(chan struct{}, 9), make(chan bool)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		if _, err := New(devices.New(), "/none/file", inner).Deliver(ctx, nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		inner.release <- false
		synctest.Wait()
	})
}

func TestRolesOfTheKind(t *testing.T) {
	pool := devices.New()
	if Inspector(pool, "/none/file", &slow{}) != nil {
		t.Error("a sink that cannot look is looked at")
	}
	s := New(pool, "/none/file", &slow{})
	if err := s.Preflight(t.Context()); err != nil {
		t.Errorf("preflight: %v", err)
	}
	if change, err := s.WouldChange(t.Context(), nil); !change || err != nil {
		t.Errorf("forecast: %v, %v", change, err)
	}
}
