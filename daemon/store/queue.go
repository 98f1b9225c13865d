package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
)

var errClosed = errors.New("the state is closed")

// group is what is committed together. A later write to a place takes the
// place of an earlier one; nil deletes.
type group struct {
	writes map[entry][]byte
	done   chan struct{} // closed when err is final
	err    error
}

// submit queues a write and returns when it is durable.
func (s *Store) submit(ctx context.Context, e entry, value []byte) error {
	if err := s.submitAll(ctx, map[entry][]byte{e: value}); err != nil {
		return fmt.Errorf("save record %s: %w", e.name, err)
	}
	return nil
}

// submitAll queues writes and returns when they are durable. One goroutine at a
// time commits, started by whoever finds none at work, and takes all that is
// queued at once: so a crowd shares one sync of the disk.
//
// The end of ctx ends the waiting; the writes go on. No caller is kept by a
// disk that does not answer.
func (s *Store) submitAll(ctx context.Context, writes map[entry][]byte) error {
	for e := range writes {
		if e.bucket == "" || e.name == "" {
			return errors.New("a record has no kind or no name")
		}
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	if s.queue == nil {
		s.queue = &group{writes: map[entry][]byte{}, done: make(chan struct{})}
	}
	g := s.queue
	maps.Copy(g.writes, writes)
	if s.idle == nil {
		s.idle = make(chan struct{})
		go s.work()
	}
	s.mu.Unlock()

	select {
	case <-g.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return g.err
}

// work commits group after group until nothing is queued.
func (s *Store) work() {
	for {
		s.mu.Lock()
		g := s.queue
		if g == nil {
			close(s.idle)
			s.idle = nil
			s.mu.Unlock()
			return
		}
		s.queue = nil
		s.content.apply(g.writes)
		s.mu.Unlock()
		g.err = s.commit(g.writes)
		s.doubt = g.err != nil
		s.commits++
		close(g.done)
	}
}
