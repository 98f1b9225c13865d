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

// keptFor is how long an answer is kept for clients that asked before it was made.
const keptFor = 250 * time.Millisecond

// Shared makes expensive answers. Whatever the number of clients, one answer is made
// at a time and shared by all clients with the same question. A client that does not
// read its answer does not block others.
type Shared struct {
	gate *turnstile.Turnstile
	// fresh is the maximum age of a shared answer, unless the epoch has changed
	// since. Zero means that it must not be older than the question.
	fresh time.Duration
	epoch func() uint64

	mu   sync.Mutex
	made map[string]*shared
}

// NewShared returns a Shared whose answers are never older than the question.
func NewShared() *Shared { return newShared(0, func() uint64 { return 0 }) }

func newShared(fresh time.Duration, epoch func() uint64) *Shared {
	return &Shared{gate: turnstile.New(), fresh: fresh, epoch: epoch, made: map[string]*shared{}}
}

// shared is one answer. It is the http.ResponseWriter of its maker, and immutable
// afterwards.
type shared struct {
	at     time.Time // when the maker started
	epoch  uint64
	status int
	header http.Header
	text   bytes.Buffer
}

// Serve answers with the maker's output for this question, or a recent one. The answer
// must depend on the question only.
func (s *Shared) Serve(w http.ResponseWriter, r *http.Request, question string, maker func(http.ResponseWriter)) {
	answer, err := s.answer(r.Context(), question, maker)
	if err != nil {
		return // the client has disconnected
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

// usable returns an answer for a client that asked at that time.
func (s *Shared) usable(question string, asked time.Time) *shared {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := s.made[question]
	if answer == nil || answer.at.Before(asked) && (time.Since(answer.at) > s.fresh || answer.epoch != s.epoch()) {
		return nil
	}
	return answer
}

// keep keeps an answer for others, for a moment.
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
