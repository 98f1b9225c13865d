package web

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/vigented/vigente/internal/turnstile"
)

// keptFor is how long an answer stays for those who asked before it was made and
// have not come to it yet. No answer is kept for longer.
const keptFor = 250 * time.Millisecond

// Shared makes answers whose making costs much. However many ask at once, one
// answer is made at a time and given to all who asked the same before; and
// nobody who does not read his answer keeps others from theirs.
type Shared struct {
	gate *turnstile.Turnstile
	// fresh is how old an answer may be when somebody asks, unless the epoch has
	// changed since. Zero for none that is older than the question.
	fresh time.Duration
	epoch func() uint64

	mu   sync.Mutex
	made map[string]*shared
}

// NewShared returns Shared whose answers are never older than the question.
func NewShared() *Shared { return newShared(0, func() uint64 { return 0 }) }

func newShared(fresh time.Duration, epoch func() uint64) *Shared {
	return &Shared{gate: turnstile.New(), fresh: fresh, epoch: epoch, made: map[string]*shared{}}
}

// shared is one answer. It is the http.ResponseWriter of whoever makes it, and
// not changed afterwards.
type shared struct {
	at     time.Time // when its making began
	epoch  uint64
	status int
	header http.Header
	text   bytes.Buffer
}

// Serve answers with what the maker writes for this question, or wrote a moment
// ago. The question is all that the answer depends on.
func (s *Shared) Serve(w http.ResponseWriter, r *http.Request, question string, maker func(http.ResponseWriter)) {
	answer, err := s.answer(r.Context(), question, maker)
	if err != nil {
		return // whoever asked is gone
	}
	header := w.Header()
	for name, values := range answer.header {
		header[name] = values
	}
	header.Set("Content-Length", strconv.Itoa(answer.text.Len()))
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.text.Bytes())
}

func (s *Shared) answer(ctx context.Context, question string, maker func(http.ResponseWriter)) (answer *shared, err error) {
	asked := time.Now()
	there := func() bool {
		answer = s.usable(question, asked)
		return answer != nil
	}
	if there() {
		return answer, nil
	}
	err = s.gate.Do(ctx, there, func() {
		answer = &shared{at: time.Now(), epoch: s.epoch(), status: http.StatusOK, header: http.Header{}}
		maker(answer)
		s.keep(question, answer)
	})
	return answer, err
}

// usable returns an answer that somebody who asked at an instant may have.
func (s *Shared) usable(question string, asked time.Time) *shared {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := s.made[question]
	if answer == nil || answer.at.Before(asked) && (time.Since(answer.at) > s.fresh || answer.epoch != s.epoch()) {
		return nil
	}
	return answer
}

// keep has an answer for others, for a moment.
func (s *Shared) keep(question string, answer *shared) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made[question] = answer
	time.AfterFunc(keptFor, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.made[question] == answer {
			delete(s.made, question)
		}
	})
}

// Header implements http.ResponseWriter.
func (a *shared) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *shared) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *shared) Write(text []byte) (int, error) { return a.text.Write(text) }
