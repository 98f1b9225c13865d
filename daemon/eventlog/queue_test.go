package eventlog

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stalled is a writer that blocks until it is released.
type stalled struct {
	free chan struct{}

	mu   sync.Mutex
	text strings.Builder
}

func (s *stalled) Write(line []byte) (int, error) {
	<-s.free
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(line)
}

func (s *stalled) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func TestQueueDropsWhileTheReaderStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &stalled{free: make(chan struct{})}
		queue := NewQueue(to, func(n uint64) { fmt.Fprintf(to, "dropped %d\n", n) })
		line := strings.Repeat("x", 1023) + "\n"
		const fit, lost = queueBytes / 1024, 7
		begun := time.Now()
		for range fit + lost {
			if n, err := queue.Write([]byte(line)); n != len(line) || err != nil {
				t.Fatalf("Write returned %d, %v", n, err)
			}
		}
		if waited := time.Since(begun); waited != 0 {
			t.Errorf("Write waited %v for the reader", waited)
		}
		if got := queue.Dropped(); got != lost {
			t.Errorf("got %d dropped lines, want %d", got, lost)
		}
		if _ = queue.Sync(); time.Since(begun) != syncTime {
			t.Errorf("Sync waited %v for a stalled reader, want %v", time.Since(begun), syncTime)
		}
		close(to.free)
		synctest.Wait()
		if _, err := queue.Write([]byte("last\n")); err != nil {
			t.Fatal(err)
		}
		if err := queue.Sync(); err != nil {
			t.Fatal(err)
		}
		text := to.String()
		if got := strings.Count(text, line); got != fit {
			t.Errorf("got %d lines, want %d", got, fit)
		}
		if !strings.HasSuffix(text, "dropped 7\nlast\n") {
			t.Errorf("got %q at the end of the log", text[len(text)-40:])
		}
		if strings.Count(text, "dropped") != 1 || queue.Dropped() != lost {
			t.Errorf("dropped lines were reported %d times and counted as %d", strings.Count(text, "dropped"), queue.Dropped())
		}
	})
}

func TestQueueKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &stalled{free: make(chan struct{})}
		close(to.free)
		queue := NewQueue(to, func(uint64) { t.Error("say was called, but nothing was dropped") })
		var want strings.Builder
		for i := range 2000 {
			line := fmt.Sprintf("line %d\n", i)
			want.WriteString(line)
			if _, err := queue.Write([]byte(line)); err != nil {
				t.Fatal(err)
			}
		}
		if err := queue.Sync(); err != nil {
			t.Fatal(err)
		}
		if to.String() != want.String() {
			t.Error("lines are missing or out of order")
		}
	})
}
