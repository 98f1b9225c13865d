package store

import (
	"context"
	"errors"
	"fmt"
)

var errClosed = errors.New("the state is closed")

// group is a set of writes that are committed together. Of two writes to one
// entry the later one wins.
type group struct {
	parts  [2]part
	writes int           // calls of submit
	done   chan struct{} // closed when every err is final
}

type part struct {
	payload []byte
	err     error
}

// How much of a nearly full disk a write may use. An intent needs more free space
// than the end of its attempt, so that the answer to a call that consumes
// something can still be saved.
const (
	ordinary = iota
	reserved // the end of an attempt whose intent is durable
)

// Headroom is how much of the disk must be free for ordinary writes.
const Headroom = 64 << 10

// submit queues encoded writes and returns when they are durable. One goroutine
// at a time commits, and each commit takes everything that is queued, so
// concurrent writes share one sync of the disk. A caller starts that goroutine if
// it is not running.
//
// When ctx ends, submit returns but the writes continue, so a disk that hangs
// does not block the caller.
func (s *Store) submit(ctx context.Context, class int, payload []byte) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	if s.queue == nil {
		s.queue = &group{done: make(chan struct{})}
		for i := range s.spare {
			s.queue.parts[i].payload, s.spare[i] = s.spare[i], nil
		}
	}
	g := s.queue
	g.parts[class].payload = append(g.parts[class].payload, payload...)
	g.writes++
	if s.idle == nil {
		s.idle = make(chan struct{})
		go s.work()
	}
	s.mu.Unlock()

	select {
	case <-g.done:
		return g.parts[class].err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// work commits groups until the queue is empty.
func (s *Store) work() {
	for s.next() {
	}
}

// next commits one group, and reports whether there was one.
func (s *Store) next() bool {
	s.disk.Lock() // Writes that arrive while we wait for the disk join this group.
	defer s.disk.Unlock()
	s.mu.Lock()
	g := s.queue
	s.queue = nil
	if g == nil {
		close(s.idle)
		s.idle = nil
	}
	s.mu.Unlock()
	if g == nil {
		return false
	}
	s.commitGroup(g)
	close(g.done)
	s.keepBuffers(g)
	s.bringMarkUp()
	s.rewriteLater()
	return true
}

// keepBuffers keeps the buffers of a group that was committed for the next one.
func (s *Store) keepBuffers(g *group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range g.parts {
		if buf := g.parts[i].payload; cap(buf) <= keptBuffer {
			s.spare[i] = buf[:0]
		}
	}
}

// commitGroup commits those writes of a group for which there is room.
func (s *Store) commitGroup(g *group) {
	payload := g.parts[reserved].payload
	if common := &g.parts[ordinary]; len(common.payload) > 0 {
		if err := s.makeRoom(); err != nil {
			common.err = fmt.Errorf("save state: %w", err)
		} else {
			payload = append(payload, common.payload...)
		}
	}
	if len(payload) == 0 {
		return
	}
	err := s.commit(payload)
	for i := range g.parts {
		if g.parts[i].err == nil {
			g.parts[i].err = err
		}
	}
}
