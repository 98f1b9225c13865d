package store

import (
	"context"
	"errors"
	"fmt"
)

var errClosed = errors.New("the state is closed")

// group is what is committed together. A later write to a place takes the
// place of an earlier one; nil deletes.
type group struct {
	writes  map[entry][]byte
	waiting int           // callers that wait for it
	lead    chan struct{} // holds one token once the lead was passed to it
	done    chan struct{} // closed when err is final
	err     error
}

// submit queues a write and returns when it is durable. Whoever finds nobody
// at work commits what is queued. Those who come meanwhile wait, and one of
// them commits for all of them next. So a crowd shares one sync of the disk,
// without a goroutine, and nobody works for longer than one commit beyond its
// own.
//
// The end of ctx ends the waiting; the write goes on. A caller that commits,
// for itself or since all who queued with it have left, stays until the disk
// has answered.
func (s *Store) submit(ctx context.Context, e entry, value []byte) error {
	if e.bucket == "" || e.name == "" {
		return errors.New("save record: it has no kind or no name")
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return fmt.Errorf("save record %s: %w", e.name, errClosed)
	}
	s.callers.Add(1)
	defer s.callers.Done()
	if s.queue == nil {
		s.queue = &group{writes: map[entry][]byte{}, lead: make(chan struct{}, 1), done: make(chan struct{})}
	}
	g := s.queue
	g.writes[e] = value
	g.waiting++
	if !s.leading {
		s.leading = true
		g.lead <- struct{}{}
	}
	s.mu.Unlock()

	select {
	case <-g.lead:
		s.run(g)
	case <-g.done:
	case <-ctx.Done():
		if !s.leave(g) {
			return fmt.Errorf("save record %s: %w", e.name, context.Cause(ctx))
		}
		s.run(g)
	}
	if g.err != nil {
		return fmt.Errorf("save record %s: %w", e.name, g.err)
	}
	return nil
}

// leave takes one caller out of the wait for a group. It reports true when the
// lead was passed to the group and nobody else is there to take it.
func (s *Store) leave(g *group) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.waiting--; g.waiting > 0 {
		return false
	}
	select {
	case <-g.lead:
		return true
	default:
		return false
	}
}

// run commits a group and passes the lead on. What was queued by callers that
// have all left is committed here too.
func (s *Store) run(g *group) {
	for g != nil {
		s.mu.Lock()
		s.queue = nil
		s.content.apply(g.writes)
		s.mu.Unlock()
		g.err = s.commit(g.writes)
		s.doubt = g.err != nil
		s.commits++
		close(g.done)
		g = s.pass()
	}
}

// pass gives the lead to those who wait, and returns what nobody waits for.
func (s *Store) pass() *group {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.queue == nil:
		s.leading = false
	case s.queue.waiting == 0:
		return s.queue
	default:
		s.queue.lead <- struct{}{}
	}
	return nil
}
