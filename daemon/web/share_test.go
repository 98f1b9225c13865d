package web

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func ask(ctx context.Context, s *Shared, question string, maker func(http.ResponseWriter)) string {
	w := httptest.NewRecorder()
	s.Serve(w, httptest.NewRequest("GET", "/", nil).WithContext(ctx), question, maker)
	return w.Body.String()
}

// TestManyReadersCostAFifth: fifty readers that ask without a pause, for the same
// and for different things, take a fifth of the time for what they are answered.
// All are answered, and nobody is shown what was so before he asked.
func TestManyReadersCostAFifth(t *testing.T) {
	const took, length = 10 * time.Millisecond, 20 * time.Second
	for name, questions := range map[string]int{"the same": 1, "different things": 50} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := NewShared()
				ctx, cancel := context.WithTimeout(t.Context(), length)
				defer cancel()
				var spent time.Duration
				maker := func(w http.ResponseWriter) {
					_, _ = io.WriteString(w, strconv.FormatInt(time.Now().UnixNano(), 10))
					<-time.After(took)
					spent += took
				}
				var readers sync.WaitGroup
				answers := make([]int, 50)
				for i := range answers {
					readers.Go(func() {
						for ctx.Err() == nil {
							asked := time.Now().UnixNano()
							text := ask(ctx, s, strconv.Itoa(i%questions), maker)
							if at, err := strconv.ParseInt(text, 10, 64); err == nil && at < asked {
								t.Errorf("shown what was so %s before", time.Duration(asked-at))
							} else if err == nil {
								answers[i]++
							}
						}
					})
				}
				readers.Wait()
				if spent > length/5+took {
					t.Errorf("spent %s of %s", spent, length)
				}
				for i, n := range answers {
					if n < 5 {
						t.Errorf("reader %d was answered %d times", i, n)
					}
				}
			})
		})
	}
}

// TestNothingIsKept: an answer about a large fleet is large.
func TestNothingIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewShared()
		ask(t.Context(), s, "a", func(w http.ResponseWriter) { _, _ = io.WriteString(w, "x") })
		<-time.After(keptFor + 1)
		synctest.Wait()
		if len(s.made) != 0 {
			t.Errorf("%d answers are kept", len(s.made))
		}
	})
}

// TestSharedAnswerIsWhole: status and headers are shared too.
func TestSharedAnswerIsWhole(t *testing.T) {
	s := NewShared()
	w := httptest.NewRecorder()
	s.Serve(w, httptest.NewRequest("GET", "/", nil), "", func(w http.ResponseWriter) {
		writeJSON(w, http.StatusServiceUnavailable, true)
	})
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Content-Length") != "5" {
		t.Errorf("answered %d %v", w.Code, w.Header())
	}
}
