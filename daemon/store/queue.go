package store

import (
	"context"
	"errors"
	"fmt"
)

var errClosed = errors.New("the state is closed")

// group is what is committed together. Of two writes to one place the later
// one counts.
type group struct {
	parts  [2]part
	writes int           // calls of submit
	done   chan struct{} // closed when every err is final
}

type part struct {
	payload []byte
	err     error
}

// What a write may use of a disk that is nearly full. An intent is only written
// while there is room for more: so the answer to a call that spends something
// finds room as well.
const (
	ordinary = iota
	reserved // the end of an attempt whose intent is durable
)

// Headroom is how much of the disk must be free for anything ordinary.
const Headroom = 64 << 10

// submit queues encoded writes and returns when they are durable. One goroutine
// at a time commits, started by whoever finds none at work, and takes all that is
// queued at once: so a crowd shares one sync of the disk.
//
// The end of ctx ends the waiting; the writes go on. No caller is kept by a
// disk that does not answer.
func (s *Store) submit(ctx context.Context, class int, payload []byte) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	if s.queue == nil {
		s.queue = &group{done: make(chan struct{})}
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

// work commits group after group until nothing is queued.
func (s *Store) work() {
	for s.next() {
	}
}

// next commits one group, and reports whether there was one.
func (s *Store) next() bool {
	s.disk.Lock() // Whoever comes while the disk is busy belongs to this group.
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
	s.bringMarkUp()
	s.rewriteLater()
	return true
}

// commitGroup commits what there is room for.
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
